// The thread of decode-wasm.ts: reads a file in small pieces, feeds audio-decode, resamples and spools. Runs only as a
// worker thread. Every format streams, so memory does not grow with the length of the file.

import { closeSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import decode from 'audio-decode';
import { JobError } from '../errors.ts';
import { ShortageError, shortageOf } from '../shortage.ts';
import { toInt16 } from './channels.ts';
import type { WasmMessage, WasmTask } from './decode-wasm.ts';
import { damaged, MAX_CHANNELS, needsFfmpeg, noAudio, tooManyChannels, tooMuchMemory } from './decoder.ts';
import { readAt } from './file-bytes.ts';
import { machineIsOutOfMemory, saysOutOfMemory } from './memory.ts';
import { type PlainSound, readPlain } from './plain.ts';
import { refuseRate } from './plausible.ts';
import { Resampler } from './resample.ts';
import { FORMATS, type MediaKind } from './sniff.ts';
import { SoundSink } from './sound-sink.ts';
import { silenceBefore } from './timeline.ts';
import { SAMPLE_RATE } from './transcript.ts';
import { type Step, steps } from './wasm-steps.ts';

type Chunk = { channelData: Float32Array[]; sampleRate: number };
type StreamDecoder = { (chunk?: Uint8Array): Promise<Chunk>; free(): void };

/** Sound of any rate to the sink, at its rate. */
class Resampled {
  readonly #kind: MediaKind;
  readonly #sink: SoundSink;
  /** One per channel; null while the channel has been exactly as channel 0, which then does the work for both. */
  #resamplers: (Resampler | null)[] = [];
  #rate = 0;

  constructor(kind: MediaKind, sink: SoundSink) {
    this.#kind = kind;
    this.#sink = sink;
  }

  write({ channelData, sampleRate }: Chunk): void {
    const first = channelData[0];
    if (!first || first.length === 0) return;
    if (channelData.length > MAX_CHANNELS) throw tooManyChannels(channelData.length);
    this.#sink.open(channelData.length);
    if (sampleRate !== this.#rate) this.#start(sampleRate);
    if (this.#sink.channels === 1 && channelData.length > 1) {
      this.#sink.grow(channelData.length);
      this.#share();
    }
    this.#sink.write(this.#resample(channelData, first));
  }

  /** The tail of the resamplers. What is written next begins anew. */
  finish(): void {
    const [first, ...others] = this.#resamplers;
    this.#resamplers = [];
    this.#rate = 0;
    if (!first) return;
    const tail = toInt16(first.flush());
    this.#sink.write([tail, ...others.map((one) => (one ? toInt16(one.flush()) : tail))]);
  }

  /** The rate is known with the first samples; chained streams and HE-AAC may change it on the way. */
  #start(sampleRate: number): void {
    refuseRate(sampleRate, this.#kind);
    this.finish();
    this.#rate = sampleRate;
    this.#resamplers = [new Resampler(sampleRate)];
    this.#share();
  }

  #share(): void {
    while (this.#resamplers.length < this.#sink.channels) this.#resamplers.push(null);
  }

  #resample(channelData: readonly Float32Array[], first: Float32Array): Int16Array[] {
    const [leader] = this.#resamplers;
    if (!leader) throw new Error('no resampler');
    for (const [channel, own] of this.#resamplers.entries()) {
      const samples = channelData[channel] ?? first;
      if (own === null && !equal(samples, first)) this.#resamplers[channel] = leader.clone(this.#rate);
    }
    const lead = toInt16(leader.push(first));
    return this.#resamplers.map((own, channel) => {
      if (channel === 0 || own === null) return lead;
      return toInt16(own.push(channelData[channel] ?? first));
    });
  }
}

function equal(a: Float32Array, b: Float32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

async function run(task: WasmTask): Promise<void> {
  const fd = openSync(task.path, 'r');
  const sink = new SoundSink({
    directory: task.directory,
    maxDurationSeconds: task.maxDurationSeconds,
    onProgress: (seconds) => post({ type: 'progress', seconds }),
  });
  const output = new Resampled(task.kind, sink);
  try {
    if (task.plain) copyPlain(fd, task.plain, output);
    else await decodeSteps(task, steps(fd, task), { sink, output });
    output.finish();
    refuseGaps(task, sink.samples / SAMPLE_RATE);
    post({ type: 'done', result: sink.finish('') });
  } catch (error) {
    sink.discard();
    const failure = error instanceof JobError ? error : asFailure(task.kind, error);
    const { message } = failure;
    if (failure instanceof ShortageError)
      post({ type: 'short', shortage: failure.shortage, suspect: failure.suspect, message });
    else post({ type: 'failed', code: failure.code, message, cause: String(failure.cause ?? '') });
  } finally {
    closeSync(fd);
  }
}

/** Bytes of plain sound at a time. */
const PLAIN_PIECE = 65_536;

function copyPlain(fd: number, plain: PlainSound, output: Resampled): void {
  const frame = plain.bytes * plain.channels;
  const size = Math.max(1, Math.floor(PLAIN_PIECE / frame)) * frame;
  for (let at = plain.start; at < plain.end; at += size) {
    const bytes = readAt(fd, at, Math.min(size, plain.end - at));
    output.write({ channelData: readPlain(plain, bytes), sampleRate: plain.rate });
  }
}

async function decodeSteps(
  task: WasmTask,
  source: Iterable<Step>,
  { sink, output }: { sink: SoundSink; output: Resampled },
): Promise<void> {
  let decoder = await open(task);
  for (const step of source) {
    if ('bytes' in step) output.write(levelled(task.kind, await decoder(step.bytes)));
    else if ('at' in step) {
      // Only where silence is missing: the resamplers must not begin anew every second.
      if (silenceBefore(step.at, sink.samples) === 0) continue;
      output.finish();
      sink.align(step.at);
    } else {
      output.write(levelled(task.kind, await decoder()));
      decoder = await open(task);
    }
  }
  output.write(levelled(task.kind, await decoder()));
}

/** @audio/decode-flac makes 1.0 of 32,767: what is one louder in a loud sample is a capital letter in a word. */
function levelled(kind: MediaKind, chunk: Chunk): Chunk {
  if (kind !== 'flac' && kind !== 'oggflac') return chunk;
  for (const samples of chunk.channelData)
    for (let i = 0; i < samples.length; i++) samples[i] = (samples[i] as number) * (32_767 / 32_768);
  return chunk;
}

/** Where the pieces of these have no times that are read here, it can be told only that there is less sound than time. */
function refuseGaps(task: WasmTask, decoded: number): void {
  const { kind, seconds, fromZero } = task;
  const told = kind === 'asf' || ((kind === 'vorbis' || kind === 'oggflac') && fromZero);
  if (!told || seconds === null) return;
  if (seconds - decoded > 0.3 + seconds / 100)
    throw needsFfmpeg(`An ${FORMATS[kind].label} file with gaps in its sound`);
}

async function open(task: WasmTask): Promise<StreamDecoder> {
  // The type file of audio-decode 3.12 lists 13 of its decoders.
  const decoders = decode as unknown as Record<string, (() => Promise<StreamDecoder>) | undefined>;
  const create = decoders[task.wasm];
  if (!create) throw needsFfmpeg(`The audio of this ${FORMATS[task.kind].label} file`);
  return create();
}

/** audio-decode has no error codes, so its sentences are read (3.12.0 and its codecs). */
function asFailure(kind: MediaKind, error: unknown): JobError | ShortageError {
  const said = error instanceof Error ? error.message : String(error);
  const shortage = shortageOf(error);
  if (shortage !== null) return new ShortageError(shortage, said, { cause: error });
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  // A disk that fails is no fault of the file.
  if (code.startsWith('E') && code !== 'ERR_OUT_OF_RANGE') {
    return new JobError('internal', 'The decoded audio could not be stored on the server.', { cause: said });
  }
  // Where the header names a track of sound, one is there, of a kind that the decoder does not know.
  const known = kind === 'mp4' || kind === 'matroska';
  if (/no audio (track|stream)/i.test(said) && !known) return noAudio(kind, said);
  if (/unsupported|not supported|does not support|no decoder|no audio track/i.test(said)) {
    return needsFfmpeg(`The audio of this ${FORMATS[kind].label} file`, said);
  }
  if (saysOutOfMemory(said))
    return machineIsOutOfMemory()
      ? new ShortageError('memory', said, { cause: error, suspect: true })
      : tooMuchMemory(said);
  return damaged(kind, said);
}

function post(message: WasmMessage): void {
  parentPort?.postMessage(message);
}

await run(workerData as WasmTask);
