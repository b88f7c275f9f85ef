// What a media file says about itself, read from its container without decoding: kind, length, and whether its end is
// missing. Both ways of decoding stand on it, so both judge a file alike.

import { closeSync, fstatSync, openSync } from 'node:fs';
import { fourCc, readAt, startsWith, u32le, view } from './file-bytes.ts';
import { flacEnd } from './flac-end.ts';
import { matroskaStart, readMatroskaHeader } from './matroska.ts';
import { fragmentStart, type Mp4Layout, mp4Layout, readMoov, soundFormat } from './mp4.ts';
import { mp4Clock } from './mp4-clock.ts';
import { tablesFit, timesAreImpossible } from './mp4-tables.ts';
import { onlyTrack, soundTracks } from './mp4-tracks.ts';
import { mpegPsDelay, mpegTsDelay } from './mpeg.ts';
import { readAiff, readAu, readCaf, readWav, readWave64, readWaveFormat } from './probe-plain.ts';
import { endsBefore, type Probe } from './probed.ts';
import { type MediaKind, mpegFrame } from './sniff.ts';
import { findSound } from './start.ts';

/** Opens, looks, closes. `track`: null for the default one. Throws only what the file system throws. */
export function probe(path: string, track: number | null = null): Probe {
  const fd = openSync(path, 'r');
  try {
    const fileBytes = fstatSync(fd).size;
    const found: Probe = {
      fileBytes,
      kind: null,
      looksLike: null,
      audioStart: 0,
      audioEnd: fileBytes,
      headerBytes: 0,
      seconds: null,
      exact: false,
      rate: null,
      channels: null,
      samples: null,
      cutShort: false,
      broken: false,
      asf: { video: false, audio: false },
      plain: null,
      wave: null,
      tracks: null,
      track: track ?? -1,
      clockStart: null,
      late: 0,
    };
    const { sniffed, head, start, cutShort } = findSound(fd, fileBytes);
    Object.assign(found, { audioStart: start, cutShort });
    if ('not' in sniffed) found.looksLike = sniffed.not;
    if ('kind' in sniffed) {
      found.kind = sniffed.kind;
      // A header of a few bytes may lie about anything; what cannot be read is simply not declared.
      try {
        READERS[sniffed.kind]?.(found, head, fd);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
      // Less than nothing, or no number: nobody can mean it. 0 is what writers leave who do not know.
      if (found.rate !== null && !(found.rate >= 0)) found.broken = true;
      if (!isLength(found.seconds)) found.seconds = null;
      if (!isLength(found.samples)) found.samples = null;
    }
    if (found.track < 0) found.track = 0;
    return found;
  } finally {
    closeSync(fd);
  }
}

/** What is none is found out by decoding. */
function isLength(claimed: number | null): boolean {
  return claimed !== null && claimed > 0 && Number.isFinite(claimed);
}

type Reader = (found: Probe, head: Uint8Array, fd: number) => void;

const READERS: Partial<Record<MediaKind, Reader>> = {
  wav: readWav,
  rf64: readWav,
  w64: readWave64,
  au: readAu,
  aiff: readAiff,
  caf: readCaf,
  flac: readFlac,
  mp3: readMpeg,
  vorbis: readOgg,
  opus: readOgg,
  oggflac: readOgg,
  ogg: readOgg,
  mp4: readMp4,
  matroska: readMatroska,
  avi: readAvi,
  mpegts: readMpegTs,
  mpegps: readMpegPs,
  asf: readAsf,
};

function readFlac(found: Probe, head: Uint8Array, fd: number): void {
  // The first block is STREAMINFO, of 34 bytes; where it is not, a decoder may yet find frames.
  if ((view(head).getUint32(4) & 0x7fff_ffff) !== 34) return;
  const info = view(head.subarray(8, 42));
  const rate = info.getUint32(10) >>> 12;
  found.rate = rate;
  found.channels = ((info.getUint32(10) >>> 9) & 7) + 1;
  const samples = (info.getUint8(13) & 15) * 2 ** 32 + info.getUint32(14);
  if (rate === 0 || samples === 0) return;
  found.seconds = samples / rate;
  found.exact = true;
  if (flacEnd(fd, found.fileBytes, info.getUint16(0)) === samples) found.samples = samples;
}

/** Xing, Info or VBRI header in the first frame: every common encoder writes one, except for plain constant rate. */
function readMpeg(found: Probe, head: Uint8Array): void {
  for (let at = 0; at + 4 < head.length; at++) {
    const frame = mpegFrame(head, at);
    if (!frame) continue;
    const next = at + frame.bytes;
    if (next + 4 <= head.length && !mpegFrame(head, next)) continue;
    const xing = at + 4 + frame.sideInfo;
    const bytes = view(head);
    found.rate = frame.rate;
    found.channels = frame.mono ? 1 : 2;
    if (['Xing', 'Info'].includes(fourCc(head, xing))) {
      const flags = bytes.getUint32(xing + 4);
      if ((flags & 1) !== 0) found.seconds = (bytes.getUint32(xing + 8) * frame.samples) / frame.rate;
      if ((flags & 3) === 3) {
        cutMpeg(found, at, bytes.getUint32(xing + 12));
        // More behind it than tags: files were joined, and it tells the length of the first.
        const rest = found.fileBytes - found.audioStart - at - bytes.getUint32(xing + 12);
        if (rest < MOST_TAGS) found.samples = xingSamples(head, xing, frame.samples);
      }
    } else if (fourCc(head, at + 36) === 'VBRI') {
      found.seconds = (bytes.getUint32(at + 36 + 14) * frame.samples) / frame.rate;
      cutMpeg(found, at, bytes.getUint32(at + 36 + 10));
    }
    found.exact = found.seconds !== null;
    return;
  }
}

/** Bytes of the usual tags at the end. */
const MOST_TAGS = 1_024;

/** All frames without what the encoder put before and after the sound, which decoders take away again. */
function xingSamples(head: Uint8Array, xing: number, perFrame: number): number | null {
  const bytes = view(head);
  const flags = bytes.getUint32(xing + 4);
  const encoder = xing + 16 + ((flags & 4) !== 0 ? 100 : 0) + ((flags & 8) !== 0 ? 4 : 0);
  if (!['LAME', 'Lavf', 'Lavc'].includes(fourCc(head, encoder))) return null;
  const [a, b, c] = head.subarray(encoder + 21, encoder + 24) as unknown as [number, number, number];
  const samples = bytes.getUint32(xing + 8) * perFrame - ((a << 4) | (b >> 4)) - (((b & 15) << 8) | c);
  return samples > 0 ? samples : null;
}

function cutMpeg(found: Probe, frameAt: number, bytes: number): void {
  found.cutShort ||= endsBefore(found, found.audioStart + frameAt + bytes);
}

/** The last page must be whole. Its granule position is the length where the clock is known. */
function readOgg(found: Probe, head: Uint8Array, fd: number): void {
  const from = Math.max(0, found.fileBytes - 131_072);
  const tail = readAt(fd, from, found.fileBytes - from);
  for (let at = tail.length - 27; at >= 0; at--) {
    if (fourCc(tail, at) !== 'OggS' || tail[at + 4] !== 0) continue;
    found.cutShort = oggPageEnd(tail, at) > tail.length;
    const last = { eos: ((tail[at + 5] ?? 0) & 4) !== 0, serial: u32le(tail, at + 14) };
    const granule = Number(view(tail).getBigInt64(at + 6, true));
    const opus = found.kind === 'opus';
    const flac = found.kind === 'oggflac';
    const clock = opus ? 48_000 : found.kind === 'vorbis' ? u32le(head, 40) : flac ? oggFlacRate(head) : 0;
    if (clock > 0 && granule > 0) found.seconds = granule / clock;
    if (clock === 0) return;
    found.rate = clock;
    found.channels = flac ? (((head[57] ?? 0) >> 1) & 7) + 1 : (head[opus ? 37 : 39] ?? null);
    // Otherwise the writer gave none (0 or -1), or all is the time before the first sound.
    if (granule <= 0) return;
    const whole = !found.cutShort && last.eos && last.serial === u32le(head, 14);
    if (whole && startsAtZero(head, clock, granule))
      found.samples = granule - (opus ? view(head).getUint16(38, true) : 0);
    return;
  }
}

/** STREAMINFO stands behind the page's head, nine bytes of mapping, `fLaC` and the head of the block. */
function oggFlacRate(head: Uint8Array): number {
  return view(head).getUint32(55) >>> 12;
}

/**
 * A stream that was cut out of a longer one keeps that one's positions: the first page with sound of such a one is far
 * in. Pages of good encoders hold a second or less.
 */
function startsAtZero(head: Uint8Array, clock: number, end: number): boolean {
  for (let at = 0; at + 27 <= head.length && fourCc(head, at) === 'OggS'; ) {
    const granule = Number(view(head).getBigInt64(at + 6, true));
    if (granule > 0) return granule <= Math.min(2 * clock, end);
    at = oggPageEnd(head, at);
  }
  return false;
}

/** Of the page that begins at `at`, by its table of segments (RFC 3533 §6); beyond the bytes when it is cut short. */
function oggPageEnd(bytes: Uint8Array, at: number): number {
  const body = at + 27 + (bytes[at + 26] ?? 0);
  return bytes.subarray(at + 27, body).reduce((end, length) => end + length, body);
}

/** A recording cut out of a longer one keeps its clock, and its first minute is not an hour in. */
const LATEST_START = 60;

function readMp4(found: Probe, _head: Uint8Array, fd: number): void {
  const layout: Mp4Layout = mp4Layout(fd, found.fileBytes);
  found.cutShort = layout.cutShort;
  const whole = readMoov(fd, layout);
  if (!whole) return;
  found.clockStart = 0;
  found.broken = layout.broken || !tablesFit(whole, found.fileBytes);
  const tracks = soundTracks(whole);
  found.tracks = tracks;
  const track = chosen(found, tracks);
  if (!track || found.broken) return;
  const moov = onlyTrack(whole, track);
  const sound = soundFormat(moov);
  found.broken = timesAreImpossible(moov, sound);
  found.rate = sound?.rate ?? null;
  found.channels = sound?.channels ?? null;
  if (found.broken) return;
  const clock = mp4Clock(moov, track);
  if (layout.fragmented) {
    const start = fragmentStart(fd, layout, tracks);
    if (start !== null && start > LATEST_START) found.clockStart = start;
    return;
  }
  // Whatever follows the last sample, and whatever it says of itself, is not missed.
  found.cutShort = clock.end > found.fileBytes;
  if (clock.sound === null) return;
  found.seconds = Math.min(clock.sound, track.shown ?? Infinity);
  // Where an edit takes a part of a track with gaps, how much sound is in it takes more than this to tell.
  found.exact = clock.marks.length === 0 || (track.shown ?? Infinity) >= clock.seconds - 0.5;
  const asOne = track.delay === 0 && !track.pieces && clock.marks.length === 0;
  if (sound?.plain && !found.cutShort && asOne) found.samples = Math.round(found.seconds * sound.rate);
}

/** The one that was asked for, else the first default one, else the first. Keeps its number. */
function chosen<T extends { isDefault: boolean }>(found: Probe, tracks: readonly T[]): T | undefined {
  if (found.track < 0)
    found.track = Math.max(
      0,
      tracks.findIndex((track) => track.isDefault),
    );
  return tracks[found.track];
}

function readMatroska(found: Probe, _head: Uint8Array, fd: number): void {
  const header = readMatroskaHeader(fd, found.audioStart);
  found.tracks = header.tracks;
  found.rate = chosen(found, header.tracks)?.rate ?? null;
  found.seconds = header.seconds;
  if (header.segmentEnd !== null) found.cutShort = endsBefore(found, header.segmentEnd);
  const start = matroskaStart(fd, header) ?? 0;
  found.clockStart = start > LATEST_START && start > (header.seconds ?? 0) ? start : 0;
}

function readMpegTs(found: Probe, head: Uint8Array, fd: number): void {
  found.late = mpegTsDelay(fd, found.audioStart, head);
}

function readMpegPs(found: Probe, _head: Uint8Array, fd: number): void {
  found.late = mpegPsDelay(fd, found.audioStart);
}

function readAvi(found: Probe, head: Uint8Array, fd: number): void {
  // An AVI of more than 1 GB is several RIFF lists in a row.
  for (let at = 0, n = 0; at + 12 <= found.fileBytes && n < 1000; n++) {
    const list = readAt(fd, at, 12);
    if (fourCc(list, 0) !== 'RIFF') break;
    const size = u32le(list, 4);
    if (size > 0 && endsBefore(found, at + 8 + size)) found.cutShort = true;
    at += 8 + size + (size & 1);
    // What stands behind the last list is none of it.
    if (size > 0) found.audioEnd = Math.min(at, found.fileBytes);
  }
  for (let at = 0; at + 34 <= head.length; at++)
    if (
      fourCc(head, at) === 'strf' &&
      fourCc(head, at - 56 - 8) === 'strh' &&
      fourCc(head, at - 56) === 'auds'
    ) {
      readWaveFormat(found, head.subarray(at + 8, at + 34));
      found.channels = null;
      break;
    }
  if (fourCc(head, 24) === 'avih') found.seconds = (u32le(head, 32) * u32le(head, 48)) / 1e6;
}

const ASF_FILE_PROPERTIES = [0xa1, 0xdc, 0xab, 0x8c, 0x47, 0xa9, 0xcf, 0x11];
const ASF_STREAM_PROPERTIES = [0x91, 0x07, 0xdc, 0xb7, 0xb7, 0xa9, 0xcf, 0x11];
const ASF_AUDIO = [0x40, 0x9e, 0x69, 0xf8, 0x4d, 0x5b, 0xcf, 0x11];
const ASF_VIDEO = [0xc0, 0xef, 0x19, 0xbc, 0x4d, 0x5b, 0xcf, 0x11];

/** A header may hold a picture; one larger than this holds nothing good. */
const MAX_ASF_HEADER = 16 * 2 ** 20;

/** Advanced Systems Format 01.20.03, §3.2 and §3.3. */
function readAsf(found: Probe, start: Uint8Array, fd: number): void {
  const declaredHeader = Number(view(start).getBigUint64(16, true));
  // And the 50 bytes of the data object's own header.
  found.headerBytes = Math.min(declaredHeader + 50, MAX_ASF_HEADER, found.fileBytes);
  const head = found.headerBytes > start.length ? readAt(fd, 0, found.headerBytes) : start;
  const bytes = view(head);
  const end = Math.min(head.length, declaredHeader);
  for (let at = 30; at + 24 <= end; ) {
    const size = Number(bytes.getBigUint64(at + 16, true));
    if (size < 24) return;
    if (startsWith(head, at, ASF_FILE_PROPERTIES)) {
      const broadcast = (bytes.getUint32(at + 88, true) & 1) !== 0;
      const declared = Number(bytes.getBigUint64(at + 40, true));
      if (!broadcast && declared > 0) found.cutShort = endsBefore(found, declared);
      const play = Number(bytes.getBigUint64(at + 64, true)) / 1e7;
      if (!broadcast) found.seconds = play - Number(bytes.getBigUint64(at + 80, true)) / 1e3;
    }
    if (startsWith(head, at, ASF_STREAM_PROPERTIES)) {
      if (startsWith(head, at + 24, ASF_VIDEO)) found.asf.video = true;
      if (startsWith(head, at + 24, ASF_AUDIO)) found.asf.audio = true;
    }
    at += size;
  }
}
