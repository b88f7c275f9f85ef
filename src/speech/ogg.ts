// When the pages of an Ogg Opus file play, by their granule positions and by how long their packets are (RFC 3533, RFC 7845,
// RFC 6716 §3.1): a recorder that was muted leaves a gap between the two.

import { fourCc, readAt, view } from './file-bytes.ts';
import type { ClockMark } from './mp4-clock.ts';

const CLOCK = 48_000;
const GAP_SECONDS = 0.1;
const PAGE_HEAD = 27;
/** A page at its longest: 255 segments of 255 bytes. */
const MOST_PAGE = PAGE_HEAD + 255 + 255 * 255;

export function* oggClock(
  fd: number,
  { audioStart, audioEnd }: { audioStart: number; audioEnd: number },
): Generator<ClockMark> {
  let serial: number | null = null;
  // Ticks of the file's clock (it begins with the first sound) less those of the stream; where sound is expected next.
  let [shift, expected] = [null as number | null, 0];
  for (let at = audioStart; at < audioEnd; ) {
    const page = readAt(fd, at, MOST_PAGE);
    if (fourCc(page, 0) !== 'OggS' || page.length < PAGE_HEAD) return;
    const length = pageLength(page);
    const own = view(page).getUint32(14, true);
    // Another stream in the file: the clocks of chained ones do not go on from one another.
    if (serial !== null && own !== serial) return;
    serial = own;
    const granule = Number(view(page).getBigInt64(6, true));
    const ticks = pageTicks(page);
    if (ticks > 0 && granule > 0) {
      const last = ((page[5] ?? 0) & 4) !== 0;
      const start = granule - ticks;
      // The first page of a stream that lost its beginning, and a last one that is trimmed, begin where they say.
      shift ??= last ? 0 : -Math.max(0, start);
      if (!last && start + shift - expected > GAP_SECONDS * CLOCK)
        yield { at, seconds: (start + shift) / CLOCK };
      expected = Math.max(expected, start + shift) + ticks;
    }
    at += length;
  }
}

/** Bytes of the pages before the first sound. */
export function oggHeadBytes(
  fd: number,
  { audioStart, audioEnd }: { audioStart: number; audioEnd: number },
): number {
  for (let at = audioStart; at < audioEnd; ) {
    const page = readAt(fd, at, MOST_PAGE);
    if (fourCc(page, 0) !== 'OggS' || page.length < PAGE_HEAD) return 0;
    // Pages of the comments, which may hold a cover, have no position.
    if (Number(view(page).getBigInt64(6, true)) > 0) return at - audioStart;
    at += pageLength(page);
  }
  return 0;
}

function pageLength(page: Uint8Array): number {
  const segments = page[26] ?? 0;
  let length = PAGE_HEAD + segments;
  for (let i = 0; i < segments; i++) length += page[PAGE_HEAD + i] ?? 0;
  return length;
}

/** Of the packets that end on the page; 0 for headers. */
function pageTicks(page: Uint8Array): number {
  const segments = page[26] ?? 0;
  let [ticks, packet, at] = [0, -1, PAGE_HEAD + segments];
  const continued = ((page[5] ?? 0) & 1) !== 0;
  let first = continued;
  for (let i = 0; i < segments; i++) {
    const size = page[PAGE_HEAD + i] ?? 0;
    if (packet < 0) packet = at;
    at += size;
    if (size === 255) continue;
    // How long the rest of a packet is that began on the page before is not told here: 20 ms are usual.
    ticks += first ? CLOCK / 50 : packetTicks(page, packet);
    first = false;
    packet = -1;
  }
  return ticks;
}

/** By the first bytes of an Opus packet (RFC 6716 §3.1). */
function packetTicks(page: Uint8Array, at: number): number {
  if (fourCc(page, at) === 'Opus') return 0;
  const toc = page[at] ?? 0;
  const config = toc >> 3;
  const frame =
    config < 12
      ? ([480, 960, 1920, 2880][config & 3] ?? 960)
      : config < 16
        ? ([480, 960][config & 1] ?? 960)
        : ([120, 240, 480, 960][config & 3] ?? 960);
  const code = toc & 3;
  const frames = code === 0 ? 1 : code === 3 ? (page[at + 1] ?? 0) & 63 : 2;
  return frame * frames;
}
