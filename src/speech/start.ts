// Where the sound of a file begins: behind tags of any size and number (ID3v2, APE, with covers in them), behind zeros and
// junk that recorders and broken splitters leave. No player minds them.

import { fourCc, readAt, view } from './file-bytes.ts';
import { type MediaKind, type Sniffed, sniff, sniffFrames } from './sniff.ts';

const HEAD = 65_536;
/** Tags in a row. */
const MOST_TAGS = 100;
/** Zeros or junk before the first sound; one that has more of it was not a sound file. */
const MOST_JUNK = 8 * 2 ** 20;

export type FoundSound = {
  sniffed: Exclude<Sniffed, { skip: number }>;
  /** The bytes from there on. */
  head: Uint8Array;
  start: number;
  /** A tag that swallows the rest of the file: the sound behind it is missing. */
  cutShort: boolean;
};

export function findSound(fd: number, fileBytes: number): FoundSound {
  const { at: start, tagged } = behindTags(fd, 0);
  const head = readAt(fd, start, HEAD);
  if (start >= fileBytes && tagged) return { sniffed: { kind: 'mp3' }, head, start, cutShort: true };
  const sniffed = sniff(head);
  if ('kind' in sniffed) return from(fd, start + startOf(head, sniffed.kind), sniffed);
  // What is known to be something else is not searched.
  if (!('not' in sniffed) || sniffed.not === null) {
    const found = behindZeros(fd, start, fileBytes) ?? behindJunk(fd, start, fileBytes);
    if (found) return found;
  }
  if (tagged) return { sniffed: { kind: 'mp3' }, head, start, cutShort: false };
  return { sniffed: 'not' in sniffed ? sniffed : { not: null }, head, start, cutShort: false };
}

/** Frames stand somewhere in the head; other kinds begin with it. */
function startOf(head: Uint8Array, kind: MediaKind): number {
  return kind === 'mp3' || kind === 'aac' ? (sniffFrames(head, 3)?.start ?? 0) : 0;
}

function from(fd: number, start: number, sniffed: { kind: MediaKind }): FoundSound {
  return { sniffed, head: readAt(fd, start, HEAD), start, cutShort: false };
}

function behindTags(fd: number, begin: number): { at: number; tagged: boolean } {
  let at = begin;
  for (let n = 0; n < MOST_TAGS; n++) {
    const head = readAt(fd, at, 32);
    const sniffed = sniff(head);
    if ('skip' in sniffed) at += sniffed.skip;
    // An APE tag with a header: 32 bytes, then as many as it says.
    else if (fourCc(head, 0) === 'APET' && fourCc(head, 4) === 'AGEX' && head.length === 32)
      at += 32 + view(head).getUint32(12, true);
    else break;
  }
  return { at, tagged: at > begin };
}

function behindZeros(fd: number, begin: number, fileBytes: number): FoundSound | null {
  const end = Math.min(fileBytes, begin + MOST_JUNK);
  for (let at = begin; at < end; at += HEAD) {
    const piece = readAt(fd, at, HEAD);
    const first = piece.findIndex((byte) => byte !== 0);
    if (first < 0) continue;
    const { at: start } = behindTags(fd, at + first);
    if (start === begin) return null;
    const head = readAt(fd, start, HEAD);
    const sniffed = sniff(head);
    if (!('kind' in sniffed)) return null;
    return from(fd, start + startOf(head, sniffed.kind), sniffed);
  }
  return null;
}

/** Frames of MPEG audio or AAC somewhere: eight in a row, which chance does not give. */
function behindJunk(fd: number, begin: number, fileBytes: number): FoundSound | null {
  const end = Math.min(fileBytes, begin + MOST_JUNK);
  for (let at = begin; at < end; at += HEAD) {
    // Frames of up to 8 kB may begin near the end of a piece.
    const found = sniffFrames(readAt(fd, at, 2 * HEAD), 8, HEAD);
    if (!found) continue;
    return from(fd, at + found.start, { kind: found.kind });
  }
  return null;
}
