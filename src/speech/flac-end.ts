// Where the sound of a FLAC file ends, from its last frame alone (RFC 9639 §9): a frame that is whole, by its checksum, and
// that ends with the file says that nothing behind it is missing.

import { readFully } from './mp4.ts';

/** Frames of usual encoders have some 10 kB; one that is larger is not looked for. */
const TAIL = 262_144;
/** Checksums taken of what begins like a frame: one in 256 places does so by chance, a hostile file everywhere. */
const MOST_TRIES = 8;

/** Samples of each channel up to the end of the last frame; null when the file does not end with a whole one. */
export function flacEnd(fd: number, fileBytes: number, fixedBlock: number): number | null {
  const from = Math.max(0, fileBytes - TAIL);
  const bytes = new Uint8Array(fileBytes - from);
  const tail = bytes.subarray(0, readFully(fd, bytes, from));
  let tries = 0;
  for (let at = tail.length - 8; at >= 0 && tries < MOST_TRIES; at--) {
    if (tail[at] !== 0xff || ((tail[at + 1] ?? 0) & 0xfe) !== 0xf8) continue;
    const end = frameEnd(tail, at, fixedBlock);
    if (end === null) continue;
    if (crc16(tail.subarray(at)) === 0) return end;
    tries++;
  }
  return null;
}

/** The position after the frame whose header is here; null where there is none. */
function frameEnd(bytes: Uint8Array, at: number, fixedBlock: number): number | null {
  const sizeCode = (bytes[at + 2] ?? 0) >> 4;
  const rateCode = (bytes[at + 2] ?? 0) & 15;
  const coded = codedNumber(bytes, at + 4);
  if (coded === null) return null;
  let next = at + 4 + coded.length;
  let size = SIZES[sizeCode] ?? 0;
  if (sizeCode === 6) size = (bytes[next++] ?? 0) + 1;
  if (sizeCode === 7) size = ((bytes[next++] ?? 0) << 8) + (bytes[next++] ?? 0) + 1;
  if (rateCode === 12) next++;
  if (rateCode === 13 || rateCode === 14) next += 2;
  if (size === 0 || crc8(bytes.subarray(at, next + 1)) !== 0) return null;
  const variable = ((bytes[at + 1] ?? 0) & 1) === 1;
  return (variable ? coded.value : coded.value * fixedBlock) + size;
}

const SIZES = [0, 192, 576, 1152, 2304, 4608, 0, 0, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768];

/** As UTF-8 writes a character, up to 36 bits. */
function codedNumber(bytes: Uint8Array, at: number): { value: number; length: number } | null {
  const first = bytes[at] ?? 0xff;
  const length = first < 0x80 ? 1 : Math.clz32(~(first << 24));
  if (length > 7 || (first >= 0x80 && length < 2)) return null;
  let value = length === 1 ? first : first & (0x7f >> length);
  for (let n = 1; n < length; n++) value = value * 64 + ((bytes[at + n] ?? 0) & 63);
  return { value, length };
}

function crc8(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x80) !== 0 ? ((crc << 1) ^ 0x07) & 0xff : crc << 1;
  }
  return crc;
}

function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) !== 0 ? ((crc << 1) ^ 0x8005) & 0xffff : crc << 1;
  }
  return crc;
}
