// Recognition alone, beside another engine on the same weights and the same clips, by turns in one run: CPU for a second
// of audio, word errors, memory, time to load. The others are installed from bench/peers, at the first run.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { findModel, voiceSource } from '../src/speech/weights.ts';
import { joined, samplesOf, silence } from '../test/speech/speech-set.ts';
import { machine } from './rig/ground.ts';
import { clipsOf, OWN_SET } from './speech.ts';

const execute = promisify(execFile);
const PEERS = path.resolve(import.meta.dirname, 'peers');
const RECOGNISERS = ['ringback', 'sherpa'] as const;
/** Between clips that are joined. */
const PAUSE = 0.5;

/** Raw samples, 16 kHz, 16 bits. */
export type PeerClip = { file: string; reference: string };
/** Seconds and bytes. */
export type PeerResult = {
  cpu: number;
  audio: number;
  errors: number;
  words: number;
  load: number;
  memory: number;
};

/** The files of `model` as sherpa-onnx reads them: its tokens are a table of base64 and number. */
export async function peerFiles(model: string, folder: string) {
  const cacheDirectory = path.join(tmpdir(), 'ringback-bench-models');
  const { encoder, decoder, tokens } = await findModel(model, cacheDirectory);
  const table = path.join(folder, `tokens-${model}.txt`);
  const special = ['<unk>', '<s>', '</s>'];
  const lines = tokens.map((token, id) => {
    const text = special[id] ?? (token === '' ? `<<ST_${id}>>` : token);
    const [, byte] = /^<0x([0-9A-F]{2})>$/.exec(text) ?? [];
    const bytes = byte === undefined ? Buffer.from(text) : Buffer.from(byte, 'hex');
    return `${bytes.toString('base64')} ${id}\n`;
  });
  await writeFile(table, lines.join(''));
  return { encoder, decoder, tokens: table, voice: voiceSource() };
}

/**
 * `--set FOLDER` (as for `speech`), `--models NAME,…`, `--rounds N`, `--minutes N`: joined to recordings of so many minutes
 * (0: the clips as they are).
 */
export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: {
      set: { type: 'string', default: OWN_SET },
      models: { type: 'string', default: 'moonshine-base,moonshine-tiny' },
      rounds: { type: 'string', default: '3' },
      minutes: { type: 'string', default: '0' },
    },
  });
  await execute('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: PEERS });
  const folder = await mkdtemp(path.join(tmpdir(), 'ringback-peers-'));
  try {
    const clips = await writeClips(values.set, folder, Number(values.minutes));
    const models: Record<string, unknown> = {};
    for (const model of values.models.split(','))
      models[model] = await compare(model, folder, Number(values.rounds));
    return { bench: 'peers', ...machine(), clips, minutes: Number(values.minutes), models };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function writeClips(set: string, folder: string, minutes: number): Promise<number> {
  const whole: { samples: Int16Array; reference: string }[] = [];
  for (const { path: file, reference } of await clipsOf(set))
    whole.push({ samples: await samplesOf(file), reference });
  const parts = minutes === 0 ? whole : recordings(whole, minutes * 60);
  const clips: PeerClip[] = [];
  for (const [i, { samples, reference }] of parts.entries()) {
    const file = path.join(folder, `${i}.raw`);
    await writeFile(file, samples);
    clips.push({ file, reference });
  }
  await writeFile(path.join(folder, 'set.json'), JSON.stringify(clips));
  return clips.length;
}

/** One recording of at least so many seconds: all clips, again and again. */
function recordings(clips: readonly { samples: Int16Array; reference: string }[], seconds: number) {
  const samples: Int16Array[] = [];
  const references: string[] = [];
  let length = 0;
  while (length < seconds * 16_000) {
    for (const clip of clips) {
      samples.push(clip.samples, silence(PAUSE));
      references.push(clip.reference);
      length += clip.samples.length + PAUSE * 16_000;
    }
  }
  return [{ samples: joined(samples), reference: references.join(' ') }];
}

async function compare(model: string, folder: string, rounds: number): Promise<Record<string, unknown>> {
  const results = new Map<string, PeerResult[]>(RECOGNISERS.map((name) => [name, []]));
  // Our graphs are made at the first start.
  await recognised('ringback', model, folder);
  for (let round = 0; round < rounds; round++)
    for (const name of RECOGNISERS) results.get(name)?.push(await recognised(name, model, folder));
  const told = Object.fromEntries(
    [...results].map(([name, all]) => [
      name,
      {
        cpu_per_audio_second: all.map(({ cpu, audio }) => rounded(cpu / audio, 4)),
        word_errors: all[0]?.errors,
        words: all[0]?.words,
        load_seconds: rounded(Math.min(...all.map(({ load }) => load)), 2),
        peak_memory_mb: Math.round(Math.max(...all.map(({ memory }) => memory)) / 2 ** 20),
      },
    ]),
  );
  const [ours = [], theirs = []] = [...results.values()];
  return { ...told, ratio_of_cpu: ours.map(({ cpu }, i) => rounded(cpu / (theirs[i]?.cpu ?? 0), 2)) };
}

const rounded = (value: number, decimals: number): number => Number(value.toFixed(decimals));

async function recognised(name: string, model: string, folder: string): Promise<PeerResult> {
  const { stdout } = await execute(
    process.execPath,
    [path.join(PEERS, 'recogniser.ts'), name, model, folder],
    // As the speech processes of the server are started.
    { env: { ...process.env, GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' } },
  );
  return JSON.parse(stdout) as PeerResult;
}
