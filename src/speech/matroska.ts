// Reads Matroska and WebM (EBML, RFC 8794; RFC 9559) as far as decoding needs it: which sound tracks there are, and when on
// the clock of the file their blocks play. Never reads media data.

import { readFully } from './mp4.ts';

export type MatroskaTrack = {
  number: number;
  codec: string;
  isDefault: boolean;
  rate: number | null;
  /** Nanoseconds that the encoder put before the sound. */
  delay: number;
  /** Its blocks are packed (ContentEncodings). */
  packed: boolean;
  /** Where its TrackType stands: another number there hides it from a decoder that takes the first track. */
  typeAt: number;
};

export type MatroskaHeader = {
  /** Of sound, in order. */
  tracks: MatroskaTrack[];
  /** Nanoseconds of a tick. */
  scale: number;
  seconds: number | null;
  segmentEnd: number | null;
  /** Places in the file. */
  segmentBody: number | null;
  tracksStart: number;
  tracksEnd: number;
  firstCluster: number | null;
};

type Element = { id: number; start: number; body: number; size: number | null };

const ID = {
  segment: 0x18538067,
  info: 0x1549a966,
  scale: 0x2ad7b1,
  duration: 0x4489,
  tracks: 0x1654ae6b,
  entry: 0xae,
  number: 0xd7,
  type: 0x83,
  codec: 0x86,
  isDefault: 0x88,
  audio: 0xe1,
  rate: 0xb5,
  delay: 0x56aa,
  encodings: 0x6d80,
  cluster: 0x1f43b675,
  time: 0xe7,
  simpleBlock: 0xa3,
  group: 0xa0,
  block: 0xa1,
} as const;
const MASTERS: ReadonlySet<number> = new Set([ID.segment, ID.info, ID.tracks, ID.entry, ID.audio]);
const SOUND = 2;
/** Elements before the sound; a real header has some hundreds. */
const MOST_ELEMENTS = 100_000;

export function readMatroskaHeader(fd: number, start: number): MatroskaHeader {
  const header: MatroskaHeader = {
    tracks: [],
    scale: 1_000_000,
    seconds: null,
    segmentEnd: null,
    segmentBody: null,
    tracksStart: 0,
    tracksEnd: 0,
    firstCluster: null,
  };
  const entries: (MatroskaTrack & { type: number })[] = [];
  let ticks: number | null = null;
  let at = start;
  for (let n = 0; n < MOST_ELEMENTS; n++) {
    const element = readElement(fd, at);
    if (!element) break;
    const { id, body, size } = element;
    if (id === ID.segment) header.segmentBody ??= body;
    if (id === ID.segment && size !== null) header.segmentEnd = body + size;
    if (id === ID.tracks)
      Object.assign(header, { tracksStart: element.start, tracksEnd: body + (size ?? 0) });
    if (id === ID.cluster) {
      header.firstCluster = element.start;
      break;
    }
    if (id === ID.entry) entries.push(newEntry());
    if (!MASTERS.has(id)) {
      if (size === null) break;
      if (id === ID.scale) header.scale = readNumber(fd, element) ?? header.scale;
      if (id === ID.duration) ticks = readFloat(fd, element);
      readTrackField(fd, element, entries.at(-1));
    }
    at = MASTERS.has(id) ? body : body + (size ?? 0);
  }
  if (ticks !== null) header.seconds = (ticks * header.scale) / 1e9;
  header.tracks = entries.filter((entry) => entry.type === SOUND);
  return header;
}

function newEntry(): MatroskaTrack & { type: number } {
  return { number: 0, codec: '', isDefault: true, rate: null, delay: 0, packed: false, typeAt: 0, type: 0 };
}

function readTrackField(
  fd: number,
  element: Element,
  entry: (MatroskaTrack & { type: number }) | undefined,
): void {
  if (!entry) return;
  const number = () => readNumber(fd, element) ?? 0;
  if (element.id === ID.number) entry.number = number();
  if (element.id === ID.type) Object.assign(entry, { type: number(), typeAt: element.body });
  if (element.id === ID.isDefault) entry.isDefault = number() !== 0;
  if (element.id === ID.delay) entry.delay = number();
  if (element.id === ID.rate) entry.rate ??= readFloat(fd, element);
  if (element.id === ID.encodings) entry.packed = true;
  if (element.id === ID.codec)
    entry.codec = Buffer.from(bytesAt(fd, element.body, Math.min(element.size ?? 0, 64))).toString('latin1');
}

/** A block of a track: where it begins in the file, and when it plays. */
type Block = { at: number; seconds: number };

/** Seconds between two looks at the clock. */
const EVERY = 1;
const GAP = 0.1;
/** Blocks by which it is told how far they usually are apart. */
const SOME = 64;

/** Blocks before which the clock is worth a look: the first, one behind a gap, and one a second. */
export function* matroskaClock(fd: number, header: MatroskaHeader, track: MatroskaTrack): Generator<Block> {
  let [looked, last] = [-Infinity, -Infinity];
  for (const block of blocksOf(fd, header, track)) {
    if (block.seconds - looked >= EVERY || block.seconds - last > GAP) {
      looked = block.seconds;
      yield block;
    }
    last = block.seconds;
  }
}

/** Only the first, and those behind a gap, for decoders that hold sound back: with them one may not look in between. */
export function* matroskaGaps(fd: number, header: MatroskaHeader, track: MatroskaTrack): Generator<Block> {
  const least = Math.max(GAP, 1.5 * usualDistance(fd, header, track));
  let last: number | null = null;
  for (const block of blocksOf(fd, header, track)) {
    if (last === null || block.seconds - last > least) yield block;
    last = block.seconds;
  }
}

function usualDistance(fd: number, header: MatroskaHeader, track: MatroskaTrack): number {
  const distances: number[] = [];
  let last: number | null = null;
  for (const { seconds } of blocksOf(fd, header, track)) {
    if (last !== null) distances.push(seconds - last);
    last = seconds;
    if (distances.length === SOME) break;
  }
  return distances.sort((a, b) => a - b)[distances.length >> 1] ?? 0;
}

function* blocksOf(
  fd: number,
  { scale, firstCluster }: MatroskaHeader,
  { number, delay }: MatroskaTrack,
): Generator<Block> {
  let [cluster, group] = [0, 0];
  for (let at = firstCluster ?? Infinity; at !== Infinity; ) {
    const element = readElement(fd, at);
    if (!element) return;
    const { id, body, size } = element;
    if (id === ID.time) cluster = readNumber(fd, element) ?? cluster;
    if (id === ID.group) group = element.start;
    if (id === ID.simpleBlock || id === ID.block) {
      const head = bytesAt(fd, body, 4);
      // A track number of more than a byte: more than 126 tracks.
      if ((head[0] ?? 0) === (0x80 | number) && head.length === 4) {
        const ticks = cluster + new DataView(head.buffer).getInt16(1);
        yield { at: id === ID.block ? group : element.start, seconds: (ticks * scale - delay) / 1e9 };
      }
    }
    const master = id === ID.cluster || id === ID.group || id === ID.segment;
    if (!master && size === null) return;
    at = master ? body : body + (size ?? 0);
  }
}

/** When the first block of any track plays; null where there is none. */
export function matroskaStart(fd: number, { scale, firstCluster }: MatroskaHeader): number | null {
  if (firstCluster === null) return null;
  const cluster = readElement(fd, firstCluster);
  for (let at = cluster?.body ?? Infinity, n = 0; at !== Infinity && n < 16; n++) {
    const element = readElement(fd, at);
    if (!element || element.size === null) return null;
    if (element.id === ID.time) return ((readNumber(fd, element) ?? 0) * scale) / 1e9;
    at = element.body + element.size;
  }
  return null;
}

/** Null at the end, and where there is no element. */
function readElement(fd: number, start: number): Element | null {
  const head = bytesAt(fd, start, 12);
  const idLength = Math.clz32(head[0] ?? 0) - 23;
  if (idLength > 4) return null;
  const first = head[idLength] ?? 0;
  const sizeLength = Math.clz32(first) - 23;
  if (sizeLength > 8 || head.length < idLength + sizeLength) return null;
  const id = bigEndian(head.subarray(0, idLength));
  const rest = head.subarray(idLength + 1, idLength + sizeLength);
  const data = first & (0xff >> sizeLength);
  const unknown = data === 0xff >> sizeLength && rest.every((byte) => byte === 0xff);
  const size = unknown ? null : data * 2 ** (8 * rest.length) + bigEndian(rest);
  return { id, start, body: start + idLength + sizeLength, size };
}

function readNumber(fd: number, { body, size }: Element): number | null {
  return size === null || size > 8 ? null : bigEndian(bytesAt(fd, body, size));
}

function readFloat(fd: number, { body, size }: Element): number | null {
  if (size !== 4 && size !== 8) return null;
  const bytes = bytesAt(fd, body, size);
  if (bytes.length < size) return null;
  const view = new DataView(bytes.buffer);
  return size === 4 ? view.getFloat32(0) : view.getFloat64(0);
}

function bigEndian(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

function bytesAt(fd: number, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, readFully(fd, bytes, at));
}
