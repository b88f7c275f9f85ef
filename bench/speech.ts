// Word error rate, speed and memory on a set of clips: first the engine alone (decoding and recognition), then the same
// clips through the HTTP API of the whole program.

import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fullTranscript } from '../src/speech/assemble.ts';
import { decode } from '../src/speech/decode.ts';
import { type Engine, loadEngine } from '../src/speech/engine.ts';
import type { Utterance } from '../src/speech/transcript.ts';
import { machine } from './rig/ground.ts';
import { type Clip, overHttp } from './rig/over-http.ts';
import { comparableWords, type WordErrors, wordErrorRate, wordErrors } from './wer.ts';

export const OWN_SET = path.resolve(import.meta.dirname, '../test/fixtures/speech');

type Result = WordErrors & { file: string; heard: string; seconds: number };

/** The clips of a folder, by its table (columns file, source, reference): `set.tsv` in it, or `FOLDER.tsv` beside it. */
export async function clipsOf(folder: string): Promise<Clip[]> {
  const inside = path.join(folder, 'set.tsv');
  const table = existsSync(inside) ? inside : `${path.resolve(folder)}.tsv`;
  const lines = (await readFile(table, 'utf8')).trimEnd().split('\n').slice(1);
  return lines.map((line) => {
    const [file = '', , reference = ''] = line.split('\t');
    return { path: path.join(folder, file), reference };
  });
}

export async function transcribe(
  engine: Engine,
  file: string,
  onSpeech?: (seconds: number, words: number) => void,
): Promise<{ utterances: Utterance[]; seconds: number }> {
  const scratchDirectory = await mkdtemp(path.join(tmpdir(), 'ringback-bench-'));
  try {
    const options = {
      path: file,
      scratchDirectory,
      ffmpeg: null,
      maxDurationSeconds: 36_000,
      timeoutMs: 600_000,
    };
    const { distinct, durationSeconds } = await decode(options);
    const utterances: Utterance[] = [];
    for (const { channel, pcm } of distinct)
      utterances.push(...(await engine.recognise(pcm, { channel, ...(onSpeech && { onSpeech }) })));
    return { utterances, seconds: durationSeconds * distinct.length };
  } finally {
    await rm(scratchDirectory, { recursive: true, force: true });
  }
}

const cpuSeconds = (since: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
};

const rounded = (value: number, decimals: number): number => Number(value.toFixed(decimals));

/**
 * `--set FOLDER`, `--model NAME`, `--threads N`. `rtf_per_core` is CPU seconds, decoding included, for a second of
 * audio; `http.rtf_wall` seconds of wall time on one worker, upload and polling included.
 */
export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: {
      set: { type: 'string', default: OWN_SET },
      model: { type: 'string', default: 'moonshine-base' },
      threads: { type: 'string', default: '1' },
    },
  });
  const clips = await clipsOf(values.set);
  const cacheDirectory = path.join(tmpdir(), 'ringback-bench-models');
  const loading = performance.now();
  const engine = await loadEngine({ model: values.model, cacheDirectory, threads: Number(values.threads) });
  const loadSeconds = (performance.now() - loading) / 1000;
  const cpu = process.cpuUsage();
  const started = performance.now();
  const results: Result[] = [];
  for (const { path: file, reference } of clips) {
    const { utterances, seconds } = await transcribe(engine, file);
    const heard = fullTranscript(utterances);
    results.push({
      file: path.basename(file),
      heard,
      seconds,
      ...wordErrors(comparableWords(reference), comparableWords(heard)),
    });
  }
  const wall = (performance.now() - started) / 1000;
  const audio = results.reduce((sum, { seconds }) => sum + seconds, 0);
  const cpuUsed = cpuSeconds(cpu);
  const peakMemory = process.resourceUsage().maxRSS;
  await engine.close();
  const http = await overHttp(clips, values.model);
  return {
    bench: 'speech',
    ...machine(),
    model: values.model,
    threads: Number(values.threads),
    clips: results.length,
    audio_seconds: rounded(audio, 1),
    words: results.reduce((sum, { reference }) => sum + reference, 0),
    word_errors: results.reduce((sum, { errors }) => sum + errors, 0),
    wer: rounded(wordErrorRate(results), 4),
    rtf_per_core: rounded(cpuUsed / audio, 4),
    rtf_wall: rounded(wall / audio, 4),
    load_seconds: rounded(loadSeconds, 2),
    peak_memory_mb: Math.round(peakMemory / 1024),
    http: {
      word_errors: http.errors.reduce((sum, { errors }) => sum + errors, 0),
      wer: rounded(wordErrorRate(http.errors), 4),
      rtf_wall: rounded(http.wall / http.audio, 4),
    },
    wrong: results
      .filter(({ errors }) => errors > 0)
      .map(({ file, errors, heard }) => ({ file, errors, heard })),
  };
}
