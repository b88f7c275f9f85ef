// What a media file says about itself, read from its container without decoding: kind, length, and whether its end is
// missing. Both ways of decoding stand on it, so both judge a file alike.

import { closeSync, fstatSync, openSync } from 'node:fs';
import { flacEnd } from './flac-end.ts';
import { type Mp4Layout, mp4Layout, readFully, readMoov, soundFormat, soundSeconds } from './mp4.ts';
import { tablesFit, timesAreImpossible } from './mp4-tables.ts';
import { type MediaKind, mpegFrame, sniff } from './sniff.ts';

export type Probe = {
  fileBytes: number;
  /** null: not media. */
  kind: MediaKind | null;
  /** With `kind` null: "an HTML page" and the like, or null. */
  looksLike: string | null;
  /** Bytes of ID3v2 tag before the audio. */
  audioStart: number;
  /** Where the sound ends, so that tags behind it are not played. */
  audioEnd: number;
  /** Bytes of header that a decoder needs in one piece; 0 where any piece will do. */
  headerBytes: number;
  /** Length of the audio the container declares, in seconds; null when it declares none. */
  seconds: number | null;
  /** `seconds` counts the audio itself, so decoding must give it; false: the longest of all tracks, or a guess. */
  exact: boolean;
  /** Samples a second and channels of the sound as declared; null where the header was not read so far. */
  rate: number | null;
  channels: number | null;
  /** Samples of each channel that decoding gives, told without it; null where that is not certain. */
  samples: number | null;
  /** The container declares more bytes than the file has. */
  cutShort: boolean;
  /** The header contradicts itself (a WAV of no channels): nothing can be decoded from it. */
  broken: boolean;
  /** A Windows Media file with pictures, or with pictures only. */
  asf: { video: boolean; audio: boolean };
};

const HEAD = 65_536;

/** Opens, looks, closes. Throws only what the file system throws. */
export function probe(path: string): Probe {
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
    };
    let head = readHead(fd, 0);
    let sniffed = sniff(head);
    if ('skip' in sniffed) {
      found.audioStart = sniffed.skip;
      // A tag that swallows the rest of the file: the audio behind it is missing.
      found.cutShort = found.audioStart >= fileBytes;
      head = readHead(fd, found.audioStart);
      sniffed = sniff(head);
      if (found.cutShort || !('kind' in sniffed)) sniffed = { kind: 'mp3' };
    }
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
  asf: readAsf,
};

/** Sloppy writers are off by a header or a padding byte; a lost network packet is more than this. */
function endsBefore(found: Probe, declaredEnd: number): boolean {
  return declaredEnd - found.fileBytes > 1024;
}

function readWav(found: Probe, _head: Uint8Array, fd: number): void {
  let byteRate = 0;
  let frameBytes: number | null = null;
  for (const chunk of riffChunks(fd, 12, found.fileBytes, true)) {
    if (chunk.id === 'fmt ') {
      const format = readAt(fd, chunk.body, Math.max(16, Math.min(chunk.size, 26)));
      byteRate = view(format).getUint32(8, true);
      frameBytes = readWaveFormat(found, format);
      found.broken = found.channels === 0 || found.rate === 0 || view(format).getUint16(12, true) === 0;
    }
    if (chunk.id !== 'data') continue;
    // Writers that cannot seek back leave 0, or the largest number they know (ffmpeg 0xFFFFFFFF, sox 0x7FFFF…).
    const streaming = chunk.size === 0 || chunk.size >= 0x7fff_0000;
    const bytes = streaming ? Math.max(0, found.fileBytes - chunk.body) : chunk.size;
    found.cutShort = !streaming && endsBefore(found, chunk.body + chunk.size);
    if (byteRate > 0) found.seconds = bytes / byteRate;
    // An RF64 tells its sizes elsewhere.
    if (frameBytes !== null && found.kind === 'wav')
      found.samples = Math.floor(Math.min(bytes, found.fileBytes - chunk.body) / frameBytes);
    return;
  }
}

/** PCM, floating point, A-law and µ-law: sounds whose every sample takes the same bytes. */
const PLAIN = new Set([1, 3, 6, 7]);
const EXTENSIBLE = 0xfffe;

/** A WAVEFORMATEX, which AVI and Wave64 have too. Bytes of a sample of all channels where the sound is plain. */
function readWaveFormat(found: Probe, format: Uint8Array): number | null {
  const bytes = view(format);
  const [channels, rate] = [bytes.getUint16(2, true), bytes.getUint32(4, true)];
  const [block, bits] = [bytes.getUint16(12, true), bytes.getUint16(14, true)];
  found.channels = channels;
  found.rate = rate;
  const tag = bytes.getUint16(0, true);
  const plain = PLAIN.has(tag === EXTENSIBLE && format.length >= 26 ? bytes.getUint16(24, true) : tag);
  return plain && [8, 16, 24, 32].includes(bits) && block === (channels * bits) / 8 ? block : null;
}

function readWave64(found: Probe, head: Uint8Array): void {
  if (fourCc(head, 40) === 'fmt ') readWaveFormat(found, head.subarray(64, 90));
}

function readAu(found: Probe, head: Uint8Array): void {
  const bytes = view(head);
  found.rate = bytes.getUint32(16);
  found.channels = bytes.getUint32(20);
}

function readAiff(found: Probe, _head: Uint8Array, fd: number): void {
  let [frames, frameBytes, held] = [0, 0, 0];
  for (const chunk of riffChunks(fd, 12, found.fileBytes, false)) {
    if (chunk.id === 'COMM') {
      const bytes = readAt(fd, chunk.body, Math.max(18, Math.min(chunk.size, 22)));
      const comm = view(bytes);
      frames = comm.getUint32(2);
      found.channels = comm.getUint16(0);
      found.rate = extended80(comm, 8);
      found.seconds = frames / found.rate;
      found.exact = true;
      const plain = bytes.length < 22 || ['NONE', 'sowt'].includes(fourCc(bytes, 18));
      const bits = comm.getUint16(6);
      if (plain && bits <= 32) frameBytes = found.channels * Math.ceil(bits / 8);
    }
    if (chunk.id === 'SSND' && chunk.size > 8) {
      found.audioEnd = chunk.body + chunk.size;
      found.cutShort = endsBefore(found, found.audioEnd);
      // Nothing, or what its writer skipped so that the samples begin with a block of the disk.
      const skipped = view(readAt(fd, chunk.body, 4)).getUint32(0);
      held = Math.min(found.audioEnd, found.fileBytes) - chunk.body - 8 - skipped;
    }
  }
  if (frameBytes > 0 && held >= frames * frameBytes) found.samples = frames;
}

/** `lpcm` */
const LPCM = 0x6c70636d;

function readCaf(found: Probe, _head: Uint8Array, fd: number): void {
  let bytesPerSecond = 0;
  let frameBytes = 0;
  for (let at = 8, n = 0; at + 12 <= found.fileBytes && n < 1000; n++) {
    const chunk = view(readAt(fd, at, 12));
    const id = fourCc(new Uint8Array(chunk.buffer), 0);
    const size = Number(chunk.getBigInt64(4));
    if (id === 'desc') {
      const desc = view(readAt(fd, at + 12, 32));
      const framesPerPacket = desc.getUint32(20);
      found.rate = desc.getFloat64(0);
      found.channels = desc.getUint32(24);
      const plain =
        found.channels * (desc.getUint32(28) / 8) === desc.getUint32(16) && desc.getUint32(12) < 4;
      if (plain && desc.getUint32(8) === LPCM && framesPerPacket === 1) frameBytes = desc.getUint32(16);
      if (framesPerPacket > 0) bytesPerSecond = (desc.getFloat64(0) * desc.getUint32(16)) / framesPerPacket;
    }
    if (id === 'data') {
      if (size > 0) found.cutShort = endsBefore(found, at + 12 + size);
      const bytes = size > 0 ? size - 4 : found.fileBytes - at - 16;
      if (bytesPerSecond > 0) found.seconds = bytes / bytesPerSecond;
      if (frameBytes > 0) found.samples = Math.floor(Math.min(bytes, found.fileBytes - at - 16) / frameBytes);
      return;
    }
    if (size < 0) return;
    at += 12 + size;
  }
}

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
        found.samples = xingSamples(head, xing, frame.samples);
      }
    } else if (fourCc(head, at + 36) === 'VBRI') {
      found.seconds = (bytes.getUint32(at + 36 + 14) * frame.samples) / frame.rate;
      cutMpeg(found, at, bytes.getUint32(at + 36 + 10));
    }
    found.exact = found.seconds !== null;
    return;
  }
}

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
    const clock = opus ? 48_000 : found.kind === 'vorbis' ? u32le(head, 40) : 0;
    if (clock > 0 && granule > 0) found.seconds = granule / clock;
    if (clock === 0) return;
    found.rate = clock;
    found.channels = head[opus ? 37 : 39] ?? null;
    // Otherwise the writer gave none (0 or -1), or all is the time before the first sound.
    if (granule <= 0) return;
    const whole = !found.cutShort && last.eos && last.serial === u32le(head, 14);
    if (whole && startsAtZero(head, clock, granule))
      found.samples = granule - (opus ? view(head).getUint16(38, true) : 0);
    return;
  }
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

function readMp4(found: Probe, _head: Uint8Array, fd: number): void {
  const layout: Mp4Layout = mp4Layout(fd, found.fileBytes);
  found.cutShort = layout.cutShort;
  const moov = readMoov(fd, layout);
  if (!moov) return;
  found.seconds = soundSeconds(moov);
  found.exact = found.seconds !== null && !layout.fragmented;
  const sound = soundFormat(moov);
  found.broken = layout.broken || !tablesFit(moov, found.fileBytes) || timesAreImpossible(moov, sound);
  found.rate = sound?.rate ?? null;
  found.channels = sound?.channels ?? null;
  if (found.exact && found.seconds !== null && sound?.plain && !found.cutShort)
    found.samples = Math.round(found.seconds * sound.rate);
}

/** Segment, Info, Tracks, TrackEntry, Audio. */
const MASTERS = new Set([0x18538067, 0x1549a966, 0x1654ae6b, 0xae, 0xe1]);
const SAMPLING_FREQUENCY = 0xb5;

/** EBML (RFC 8794) down to what its masters hold; stops at the first Cluster. */
function readMatroska(found: Probe, head: Uint8Array): void {
  let scale = 1_000_000;
  for (let at = 0; at < head.length; ) {
    const id = ebmlId(head, at);
    const size = ebmlSize(head, at + id.length);
    const body = at + id.length + size.length;
    if (id.value === 0x18538067 && size.value !== null) found.cutShort = endsBefore(found, body + size.value);
    if (id.value === 0x1f43b675) return;
    if (id.value === 0x2ad7b1 && size.value !== null && size.value <= 8) {
      scale = head.subarray(body, body + size.value).reduce((sum, byte) => sum * 256 + byte, 0);
    }
    if (id.value === 0x4489) {
      const ticks = size.value === 4 ? view(head).getFloat32(body) : view(head).getFloat64(body);
      found.seconds = (ticks * scale) / 1e9;
    }
    if (id.value === SAMPLING_FREQUENCY && (size.value === 4 || size.value === 8))
      found.rate ??= size.value === 4 ? view(head).getFloat32(body) : view(head).getFloat64(body);
    const master = MASTERS.has(id.value);
    if (!master && size.value === null) return;
    at = master ? body : body + (size.value ?? 0);
  }
}

function readAvi(found: Probe, head: Uint8Array, fd: number): void {
  // An AVI of more than 1 GB is several RIFF lists in a row.
  for (let at = 0, n = 0; at + 12 <= found.fileBytes && n < 1000; n++) {
    const list = readAt(fd, at, 12);
    if (fourCc(list, 0) !== 'RIFF') break;
    const size = u32le(list, 4);
    if (size > 0 && endsBefore(found, at + 8 + size)) found.cutShort = true;
    at += 8 + size + (size & 1);
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

function* riffChunks(fd: number, start: number, fileBytes: number, littleEndian: boolean) {
  for (let at = start, n = 0; at + 8 <= fileBytes && n < 10_000; n++) {
    const head = readAt(fd, at, 8);
    const size = view(head).getUint32(4, littleEndian);
    yield { id: fourCc(head, 0), size, body: at + 8 };
    at += 8 + size + (size & 1);
  }
}

function ebmlId(head: Uint8Array, at: number): { value: number; length: number } {
  const first = head[at] ?? 0;
  const length = Math.clz32(first) - 23;
  if (length > 4) throw new RangeError('EBML id');
  return {
    value: head.subarray(at, at + length).reduce((sum, byte) => sum * 256 + byte, 0),
    length,
  };
}

function ebmlSize(head: Uint8Array, at: number): { value: number | null; length: number } {
  const first = head[at] ?? 0;
  const length = Math.clz32(first) - 23;
  if (length > 8) throw new RangeError('EBML size');
  const rest = head.subarray(at + 1, at + length);
  const data = first & (0xff >> length);
  const unknown = data === 0xff >> length && rest.every((byte) => byte === 0xff);
  return { value: unknown ? null : rest.reduce((sum, byte) => sum * 256 + byte, data), length };
}

/** IEEE 754 80-bit extended, as AIFF writes its sample rate. */
function extended80(bytes: DataView, at: number): number {
  const head = bytes.getUint16(at);
  const value = bytes.getUint32(at + 2) * 2 ** ((head & 0x7fff) - 16_383 - 31);
  return head > 0x7fff ? -value : value;
}

function readHead(fd: number, at: number): Uint8Array {
  return readAt(fd, at, HEAD);
}

function readAt(fd: number, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, readFully(fd, bytes, at));
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function u32le(bytes: Uint8Array, at: number): number {
  return view(bytes).getUint32(at, true);
}

function fourCc(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function startsWith(bytes: Uint8Array, at: number, expected: readonly number[]): boolean {
  return expected.every((value, index) => bytes[at + index] === value);
}
