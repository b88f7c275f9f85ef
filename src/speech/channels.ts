// Owns the spool files of one decode: one raw PCM file per channel, and the judgement which channels are exactly the same.
// Whether others hold the same voice is judged in one-voice.ts.
// Memory is flat: 0.5 s windows and one write buffer per channel.

import { closeSync, copyFileSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { MAX_SCRATCH_BYTES, tooMuchSound } from './plausible.ts';
import { type PcmFile, SAMPLE_RATE } from './transcript.ts';

/** `twins` are later channels with the very same sound. */
export type DistinctChannel = { channel: number; pcm: PcmFile; twins: number[] };

const WINDOW = SAMPLE_RATE / 2;
/**
 * Two channels are the same when in every half second their difference has at most 5 % (-13 dB) of the energy of the
 * louder one, or is below -84 dBFS (a step or two of 16 bits). Measured worst windows of one voice sent twice through lossy codecs that code left
 * and right apart: AAC 48 kbit/s without mid/side -17 dB, MP2 64 kbit/s -21 dB, AC-3 64 kbit/s -32 dB, Opus 24 kbit/s
 * -36 dB, WMA 32 kbit/s -38 dB, MP3 and Vorbis exactly equal. Two people on two channels: about 0 dB and above. Judged
 * by window, not over the file, so that one sentence on one channel in an hour of equal sound is not lost.
 */
const SAME_RATIO = 0.05;
const SAME_FLOOR = (32_768 * 10 ** (-84 / 20)) ** 2;
const BUFFER_SAMPLES = 65_536;

type Lane = { path: string; fd: number; buffer: Int16Array; fill: number };
type Pair = { a: number; b: number; energyA: number; energyB: number; difference: number };

export class ChannelSpool {
  readonly #directory: string;
  readonly #lanes: Lane[] = [];
  #pairs: Pair[] = [];
  #windowFill = 0;
  #samples = 0;

  constructor(directory: string, channels: number) {
    this.#directory = directory;
    for (let channel = 0; channel < channels; channel++) this.#lanes.push(this.#open(channel));
    this.#pairs = allPairs(0, channels);
  }

  get channels(): number {
    return this.#lanes.length;
  }

  /** Samples per channel so far, at 16 kHz. */
  get samples(): number {
    return this.#samples;
  }

  /** One array per channel, all of one length. */
  write(channels: readonly Int16Array[]): void {
    const length = channels[0]?.length ?? 0;
    if ((this.#samples + length) * this.#lanes.length * 2 > MAX_SCRATCH_BYTES)
      throw tooMuchSound(this.#lanes.length);
    for (const [index, lane] of this.#lanes.entries()) {
      const samples = channels[index];
      if (samples?.length !== length) throw new RangeError('channels of different length');
      this.#append(lane, samples);
    }
    this.#samples += length;
    if (this.#pairs.length > 0) this.#compare(channels, length);
  }

  /**
   * A decoder that collapses equal channels may find a second one later (audio-decode does, for mp3 and AAC): until
   * now it was the same as channel 0, so it starts as a copy.
   */
  grow(channels: number): void {
    const first = this.#lanes[0];
    if (!first) throw new RangeError('no channel to copy');
    this.#drain(first);
    const before = this.#lanes.length;
    for (let channel = before; channel < channels; channel++) {
      const path = join(this.#directory, `channel-${channel}.pcm`);
      copyFileSync(first.path, path);
      this.#lanes.push({ path, fd: openSync(path, 'a'), buffer: new Int16Array(BUFFER_SAMPLES), fill: 0 });
    }
    const carried = before === 1 ? [] : this.#pairs;
    this.#pairs = [...carried, ...allPairs(before, channels)];
    this.#windowFill = 0;
  }

  /** Closes the files and deletes those that only repeat an earlier channel. */
  finish(): DistinctChannel[] {
    if (this.#windowFill > 0) this.#judge(this.#windowFill);
    for (const lane of this.#lanes) {
      this.#drain(lane);
      closeSync(lane.fd);
    }
    const distinct: DistinctChannel[] = [];
    for (const [channel, lane] of this.#lanes.entries()) {
      const twin = this.#pairs.find(
        (pair) => pair.b === channel && distinct.some((one) => one.channel === pair.a),
      );
      if (twin) {
        rmSync(lane.path);
        distinct.find((one) => one.channel === twin.a)?.twins.push(channel);
      } else distinct.push({ channel, pcm: { path: lane.path, samples: this.#samples }, twins: [] });
    }
    this.#lanes.length = 0;
    return distinct;
  }

  /** Closes and deletes everything; harmless after `finish`. */
  discard(): void {
    for (const lane of this.#lanes) {
      closeSync(lane.fd);
      rmSync(lane.path, { force: true });
    }
    this.#lanes.length = 0;
  }

  #open(channel: number): Lane {
    const path = join(this.#directory, `channel-${channel}.pcm`);
    return { path, fd: openSync(path, 'w', 0o600), buffer: new Int16Array(BUFFER_SAMPLES), fill: 0 };
  }

  #append(lane: Lane, samples: Int16Array): void {
    for (let from = 0; from < samples.length; ) {
      const count = Math.min(samples.length - from, BUFFER_SAMPLES - lane.fill);
      lane.buffer.set(samples.subarray(from, from + count), lane.fill);
      lane.fill += count;
      from += count;
      if (lane.fill === BUFFER_SAMPLES) this.#drain(lane);
    }
  }

  #drain(lane: Lane): void {
    const bytes = new Uint8Array(lane.buffer.buffer, 0, lane.fill * 2);
    for (let from = 0; from < bytes.length; ) from += writeSync(lane.fd, bytes, from);
    lane.fill = 0;
  }

  #compare(channels: readonly Int16Array[], length: number): void {
    for (let from = 0; from < length; ) {
      const to = Math.min(length, from + WINDOW - this.#windowFill);
      for (const pair of this.#pairs) accumulate(pair, channels, from, to);
      this.#windowFill += to - from;
      from = to;
      if (this.#windowFill === WINDOW) this.#judge(WINDOW);
    }
  }

  #judge(length: number): void {
    this.#pairs = this.#pairs.filter((pair) => {
      const allowed = Math.max(SAME_RATIO * Math.max(pair.energyA, pair.energyB), SAME_FLOOR * length);
      return pair.difference <= allowed;
    });
    for (const pair of this.#pairs) pair.energyA = pair.energyB = pair.difference = 0;
    this.#windowFill = 0;
  }
}

function allPairs(from: number, to: number): Pair[] {
  const pairs: Pair[] = [];
  for (let b = Math.max(1, from); b < to; b++) {
    for (let a = 0; a < b; a++) pairs.push({ a, b, energyA: 0, energyB: 0, difference: 0 });
  }
  return pairs;
}

function accumulate(pair: Pair, channels: readonly Int16Array[], from: number, to: number): void {
  const a = channels[pair.a];
  const b = channels[pair.b];
  if (!a || !b) return;
  let { energyA, energyB, difference } = pair;
  for (let i = from; i < to; i++) {
    const x = a[i] as number;
    const y = b[i] as number;
    energyA += x * x;
    energyB += y * y;
    difference += (x - y) * (x - y);
  }
  pair.energyA = energyA;
  pair.energyB = energyB;
  pair.difference = difference;
}

/** Samples of -1 to 1 as signed 16-bit, rounded and clipped; not-a-number (a damaged float WAV) becomes silence. */
export function toInt16(samples: Float32Array): Int16Array {
  const out = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    const value = Math.round((samples[i] as number) * 32_768);
    out[i] = value > 32_767 ? 32_767 : Math.max(value, -32_768);
  }
  return out;
}
