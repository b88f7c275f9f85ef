// What ffmpeg can write of sound, in its containers, codecs and layouts, decoded with ffmpeg and without: each gives all of
// the sound at its time, or a sentence that names the cure. Never a part of it with success. Recognition is left out: the
// loudness over time is compared with that of the recording the files were made of.
import { spawnSync } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from '../../src/speech/decode.ts';
import { findFfmpeg } from '../../src/speech/ffmpeg.ts';
import { readOptions, tell } from './options.ts';

const VOICE = new URL('../fixtures/jfk.wav', import.meta.url).pathname;
const RATE = 16_000;
const PCM = 's16le s24le s32le f32le f64le alaw mulaw'.split(' ').map((name) => `pcm_${name}`);
const PCM_BE = 's16be s24be s32be f32be f64be alaw mulaw s8'.split(' ').map((name) => `pcm_${name}`);

/** Extensions, and what may be in them. */
const MUXERS: Readonly<Record<string, readonly string[]>> = {
  wav: [...PCM, 'pcm_u8', 'adpcm_ms', 'adpcm_ima_wav', 'adpcm_yamaha', 'libmp3lame', 'g722', 'ac3'],
  w64: [...PCM, 'pcm_u8', 'adpcm_ms', 'libmp3lame'],
  aiff: [...PCM_BE, 'pcm_s16le', 'adpcm_ima_qt'],
  caf: [...PCM.slice(0, 7), ...PCM_BE, 'adpcm_ima_qt', 'alac', 'aac', 'libopus'],
  au: PCM_BE,
  voc: ['pcm_u8', 'pcm_s16le', 'pcm_alaw', 'pcm_mulaw'],
  sox: ['pcm_s32le'],
  sf: ['pcm_s16le', 'pcm_mulaw', 'pcm_f32le'],
  mov: [...PCM, ...PCM_BE, 'pcm_u8', 'adpcm_ima_qt', 'aac', 'libmp3lame', 'ac3', 'alac', 'mp2'],
  mp4: ['aac', 'libmp3lame', 'ac3', 'eac3', 'alac', 'flac', 'libopus', 'libvorbis', 'mp2'],
  m4a: ['aac', 'alac'],
  '3gp': ['aac', 'libopencore_amrnb'],
  mkv: [...PCM, 'pcm_u8', 'pcm_s16be', 'aac', 'libmp3lame', 'mp2', 'ac3', 'eac3', 'flac', 'alac', 'libopus'],
  mka: ['libvorbis', 'wavpack', 'tta', 'truehd', 'dca', 'libspeex'],
  webm: ['libopus', 'libvorbis'],
  avi: ['pcm_s16le', 'pcm_u8', 'pcm_mulaw', 'libmp3lame', 'mp2', 'ac3', 'aac', 'wmav2', 'adpcm_ms', 'flac'],
  wma: ['wmav1', 'wmav2'],
  asf: ['libmp3lame', 'aac', 'pcm_s16le', 'ac3'],
  flv: ['libmp3lame', 'aac', 'libspeex', 'adpcm_swf'],
  ts: ['aac', 'mp2', 'libmp3lame', 'ac3', 'eac3', 'libopus', 'dca'],
  mpg: ['mp2', 'ac3', 'libmp3lame'],
  ogg: ['libvorbis', 'libopus', 'flac', 'libspeex'],
  mxf: ['pcm_s16le'],
  nut: ['pcm_s16le', 'aac', 'libvorbis', 'flac'],
  wtv: ['mp2', 'ac3'],
  mp2: ['mp2'],
  mp3: ['libmp3lame'],
  aac: ['aac'],
  latm: ['aac'],
  ac3: ['ac3'],
  eac3: ['eac3'],
  dts: ['dca'],
  thd: ['truehd'],
  flac: ['flac'],
  tta: ['tta'],
  wv: ['wavpack'],
  opus: ['libopus'],
  spx: ['libspeex'],
  amr: ['libopencore_amrnb'],
  gsm: ['libgsm'],
};
const RATES: Readonly<Record<string, number>> = {
  ...{ libopus: 48_000, adpcm_swf: 22_050, ac3: 48_000, eac3: 48_000, dca: 48_000, truehd: 48_000 },
  ...{
    libopencore_amrnb: 8_000,
    libgsm: 8_000,
    wmav1: 44_100,
    wmav2: 44_100,
    libvorbis: 44_100,
    mp2: 44_100,
  },
};
/** Containers that keep time, as ffmpeg writes them (in AVI it leaves pauses out): sound may start late in them, or pause. */
const CLOCKS = new Set('mov mp4 mkv webm mka ts ogg opus nut flv asf wma mpg wtv'.split(' '));

type Layout = { name: string; input: string[]; expected: (voice: Float64Array) => Float64Array };

/** The loudness every 10 ms, of a recording that starts so late and pauses so long in its middle. */
const placed =
  (late: number, pause = 0) =>
  (voice: Float64Array): Float64Array => {
    const [start, middle] = [late * 100, 490];
    const out = new Float64Array(start + pause * 100 + voice.length);
    out.set(voice.subarray(0, middle), start);
    out.set(voice.subarray(middle), start + middle + pause * 100);
    return out;
  };
const PICTURES = '-f lavfi -i testsrc2=size=64x64:rate=25:duration=12'.split(' ');
/** Where an option counts, the time before the start counts, too. */
const paused = (from: number) => ['-af', `asetpts=PTS+if(gte(T\\,${from})\\,6/TB\\,0)`];
const PLAIN: Layout = { name: 'plain', input: ['-i', VOICE], expected: placed(0) };
const LAYOUTS: Layout[] = [
  { name: 'late', input: ['-itsoffset', '4', '-i', VOICE], expected: placed(4) },
  { name: 'pause', input: ['-i', VOICE, ...paused(4.9)], expected: placed(0, 6) },
  { name: 'both', input: ['-itsoffset', '4', '-i', VOICE, ...paused(8.9)], expected: placed(4, 6) },
];
const FILMS = new Set(['mov', 'mp4', 'mkv', 'ts', 'avi', 'flv', 'asf', 'nut', 'mpg', 'wtv']);

export async function formats({ seconds, only }: { seconds: number; only: string[] }) {
  const { path: ffmpeg } = await findFfmpeg();
  if (ffmpeg === null) throw new Error('the sweep needs ffmpeg to write its files');
  const folder = await mkdtemp(join(tmpdir(), 'ringback-formats-'));
  const start = (await readFile(VOICE)).indexOf('data', 0, 'latin1') + 8;
  const voice = loudness(await samplesOf(VOICE, start));
  const started = performance.now();
  const outcomes: Record<string, number> = {};
  const violations: string[] = [];
  const count = (what: string) => {
    outcomes[what] = (outcomes[what] ?? 0) + 1;
  };
  try {
    for (const one of cases(only)) {
      if ((performance.now() - started) / 1_000 > seconds) {
        violations.push(`only as far as ${one.title} in ${seconds} s`);
        break;
      }
      const path = join(folder, `file.${one.extension}`);
      const made = spawnSync(ffmpeg, ['-v', 'error', '-y', ...one.args, path]);
      if (made.status !== 0) {
        count('not written by this ffmpeg');
        continue;
      }
      if (one.trailer) await appendFile(path, 'a trailer of bytes .');
      if (one.leader) await writeFile(path, Buffer.concat([Buffer.alloc(70_000), await readFile(path)]));
      for (const way of [null, ffmpeg]) {
        const fault = await judge(path, way, { expected: one.expected(voice), folder, count });
        if (fault === null) continue;
        violations.push(`${one.title} ${way ? 'with' : 'without'} ffmpeg: ${fault}`);
        tell(violations.at(-1) ?? '');
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return {
    outcomes,
    seconds: Math.round((performance.now() - started) / 1_000),
    violations,
    violationCount: violations.length,
  };
}

type Case = {
  title: string;
  extension: string;
  args: string[];
  expected: Layout['expected'];
  trailer?: boolean;
  leader?: boolean;
};

function* cases(only: string[]): Generator<Case> {
  for (const [extension, codecs] of Object.entries(MUXERS))
    for (const codec of codecs) {
      const title = `${extension} ${codec}`;
      if (only.length > 0 && !only.some((text) => title.includes(text))) continue;
      const sound = ['-c:a', codec, '-ar', String(RATES[codec] ?? RATE), '-strict', '-2'];
      yield { title, extension, args: [...PLAIN.input, ...sound], expected: PLAIN.expected };
      const trailed = { extension, args: [...PLAIN.input, ...sound], expected: PLAIN.expected };
      yield { title: `${title} with a trailer`, ...trailed, trailer: true };
      if (['mp3', 'aac', 'mp2'].includes(extension))
        yield { title: `${title} behind zeros`, ...trailed, leader: true };
      if (!CLOCKS.has(extension)) continue;
      // PCM in QuickTime is written without its pauses, blocks of WavPack last longer than where one begins.
      if ((extension === 'mov' && codec.startsWith('pcm')) || codec === 'wavpack') continue;
      for (const { name, input, expected } of LAYOUTS) {
        const args = [...input, ...sound];
        // A stream that starts late, alone in a container whose clock begins anywhere, starts at once.
        const alone = /late|both/.test(name) && !['mov', 'mp4', 'mkv', 'mka', 'webm'].includes(extension);
        if (!alone) yield { title: `${title} ${name}`, extension, args, expected };
        if (FILMS.has(extension))
          yield { title: `${title} ${name}, film`, extension, args: [...PICTURES, ...args], expected };
        if (extension === 'mp4' && name === 'pause')
          yield {
            title: `${title} ${name}, fragments`,
            extension,
            args: [...args, '-movflags', '+frag_keyframe+empty_moov', '-frag_duration', '1000000'],
            expected,
          };
      }
    }
}

type Judging = { expected: Float64Array; folder: string; count: (what: string) => void };

/** What is wrong with the outcome; null for all of the sound, or a sentence that helps. */
async function judge(path: string, way: string | null, { expected, folder, count }: Judging) {
  const scratch = await mkdtemp(join(folder, 'scratch-'));
  try {
    const options = { path, scratchDirectory: scratch, maxDurationSeconds: 600, timeoutMs: 30_000 };
    const decoded = await decode({ ...options, ffmpeg: way });
    const [first] = decoded.distinct;
    const heard = loudness(await samplesOf(first?.pcm.path ?? '', 0));
    const { likeness, lag } = bestFit(expected, heard);
    count(`sound ${way ? 'with' : 'without'} ffmpeg`);
    if (likeness < 0.9)
      return `other sound: ${likeness.toFixed(2)} at ${lag * 10} ms, ${decoded.durationSeconds} s`;
    return Math.abs(lag) > 15 ? `${lag * 10} ms away` : null;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    count(`${code} ${way ? 'with' : 'without'} ffmpeg`);
    const helps = code === 'audio_unsupported' && (way ? /Convert|Send/ : /ffmpeg/).test(message);
    return helps && way === null ? null : `${code}: ${message}`;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function samplesOf(path: string, skip: number): Promise<Int16Array> {
  const bytes = new Uint8Array(await readFile(path)).slice(skip);
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1);
}

function loudness(samples: Int16Array): Float64Array {
  const window = RATE / 100;
  return Float64Array.from({ length: Math.floor(samples.length / window) }, (_, i) => {
    let energy = 0;
    for (const sample of samples.subarray(i * window, (i + 1) * window)) energy += sample * sample;
    return Math.sqrt(energy / window);
  });
}

/** Within a second. */
function bestFit(expected: Float64Array, heard: Float64Array): { likeness: number; lag: number } {
  let best = { likeness: 0, lag: 0 };
  for (let lag = -100; lag <= 100; lag++) {
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = Math.min(0, lag); i < Math.max(expected.length, heard.length); i++) {
      const [x, y] = [expected[i] ?? 0, heard[i + lag] ?? 0];
      ab += x * y;
      aa += x * x;
      bb += y * y;
    }
    const likeness = ab / Math.sqrt(aa * bb);
    if (likeness > best.likeness) best = { likeness, lag };
  }
  return best;
}

/** `--seconds N --only TEXT …` */
export async function run(argv: string[]): Promise<Awaited<ReturnType<typeof formats>>> {
  return formats(readOptions(argv, { seconds: 900, only: [] as string[] }));
}
