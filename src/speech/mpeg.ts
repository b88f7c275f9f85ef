// How much later than the film the sound of an MPEG-TS or MPEG-PS begins (ISO/IEC 13818-1 §2.4.3): ffmpeg counts from the first sound
// that it decodes, and a player from the first picture.

import { readAt } from './file-bytes.ts';

/** A film of 20 Mbit/s whose sound comes within 12 s. */
const LOOKED_AT = 32 * 2 ** 20;
const PIECE = 188 * 192 * 32;
const CLOCK = 90_000;

/** Seconds; 0 where it cannot be told. */
export function mpegTsDelay(fd: number, start: number, head: Uint8Array): number {
  // Packets of 188 bytes, or of 192 with a time stamp before each.
  const size = head[188] === 0x47 ? 188 : 192;
  const sync = size === 188 ? 0 : 4;
  let earliest = Infinity;
  for (let from = start; from < start + LOOKED_AT; from += PIECE) {
    const bytes = readAt(fd, from, PIECE);
    for (let at = sync; at + 188 <= bytes.length; at += size) {
      const pes = pesStart(bytes, at);
      if (pes === null) continue;
      const stream = bytes[pes + 3] ?? 0;
      const time = presentationTime(bytes, pes);
      if (time === null) continue;
      earliest = Math.min(earliest, time);
      if (isSound(stream)) return (time - earliest) / CLOCK;
    }
    if (bytes.length < PIECE) break;
  }
  return 0;
}

/** The same of a program stream, whose packets stand one behind the other. */
export function mpegPsDelay(fd: number, start: number): number {
  let earliest = Infinity;
  for (let from = start; from < start + LOOKED_AT; from += PIECE) {
    // A head may begin near the end of a piece.
    const bytes = Buffer.from(readAt(fd, from, PIECE + 40));
    for (let at = bytes.indexOf(START_CODE); at >= 0 && at < PIECE; at = bytes.indexOf(START_CODE, at + 3)) {
      const stream = bytes[at + 3] ?? 0;
      // Sound, pictures, private. Codes within pictures are lower.
      if (!isSound(stream) && (stream & 0xf0) !== 0xe0) continue;
      const time =
        ((bytes[at + 6] ?? 0) & 0xc0) === 0x80 ? presentationTime(bytes, at) : mpeg1Time(bytes, at + 6);
      if (time === null) continue;
      earliest = Math.min(earliest, time);
      if (isSound(stream)) return (time - earliest) / CLOCK;
    }
    if (bytes.length < PIECE) break;
  }
  return 0;
}

const START_CODE = Buffer.from([0, 0, 1]);

/** Where the packet of a stream begins within that of the transport; null where none does. */
function pesStart(bytes: Uint8Array, at: number): number | null {
  if (bytes[at] !== 0x47 || ((bytes[at + 1] ?? 0) & 0x40) === 0) return null;
  const control = ((bytes[at + 3] ?? 0) >> 4) & 3;
  if ((control & 1) === 0) return null;
  const pes = at + 4 + ((control & 2) !== 0 ? 1 + (bytes[at + 4] ?? 0) : 0);
  return bytes[pes] === 0 && bytes[pes + 1] === 0 && bytes[pes + 2] === 1 && pes + 14 <= at + 188
    ? pes
    : null;
}

/** MPEG audio and AAC; the private ones have AC-3, DTS and Opus. */
function isSound(stream: number): boolean {
  return (stream >= 0xc0 && stream <= 0xdf) || stream === 0xbd || stream === 0xfd;
}

function presentationTime(bytes: Uint8Array, pes: number): number | null {
  if (((bytes[pes + 7] ?? 0) & 0x80) === 0) return null;
  return timeAt(bytes, pes + 9);
}

/** The header of MPEG-1 (ISO/IEC 11172-1 §2.4.3.3): stuffing, the size of a buffer, the time. */
function mpeg1Time(bytes: Uint8Array, from: number): number | null {
  let at = from;
  while (bytes[at] === 0xff && at < from + 16) at++;
  if ((bytes[at] ?? 0) >> 6 === 1) at += 2;
  return (bytes[at] ?? 0) >> 5 === 1 ? timeAt(bytes, at) : null;
}

/** 33 bits in five bytes. */
function timeAt(bytes: Uint8Array, at: number): number {
  const part = (n: number) => bytes[at + n] ?? 0;
  return (
    ((part(0) >> 1) & 7) * 2 ** 30 +
    part(1) * 2 ** 22 +
    (part(2) >> 1) * 2 ** 15 +
    part(3) * 2 ** 7 +
    (part(4) >> 1)
  );
}
