// Reads the box structure of MP4 and QuickTime files (ISO/IEC 14496-12) as far as decoding needs it: is the file whole,
// how long is its audio, and an order of its bytes in which the index comes first. Never reads media data.

import { readSync } from 'node:fs';
import { text, walk } from './mp4-boxes.ts';
import { fragmentMark } from './mp4-clock.ts';
import { fragmentSamples } from './mp4-tables.ts';
import type { Mp4Track } from './mp4-tracks.ts';

type Box = { type: string; start: number; body: number; end: number };

export type Mp4Layout = {
  fileBytes: number;
  /** A box ends behind the end of the file, or there is no index at all. */
  cutShort: boolean;
  moov: Box | null;
  /** Of each fragment; the first of them. */
  moofs: Box[];
  /** Where the media data starts; Infinity without any. */
  mediaStart: number;
  fragmented: boolean;
  /** A fragment places more samples than its box, or the file, has room for. */
  broken: boolean;
};

/** An index larger than this is not one: ten hours of AAC need 7 MB. */
const MAX_MOOV = 64 * 2 ** 20;
const MAX_BOXES = 1_000_000;
/** Boxes without which sound is missing. */
const NEEDED = new Set(['ftyp', 'moov', 'moof', 'mdat']);

export function mp4Layout(fd: number, fileBytes: number): Mp4Layout {
  const layout: Mp4Layout = {
    fileBytes,
    cutShort: false,
    moov: null,
    moofs: [],
    mediaStart: Infinity,
    fragmented: false,
    broken: false,
  };
  let samples = 0;
  let start = 0;
  for (let n = 0; n < MAX_BOXES && start + 8 <= fileBytes; n++) {
    const box = readBox(fd, start, fileBytes);
    if (!box) break;
    // Behind the last box there may be anything: what recorders, taggers and servers add is no box.
    if (box.end > fileBytes && NEEDED.has(box.type)) layout.cutShort = true;
    if (box.type === 'moov') layout.moov ??= box;
    if (box.type === 'mdat') layout.mediaStart = Math.min(layout.mediaStart, start);
    if (box.type === 'moof') {
      layout.fragmented = true;
      layout.moofs.push(box);
      samples += fragmentSamples(readAll(fd, box, fileBytes));
    }
    start = box.end;
  }
  if (!layout.moov) layout.cutShort = true;
  // Each has at least a byte.
  layout.broken = samples > fileBytes;
  return layout;
}

/** What of a box is in the file, and no more than an index may have. */
function readAll(fd: number, { start, end }: Box, fileBytes: number): Uint8Array {
  const bytes = new Uint8Array(Math.min(end, fileBytes, start + MAX_MOOV) - start);
  return bytes.subarray(0, readFully(fd, bytes, start));
}

/** The index as bytes, or null where it is missing, cut or absurdly large. */
export function readMoov(fd: number, layout: Mp4Layout): Uint8Array | null {
  const { moov } = layout;
  if (!moov || moov.end > layout.fileBytes || moov.end - moov.start > MAX_MOOV) return null;
  const bytes = new Uint8Array(moov.end - moov.start);
  return readFully(fd, bytes, moov.start) === bytes.length ? bytes : null;
}

/** When the first fragment of a sound track plays; null where it does not say so. */
export function fragmentStart(fd: number, layout: Mp4Layout, tracks: readonly Mp4Track[]): number | null {
  const [first] = layout.moofs;
  if (!first) return null;
  const moof = readAll(fd, first, layout.fileBytes);
  const starts = tracks.map((track) => fragmentMark(moof, first.start, track)?.seconds ?? Infinity);
  const start = Math.min(...starts);
  return Number.isFinite(start) ? start : null;
}

/** Fragments of a track, in order, each read when it is asked for. */
export function* fragmentClock(fd: number, layout: Mp4Layout, track: Mp4Track) {
  for (const box of layout.moofs) {
    const mark = fragmentMark(readAll(fd, box, layout.fileBytes), box.start, track);
    if (mark) yield mark;
  }
}

export type SoundFormat = {
  rate: number;
  channels: number;
  /** AAC-LC of one or two channels, without the extensions that a decoder may find only as it goes. */
  plain: boolean;
  /** AAC, or another format in frames of some 1,024 samples. */
  packed: boolean;
  codec: string;
};

/** Of the first sound track, from its sample description; null where it cannot be read. */
export function soundFormat(moov: Uint8Array): SoundFormat | null {
  const bytes = new DataView(moov.buffer, moov.byteOffset, moov.byteLength);
  let sound = false;
  let found: SoundFormat | null = null;
  walk(moov, 0, moov.length, (type, body, end) => {
    // QuickTime has a second one for the data, which tells nothing.
    if (type === 'hdlr' && text(moov, body + 4) !== 'dhlr') sound = text(moov, body + 8) === 'soun';
    // The first entry: 8 bytes of list, 8 of box, 16 before the channels; version 2 of QuickTime has them elsewhere.
    if (type !== 'stsd' || !sound || found || end - body < 44 || bytes.getUint16(body + 24) === 2) return;
    const channels = bytes.getUint16(body + 32);
    const rate = bytes.getUint32(body + 40) / 65_536;
    const simple = lowComplexityChannels(moov, body + 44, end);
    const codec = text(moov, body + 12);
    const packed = codec === 'mp4a';
    const plain = packed && rate > 24_000 && (simple === 1 || simple === 2);
    found = { rate, channels: plain && simple ? simple : channels, plain, packed, codec };
  });
  return found;
}

/** Where an `esds` box is looked for, and how long it is at most. */
const ESDS_WITHIN = 512;

/** Channels by an AudioSpecificConfig of AAC-LC (ISO/IEC 14496-3 §1.6.2.1), found by the tag that stands before it. */
function lowComplexityChannels(moov: Uint8Array, from: number, end: number): number | null {
  const entry = moov.subarray(from, Math.min(end, from + ESDS_WITHIN));
  const esds = entry.findIndex((_, at) => text(entry, at) === 'esds');
  if (esds < 0) return null;
  for (let tag = esds + 8; tag + 3 < entry.length; tag++) {
    // DecoderSpecificInfo, its length in one byte or in four.
    if (entry[tag] !== 5) continue;
    const config = tag + (entry[tag + 1] === 0x80 ? 5 : 2);
    const [first, second] = [entry[config] ?? 0, entry[config + 1] ?? 0];
    if (first >> 3 === 2) return (second >> 3) & 15;
  }
  return null;
}

/**
 * The byte ranges of the file with the index first. Players want it there, but recorders and ffmpeg write it last, and
 * the streaming decoder would collect the whole file before it could start (2.8 GB for an hour, measured). Chunk
 * offsets (stco, co64) of media before the index move by its size. Known as "qt-faststart".
 */
export function indexFirst(
  layout: Mp4Layout,
  moov: Uint8Array,
): { head: Uint8Array; ranges: [number, number][] } {
  const box = layout.moov;
  if (!box) throw new RangeError('no moov');
  const head = moov.slice();
  const shift = head.length;
  const view = new DataView(head.buffer);
  walk(head, 0, head.length, (type, body, end) => {
    if (type !== 'stco' && type !== 'co64') return;
    const wide = type === 'co64';
    const size = wide ? 8 : 4;
    const count = Math.min(view.getUint32(body + 4), Math.floor((end - body - 8) / size));
    for (let i = 0; i < count; i++) {
      const at = body + 8 + i * size;
      const offset = wide ? Number(view.getBigUint64(at)) : view.getUint32(at);
      if (offset >= box.start) continue;
      if (wide) view.setBigUint64(at, BigInt(offset + shift));
      else view.setUint32(at, offset + shift);
    }
  });
  return {
    head,
    ranges: [
      [0, box.start],
      [box.end, layout.fileBytes],
    ],
  };
}

function readBox(fd: number, start: number, fileBytes: number): Box | null {
  const head = new Uint8Array(16);
  const got = readFully(fd, head, start);
  if (got < 8) return null;
  const view = new DataView(head.buffer);
  let size = view.getUint32(0);
  let body = start + 8;
  if (size === 1 && got === 16) {
    size = Number(view.getBigUint64(8));
    body = start + 16;
  } else if (size === 0) size = fileBytes - start;
  if (size < body - start) return null;
  return { type: text(head, 4), start, body, end: start + size };
}

/** Reads until `into` is full or the file ends; gives the number of bytes read. */
export function readFully(fd: number, into: Uint8Array, position: number): number {
  let filled = 0;
  while (filled < into.length) {
    const got = readSync(fd, into, filled, into.length - filled, position + filled);
    if (got === 0) break;
    filled += got;
  }
  return filled;
}
