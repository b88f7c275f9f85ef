// Whether the tables of an MP4's index are as long as they say, and place no more samples than the file has bytes. Decoders
// take the counts at their word: with a wrong one the built-in one makes lists of billions, for minutes. Pure.

import { walk } from './mp4-boxes.ts';

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
