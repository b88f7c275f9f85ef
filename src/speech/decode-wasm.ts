// Decodes without ffmpeg: audio-decode (WebAssembly) in a worker thread that can be stopped at any instant. Owns the
// thread and its limits; the work is in decode-wasm-worker.ts.

import { Worker } from 'node:worker_threads';
import { JobError, type JobErrorCode } from '../errors.ts';
import { type Shortage, ShortageError, shortageOf } from '../shortage.ts';
import {
  type DecodedChannels,
  type Decoder,
  type DecodeTask,
  damaged,
  decodingTimedOut,
  MEMORY_LIMIT,
  needsFfmpeg,
  noAudio,
  tooMuchMemory,
} from './decoder.ts';
import type { PlainSound } from './plain.ts';
import type { WaveSound } from './probed.ts';
import type { MediaKind } from './sniff.ts';
import { FORMATS } from './sniff.ts';

/** What the thread is given. */
export type WasmTask = {
  path: string;
  kind: MediaKind;
  /** Which decoder of audio-decode. */
  wasm: string;
  fileBytes: number;
  audioStart: number;
  audioEnd: number;
  headerBytes: number;
  plain: PlainSound | null;
  /** ADPCM in one of the kinds of WAV. */
  wave: WaveSound | null;
  /** Of the sound tracks of the file, from 0. */
  track: number;
  /** Seconds on the clock of the container where that of the file begins. */
  clockStart: number;
  /** As the container says; it begins at 0. */
  seconds: number | null;
  fromZero: boolean;
  directory: string;
  maxDurationSeconds: number;
};

/** What the thread says. `failed` carries the parts of a JobError, because classes do not survive the boundary. */
export type WasmMessage =
  | { type: 'progress'; seconds: number }
  | { type: 'done'; result: DecodedChannels }
  | { type: 'failed'; code: JobErrorCode; message: string; cause: string }
  | { type: 'short'; shortage: Shortage; suspect: boolean; message: string };

const POLL_MS = 200;

/**
 * Processor time that a file may take: real ones take 1 s for 50 s of sound or more, and some seconds to begin. What takes
 * more has the decoder in a loop, and is damaged. Time on the clock would blame a file for a busy machine.
 */
function mostProcessorSeconds({ probe, maxDurationSeconds }: DecodeTask): number {
  return 20 + Math.min(probe.seconds ?? maxDurationSeconds, maxDurationSeconds) / 10;
}

export const decodeWithWasm: Decoder = async (task) => {
  const format = FORMATS[task.kind];
  if (format.wasm === null) throw needsFfmpeg(`${format.label} files`);
  if (task.kind === 'asf') {
    // The WASM decoder does not tell the streams of a file apart.
    if (!task.probe.asf.audio) throw noAudio(task.kind);
    if (task.probe.asf.video) throw needsFfmpeg('Windows Media video');
  }
  if (task.probe.track > 0 && task.probe.tracks === null)
    throw needsFfmpeg(`Another audio track than the first of this ${format.label} file`);
  return run(task, ways(task));
};

/** MP3 in a WAV; and the two that the decoder of WAV has. */
const WAVE_DECODERS: Readonly<Record<number, string>> = { 85: 'mp3', 2: 'wav', 17: 'wav' };

/** Which decoder, and what of the file it gets. */
function ways({ kind, probe }: DecodeTask): Pick<WasmTask, 'wasm' | 'kind' | 'audioStart' | 'audioEnd'> {
  const { audioStart, audioEnd, wave, plain } = probe;
  const { label, wasm } = FORMATS[kind];
  const usual = { wasm: wasm ?? '', kind, audioStart, audioEnd };
  if (plain) return usual;
  if (PLAIN_HOLDERS.has(kind) && !(wave && WAVE_DECODERS[wave.tag])) {
    if (kind === 'wav' && !wave) throw probe.seconds === null ? noAudio(kind) : damaged(kind, 'no format');
    throw needsFfmpeg(`The audio of this ${label} file`);
  }
  const decoder = wave && WAVE_DECODERS[wave.tag];
  if (decoder === 'mp3' && wave)
    return { wasm: decoder, kind: 'mp3', audioStart: wave.start, audioEnd: wave.end };
  return usual;
}

/** Containers whose sound is read here where it is plain: their decoders are wrong about some of it (plain.ts). */
const PLAIN_HOLDERS: ReadonlySet<MediaKind> = new Set(['wav', 'rf64', 'w64', 'au', 'aiff', 'caf']);

function run(task: DecodeTask, way: ReturnType<typeof ways>): Promise<DecodedChannels> {
  task.signal.throwIfAborted();
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./decode-wasm-worker.${extension}`, import.meta.url), {
    workerData: {
      path: task.path,
      ...way,
      fileBytes: task.probe.fileBytes,
      headerBytes: task.probe.headerBytes,
      plain: task.probe.plain,
      wave: way.kind === 'mp3' ? null : task.probe.wave,
      track: task.probe.track,
      clockStart: task.probe.clockStart ?? 0,
      seconds: task.probe.seconds,
      fromZero: task.probe.samples !== null,
      directory: task.directory,
      maxDurationSeconds: task.maxDurationSeconds,
    } satisfies WasmTask,
    // The JavaScript heap only; sample buffers and WebAssembly memory are watched below.
    resourceLimits: { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 64, stackSizeMb: 4 },
    // mpg123 writes its complaints to the console.
    stdout: true,
    stderr: true,
    execArgv: [],
    env: {},
  });
  worker.stdout.resume();
  worker.stderr.resume();

  return new Promise<DecodedChannels>((resolve, reject) => {
    let settled = false;
    const before = process.memoryUsage.rss();
    const began = process.cpuUsage();
    const allowed = mostProcessorSeconds(task);
    const settle = (finish: () => void) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      clearInterval(poll);
      task.signal.removeEventListener('abort', onAbort);
      // The folder may be removed by the caller only when the thread is gone.
      worker.terminate().then(finish, finish);
    };
    const fail = (error: unknown) => settle(() => reject(error));
    const timer = setTimeout(() => fail(decodingTimedOut(task.timeoutMs)), task.timeoutMs);
    const poll = setInterval(() => {
      if (process.memoryUsage.rss() - before > MEMORY_LIMIT) fail(tooMuchMemory());
      const { user, system } = process.cpuUsage(began);
      if ((user + system) / 1e6 > allowed) fail(damaged(task.kind, `${allowed} s of processor time used up`));
    }, POLL_MS);
    const onAbort = () => fail(task.signal.reason);
    task.signal.addEventListener('abort', onAbort, { once: true });

    worker.on('message', (message: WasmMessage) => {
      if (message.type === 'progress') task.onProgress(message.seconds);
      else if (message.type === 'done') settle(() => resolve(message.result));
      else if (message.type === 'short')
        fail(new ShortageError(message.shortage, message.message, { suspect: message.suspect }));
      else fail(new JobError(message.code, message.message, { cause: message.cause }));
    });
    worker.once('error', (error: Error & { code?: string }) => {
      if (shortageOf(error) !== null) fail(error);
      else fail(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? tooMuchMemory(error) : damaged(task.kind, error));
    });
    worker.once('exit', (code) => fail(damaged(task.kind, `decoder thread ended with ${code}`)));
  });
}
