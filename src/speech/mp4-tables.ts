// Whether the tables of an MP4's index are as long as they say, and place no more samples than the file has bytes. Decoders
// take the counts at their word: with a wrong one the built-in one makes lists of billions, for minutes. And whether the
// times fit the sound. Pure.

import { text, walk } from './mp4-boxes.ts';

/** Bytes before the entries, and of one entry. */
const TABLES: Readonly<Record<string, readonly [head: number, entry: number]>> = {
  stts: [8, 8],
  ctts: [8, 8],
  stsc: [8, 12],
  stco: [8, 4],
  co64: [8, 8],
  stss: [8, 4],
};

/** QuickTime counts the samples of packed sound (ADPCM at its best 1 to 8) as if each had a byte. */
const MOST_PER_BYTE = 64;

/** `moov` is the whole box, or several. */
export function tablesFit(moov: Uint8Array, fileBytes: number): boolean {
  const bytes = new DataView(moov.buffer, moov.byteOffset, moov.byteLength);
  let fit = true;
  const visit = (type: string, body: number, end: number) => {
    const table = TABLES[type];
    if (table) fit &&= bytes.getUint32(body + 4) <= (end - body - table[0]) / table[1];
    if (type === 'elst') fit &&= bytes.getUint32(body + 4) <= (end - body - 8) / (moov[body] === 1 ? 20 : 12);
    if (type === 'stsz') fit &&= sizesFit(bytes, body, end, fileBytes);
  };
  walk(moov, 0, moov.length, visit);
  return fit;
}

function sizesFit(bytes: DataView, body: number, end: number, fileBytes: number): boolean {
  if (end - body < 12) return false;
  const [size, count] = [bytes.getUint32(body + 4), bytes.getUint32(body + 8)];
  if (size > 1) return size * count <= fileBytes;
  if (size === 1) return count <= fileBytes * MOST_PER_BYTE;
  if (count > (end - body - 12) / 4) return false;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += bytes.getUint32(body + 12 + 4 * i);
  return sum <= fileBytes;
}

/** Samples that a fragment (`moof`) places; Infinity where a run of them is longer than its box. */
export function fragmentSamples(moof: Uint8Array): number {
  const bytes = new DataView(moof.buffer, moof.byteOffset, moof.byteLength);
  let samples = 0;
  walk(moof, 0, moof.length, (type, body, end) => {
    if (type !== 'trun') return;
    const flags = bytes.getUint32(body);
    const has = (...bits: number[]) => 4 * bits.filter((bit) => (flags & bit) !== 0).length;
    const count = bytes.getUint32(body + 4);
    const held = end - body - 8 - has(1, 4);
    samples += count * has(0x100, 0x200, 0x400, 0x800) <= held ? count : Infinity;
  });
  return samples;
}

/** Samples of the track that has the most. */
export function mostSamples(moov: Uint8Array): number {
  const bytes = new DataView(moov.buffer, moov.byteOffset, moov.byteLength);
  let most = 0;
  walk(moov, 0, moov.length, (type, body, end) => {
    if (type === 'stsz' && end - body >= 12) most = Math.max(most, bytes.getUint32(body + 8));
  });
  return most;
}

/** Of the first sound track. */
type Timing = { scale: number; ticks: number; frames: number; bytes: number };

function soundTiming(moov: Uint8Array): Timing | null {
  const bytes = new DataView(moov.buffer, moov.byteOffset, moov.byteLength);
  let [scale, sound, done] = [0, false, false];
  const found: Timing = { scale: 0, ticks: 0, frames: 0, bytes: 0 };
  walk(moov, 0, moov.length, (type, body, end) => {
    if (type === 'mdhd' && end - body >= 24) scale = bytes.getUint32(body + (moov[body] === 1 ? 20 : 12));
    if (type === 'hdlr' && text(moov, body + 4) !== 'dhlr') {
      done ||= sound;
      sound = text(moov, body + 8) === 'soun';
      if (sound && !done) found.scale = scale;
    }
    if (done || !sound) return;
    if (type === 'stts') found.ticks = ticksOf(bytes, body);
    if (type === 'stsz' && end - body >= 12) Object.assign(found, sizesOf(bytes, body));
  });
  return sound || done ? found : null;
}

function ticksOf(bytes: DataView, body: number): number {
  let ticks = 0;
  for (let i = 0, count = bytes.getUint32(body + 4); i < count; i++)
    ticks += bytes.getUint32(body + 8 + 8 * i) * bytes.getUint32(body + 12 + 8 * i);
  return ticks;
}

function sizesOf(view: DataView, body: number): Pick<Timing, 'frames' | 'bytes'> {
  const [size, frames] = [view.getUint32(body + 4), view.getUint32(body + 8)];
  let bytes = size * frames;
  for (let i = 0; size === 0 && i < frames; i++) bytes += view.getUint32(body + 12 + 4 * i);
  return { frames, bytes };
}

/** 768,000 samples a second of 8 channels in 64 bits. */
const MOST_BYTES_PER_SECOND = 768_000 * 8 * 8;
/** A frame of AAC; of MP3 and AC-3 it is 576 to 1,536. */
const FRAME = 1_024;

/**
 * Whether the clock of the first sound track cannot be meant: none at all, or far too fast or too slow for its frames (a
 * recording with pauses may last many times the sound in it). ffmpeg cuts such a file to a moment. Needs tables that fit.
 */
export function timesAreImpossible(
  moov: Uint8Array,
  format: { rate: number; packed: boolean } | null,
): boolean {
  const timing = soundTiming(moov);
  if (!timing) return false;
  const { scale, ticks, frames, bytes } = timing;
  if (scale === 0) return true;
  if (ticks === 0 || frames === 0) return false;
  const seconds = ticks / scale;
  if (bytes / seconds > MOST_BYTES_PER_SECOND) return true;
  if (!format?.packed || format.rate === 0) return false;
  const expected = (frames * FRAME) / format.rate;
  return seconds * 4 + 1 < expected || seconds > expected * 100 + 60;
}
