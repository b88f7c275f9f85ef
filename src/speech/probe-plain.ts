// Headers of the containers that mostly hold plain sound: WAV (RIFF, RIFX, RF64), Wave64, AU, AIFF, CAF.

import { fourCc, readAt, view } from './file-bytes.ts';
import { isPlain, type PlainSound } from './plain.ts';
import { endsBefore, type Probe } from './probed.ts';

/** PCM, floating point, A-law and µ-law of a WAVEFORMATEX; two more that packages of ours decode. */
const TAG = { pcm: 1, float: 3, alaw: 6, ulaw: 7, extensible: 0xfffe } as const;

export function readWav(found: Probe, head: Uint8Array, fd: number): void {
  const little = fourCc(head, 0) !== 'RIFX';
  let [wide, byteRate] = [0, 0];
  let format: Uint8Array | null = null;
  for (const chunk of riffChunks(fd, found.audioStart + 12, found.fileBytes, little)) {
    // The sizes that an RF64 has no room for in the usual places.
    if (chunk.id === 'ds64' && chunk.size >= 16)
      wide = Number(view(readAt(fd, chunk.body, 16)).getBigUint64(8, true));
    if (chunk.id === 'fmt ') {
      format = readAt(fd, chunk.body, Math.max(16, Math.min(chunk.size, 512)));
      byteRate = view(format).getUint32(8, little);
      found.broken = hasNothing(format, little);
    }
    if (chunk.id !== 'data') continue;
    const declared = chunk.size >= 0xffff_ffff && wide > 0 ? wide : chunk.size;
    // Writers that cannot seek back leave 0, or the largest number they know (ffmpeg 0xFFFFFFFF, sox 0x7FFFF…).
    const streaming = declared === 0 || (declared === chunk.size && declared >= 0x7fff_0000);
    const end = streaming ? found.fileBytes : chunk.body + declared;
    found.cutShort = !streaming && endsBefore(found, end);
    if (byteRate > 0) found.seconds = (end - chunk.body) / byteRate;
    if (format) takeWave(found, format, { start: chunk.body, end, little });
    return;
  }
}

function hasNothing(format: Uint8Array, little: boolean): boolean {
  const bytes = view(format);
  return [2, 12].some((at) => bytes.getUint16(at, little) === 0) || bytes.getUint32(4, little) === 0;
}

type Place = { start: number; end: number; little?: boolean };

/** A WAVEFORMATEX and where its sound stands. */
function takeWave(found: Probe, format: Uint8Array, { start, end, little = true }: Place): void {
  const bytes = view(format);
  const tag = waveTag(format, little);
  const [channels, rate] = [bytes.getUint16(2, little), bytes.getUint32(4, little)];
  const width = bytes.getUint16(12, little) / channels;
  Object.assign(found, { channels, rate });
  found.wave = { tag, format, start, end: Math.min(end, found.fileBytes) };
  const encoding =
    tag === TAG.pcm
      ? width === 1
        ? 'unsigned'
        : 'signed'
      : ({ [TAG.float]: 'float', [TAG.alaw]: 'alaw', [TAG.ulaw]: 'ulaw' } as const)[tag];
  if (encoding) takePlain(found, { start, end, encoding, bytes: width, bigEndian: !little, channels, rate });
}

function waveTag(format: Uint8Array, little: boolean): number {
  const tag = view(format).getUint16(0, little);
  return tag === TAG.extensible && format.length >= 26 ? view(format).getUint16(24, little) : tag;
}

/** What AVI tells of its first sound in the same words. */
export function readWaveFormat(found: Probe, format: Uint8Array): void {
  found.channels = view(format).getUint16(2, true);
  found.rate = view(format).getUint32(4, true);
}

function takePlain(found: Probe, sound: PlainSound): void {
  if (!isPlain(sound)) return;
  const end = Math.min(sound.end, found.fileBytes);
  found.plain = { ...sound, end };
  found.samples = Math.max(0, Math.floor((end - sound.start) / (sound.bytes * sound.channels)));
}

export function readWave64(found: Probe, head: Uint8Array, fd: number): void {
  let format: Uint8Array | null = null;
  const end = found.fileBytes;
  // A GUID of 16 bytes and its own size in each chunk's head; all begin at multiples of 8.
  for (let at = 40, n = 0; at + 24 <= end && n < 10_000; n++) {
    const chunk = readAt(fd, found.audioStart + at, 24);
    const size = Number(view(chunk).getBigUint64(16, true));
    const body = found.audioStart + at + 24;
    if (fourCc(chunk, 0) === 'fmt ') format = readAt(fd, body, Math.max(16, Math.min(size - 24, 512)));
    if (fourCc(chunk, 0) === 'data' && format) {
      const streaming = size <= 24 || size >= 2 ** 60;
      const until = streaming ? end : body + size - 24;
      found.cutShort = !streaming && endsBefore(found, until);
      takeWave(found, format, { start: body, end: until });
      return;
    }
    if (size < 24) return;
    at += Math.ceil(size / 8) * 8;
  }
  if (head.length < 40) found.broken = true;
}

const AU_ENCODINGS: Readonly<Record<number, readonly [PlainSound['encoding'], number]>> = {
  1: ['ulaw', 1],
  2: ['signed', 1],
  3: ['signed', 2],
  4: ['signed', 3],
  5: ['signed', 4],
  6: ['float', 4],
  7: ['float', 8],
  27: ['alaw', 1],
};

export function readAu(found: Probe, head: Uint8Array): void {
  const header = view(head);
  const [rate, channels] = [header.getUint32(16), header.getUint32(20)];
  Object.assign(found, { rate, channels });
  const start = found.audioStart + header.getUint32(4);
  const size = header.getUint32(8);
  const streaming = size === 0 || size >= 0xffff_fff0;
  const end = streaming ? found.fileBytes : start + size;
  found.cutShort = endsBefore(found, end);
  const [encoding, bytes] = AU_ENCODINGS[header.getUint32(12)] ?? [];
  if (encoding && bytes) takePlain(found, { start, end, encoding, bytes, bigEndian: true, channels, rate });
}

const AIFF_ENCODINGS: Readonly<Record<string, readonly [PlainSound['encoding'], bigEndian: boolean]>> = {
  none: ['signed', true],
  twos: ['signed', true],
  in24: ['signed', true],
  in32: ['signed', true],
  sowt: ['signed', false],
  '42ni': ['signed', false],
  '23ni': ['signed', false],
  'raw ': ['unsigned', true],
  fl32: ['float', true],
  fl64: ['float', true],
  alaw: ['alaw', true],
  ulaw: ['ulaw', true],
};

export function readAiff(found: Probe, _head: Uint8Array, fd: number): void {
  let comm: { frames: number; width: number; kind: string } | null = null;
  let start: number | null = null;
  for (const chunk of riffChunks(fd, found.audioStart + 12, found.fileBytes, false)) {
    if (chunk.id === 'COMM')
      comm = readComm(found, readAt(fd, chunk.body, Math.max(18, Math.min(chunk.size, 22))));
    if (chunk.id === 'SSND' && chunk.size > 8) {
      found.audioEnd = chunk.body + chunk.size;
      found.cutShort = endsBefore(found, found.audioEnd);
      // Nothing, or what its writer skipped so that the samples begin with a block of the disk.
      start = chunk.body + 8 + view(readAt(fd, chunk.body, 4)).getUint32(0);
    }
  }
  if (!comm || start === null) return;
  const [encoding, bigEndian] = AIFF_ENCODINGS[comm.kind.toLowerCase()] ?? [];
  if (!encoding || bigEndian === undefined) return;
  const bytes = { fl32: 4, fl64: 8, alaw: 1, ulaw: 1 }[comm.kind.toLowerCase()] ?? comm.width;
  const channels = found.channels ?? 0;
  const end = Math.min(found.audioEnd, start + comm.frames * bytes * channels);
  takePlain(found, { start, end, encoding, bytes, bigEndian, channels, rate: found.rate ?? 0 });
  if (found.samples !== comm.frames) found.samples = null;
}

function readComm(found: Probe, bytes: Uint8Array): { frames: number; width: number; kind: string } {
  const comm = view(bytes);
  const frames = comm.getUint32(2);
  found.channels = comm.getUint16(0);
  found.rate = extended80(comm, 8);
  found.seconds = frames / found.rate;
  found.exact = true;
  return {
    frames,
    width: Math.ceil(comm.getUint16(6) / 8),
    kind: bytes.length < 22 ? 'NONE' : fourCc(bytes, 18),
  };
}

export function readCaf(found: Probe, _head: Uint8Array, fd: number): void {
  let desc: DataView | null = null;
  for (let at = found.audioStart + 8, n = 0; at + 12 <= found.fileBytes && n < 1000; n++) {
    const chunk = readAt(fd, at, 12);
    const id = fourCc(chunk, 0);
    const size = Number(view(chunk).getBigInt64(4));
    if (id === 'desc') desc = view(readAt(fd, at + 12, 32));
    if (id === 'data' && desc) {
      if (size > 0) found.cutShort = endsBefore(found, at + 12 + size);
      // Four bytes count edits.
      takeCaf(found, desc, at + 16, size > 0 ? at + 12 + size : found.fileBytes);
      return;
    }
    if (size < 0) return;
    at += 12 + size;
  }
}

function takeCaf(found: Probe, desc: DataView, start: number, end: number): void {
  const [rate, flags] = [desc.getFloat64(0), desc.getUint32(12)];
  const [packet, frames] = [desc.getUint32(16), desc.getUint32(20)];
  const [channels, bits] = [desc.getUint32(24), desc.getUint32(28)];
  Object.assign(found, { rate, channels });
  if (frames > 0 && packet > 0) found.seconds = ((end - start) / packet / rate) * frames;
  const kind = fourCc(new Uint8Array(desc.buffer, desc.byteOffset), 8);
  const bigEndian = (flags & 2) === 0;
  if (kind === 'alaw' || kind === 'ulaw')
    takePlain(found, { start, end, encoding: kind, bytes: 1, bigEndian, channels, rate });
  if (kind !== 'lpcm' || frames !== 1) return;
  const encoding = (flags & 1) !== 0 ? 'float' : 'signed';
  const bytes = packet / channels;
  // Samples of 20 bits in 24 that lie at the low end of them are left to ffmpeg.
  if (bits === bytes * 8) takePlain(found, { start, end, encoding, bytes, bigEndian, channels, rate });
}

/** A chunk of odd length is followed by a byte of padding; some writers forget it. */
function* riffChunks(fd: number, start: number, fileBytes: number, littleEndian: boolean) {
  for (let at = start, n = 0; at + 8 <= fileBytes && n < 10_000; n++) {
    const head = readAt(fd, at, 8);
    const size = view(head).getUint32(4, littleEndian);
    yield { id: fourCc(head, 0), size, body: at + 8 };
    at += 8 + size;
    if (size % 2 === 1 && (isName(readAt(fd, at + 1, 4)) || !isName(readAt(fd, at, 4)))) at++;
  }
}

function isName(bytes: Uint8Array): boolean {
  return bytes.length === 4 && bytes.every((byte) => byte >= 0x20 && byte < 0x7f);
}

/** IEEE 754 80-bit extended, as AIFF writes its sample rate. */
function extended80(bytes: DataView, at: number): number {
  const head = bytes.getUint16(at);
  const value = bytes.getUint32(at + 2) * 2 ** ((head & 0x7fff) - 16_383 - 31);
  return head > 0x7fff ? -value : value;
}
