// The thread of decode-wasm.ts: reads a file in small pieces, feeds audio-decode, resamples and spools. Runs only as a
// worker thread. Every format streams, so memory does not grow with the length of the file.

import { closeSync, fstatSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import decode from 'audio-decode';
import { JobError } from '../errors.ts';
import { ShortageError, shortageOf } from '../shortage.ts';
import { ChannelSpool, toInt16 } from './channels.ts';
import type { WasmMessage, WasmTask } from './decode-wasm.ts';
import {
  damaged,
  MAX_CHANNELS,
  needsFfmpeg,
  noAudio,
  tooLong,
  tooManyChannels,
  tooMuchMemory,
} from './decoder.ts';
import { machineIsOutOfMemory, saysOutOfMemory } from './memory.ts';
import { indexFirst, mp4Layout, readFully, readMoov } from './mp4.ts';
import { mostSamples } from './mp4-tables.ts';
import { refuseRate } from './plausible.ts';
import { Resampler } from './resample.ts';
import { FORMATS, type MediaKind } from './sniff.ts';
import { SAMPLE_RATE } from './transcript.ts';

type Chunk = { channelData: Float32Array[]; sampleRate: number };
type StreamDecoder = { (chunk?: Uint8Array): Promise<Chunk>; free(): void };

/** Samples of an MP4 that the decoder can list in its heap of 512 MB. */
const MOST_LISTED = 30_000_000;

/** FLAC packs silence 300 to 1 and a hostile file far more: small pieces keep one answer small. */
const PIECE_BYTES: Partial<Record<MediaKind, number>> = { flac: 8192, mp4: 131_072, matroska: 131_072 };

class Sink {
  readonly #task: WasmTask;
  #spool: ChannelSpool | null = null;
  /** One per channel; null while the channel has been exactly as channel 0, which then does the work for both. */
  #resamplers: (Resampler | null)[] = [];
  #rate = 0;
  #reported = 0;

  constructor(task: WasmTask) {
    this.#task = task;
  }

  get spool(): ChannelSpool | null {
    return this.#spool;
  }

  write({ channelData, sampleRate }: Chunk): void {
    const first = channelData[0];
    if (!first || first.length === 0) return;
    if (channelData.length > MAX_CHANNELS) throw tooManyChannels(channelData.length);
    this.#spool ??= new ChannelSpool(this.#task.directory, channelData.length);
    if (sampleRate !== this.#rate) this.#start(sampleRate);
    if (this.#spool.channels === 1 && channelData.length > 1) {
      this.#spool.grow(channelData.length);
      this.#share();
    }
    this.#spool.write(this.#resample(channelData, first));
    const seconds = this.#spool.samples / SAMPLE_RATE;
    if (seconds > this.#task.maxDurationSeconds) throw tooLong(this.#task.maxDurationSeconds);
    if (seconds - this.#reported >= 10) {
      this.#reported = seconds;
      post({ type: 'progress', seconds });
    }
  }

  /** The tail of the resamplers. Nothing can be written after it but a stream of another rate. */
  finish(): void {
    const [first, ...others] = this.#resamplers;
    if (!first) return;
    const tail = toInt16(first.flush());
    this.#spool?.write([tail, ...others.map((one) => (one ? toInt16(one.flush()) : tail))]);
    this.#resamplers = [];
  }

  /** The rate is known with the first samples; chained streams and HE-AAC may change it on the way. */
  #start(sampleRate: number): void {
    refuseRate(sampleRate, this.#task.kind);
    this.finish();
    this.#rate = sampleRate;
    this.#resamplers = [new Resampler(sampleRate)];
    this.#share();
  }

  #share(): void {
    while (this.#resamplers.length < (this.#spool?.channels ?? 0)) this.#resamplers.push(null);
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

/** Bytes of the file in the order in which the decoder can use them at once. */
function* pieces(fd: number, task: WasmTask): Generator<Uint8Array> {
  const fileBytes = fstatSync(fd).size;
  let ranges: [number, number][] = [[task.audioStart, Math.min(task.audioEnd, fileBytes)]];
  if (task.kind === 'mp4') {
    const layout = mp4Layout(fd, fileBytes);
    const moov = readMoov(fd, layout);
    if (!moov) throw damaged(task.kind, 'no moov');
    // An hour of PCM, whose every sample has its place in a list: the decoder's own would be too long for its heap.
    if (mostSamples(moov) > MOST_LISTED)
      throw needsFfmpeg('So long a recording of PCM in an MP4 or QuickTime file');
    if (layout.moov && layout.moov.start > layout.mediaStart) {
      const plan = indexFirst(layout, moov);
      yield plan.head;
      ranges = plan.ranges;
    }
  }
  const size = PIECE_BYTES[task.kind] ?? 65_536;
  for (const [start, end] of ranges) {
    for (let at = start; at < end; ) {
      // The WMA decoder loses its place when its header comes in two pieces.
      const piece = new Uint8Array(Math.min(Math.max(size, task.headerBytes - at), end - at));
      const got = readFully(fd, piece, at);
      if (got === 0) return;
      at += got;
      yield piece.subarray(0, got);
    }
  }
}

/**
 * The FLAC decoder (@audio/decode-flac 1.3) looks for the next frame header within one piece only, and loses a frame for
 * each header that a piece cuts: 6 s of an hour at 4 KiB. So no piece ends within 20 bytes of a sync word.
 */
function* wholeFlacHeaders(source: Generator<Uint8Array>): Generator<Uint8Array> {
  let held = new Uint8Array(0);
  for (const piece of source) {
    const joined = new Uint8Array(held.length + piece.length);
    joined.set(held);
    joined.set(piece, held.length);
    let cut = joined.length;
    for (let at = Math.max(0, joined.length - 20); at < joined.length; at++) {
      const next = joined[at + 1];
      if (joined[at] === 0xff && (next === undefined || (next & 0xfe) === 0xf8)) {
        cut = at;
        break;
      }
    }
    held = joined.slice(cut);
    if (cut > 0) yield joined.subarray(0, cut);
  }
  if (held.length > 0) yield held;
}

async function run(task: WasmTask): Promise<void> {
  const fd = openSync(task.path, 'r');
  const sink = new Sink(task);
  try {
    const decoder = await open(task.kind);
    const source = pieces(fd, task);
    for (const piece of task.kind === 'flac' ? wholeFlacHeaders(source) : source) {
      sink.write(await decoder(piece));
    }
    sink.write(await decoder());
    sink.finish();
    const { spool } = sink;
    const [samples, channels] = [spool?.samples ?? 0, spool?.channels ?? 0];
    post({ type: 'done', result: { samples, channels, distinct: spool?.finish() ?? [], complaints: '' } });
  } catch (error) {
    sink.spool?.discard();
    const failure = error instanceof JobError ? error : asFailure(task.kind, error);
    const { message } = failure;
    if (failure instanceof ShortageError)
      post({ type: 'short', shortage: failure.shortage, suspect: failure.suspect, message });
    else post({ type: 'failed', code: failure.code, message, cause: String(failure.cause ?? '') });
  } finally {
    closeSync(fd);
  }
}

async function open(kind: MediaKind): Promise<StreamDecoder> {
  // The type file of audio-decode 3.12 lists 13 of its decoders.
  const decoders = decode as unknown as Record<string, (() => Promise<StreamDecoder>) | undefined>;
  const create = decoders[FORMATS[kind].wasm ?? ''];
  if (!create) throw needsFfmpeg(`${FORMATS[kind].label} files`);
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
  if (/no audio (track|stream)/i.test(said)) return noAudio(kind, said);
  if (/unsupported|not supported|does not support|no decoder/i.test(said)) {
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
