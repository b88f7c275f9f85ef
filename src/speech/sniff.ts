// Says what a file is from its first bytes, by a closed table. Pure. The kind decides which one decoder may touch the
// file, so a playlist, a script or an archive never reaches a demuxer at all.

type Format = {
  /** Words for a person. */
  readonly label: string;
  /** The one ffmpeg demuxer that may read it (`-f`), so ffmpeg never probes and can never pick hls or concat. */
  readonly demuxer: string;
  /** The decoder of audio-decode 3.12; null where it has none. */
  readonly wasm: string | null;
};

export const FORMATS = {
  wav: { label: 'WAV', demuxer: 'wav', wasm: 'wav' },
  rf64: { label: 'RF64 WAV', demuxer: 'wav', wasm: null },
  mp3: { label: 'MPEG audio', demuxer: 'mp3', wasm: 'mp3' },
  aac: { label: 'AAC', demuxer: 'aac', wasm: 'aac' },
  mp4: { label: 'MP4', demuxer: 'mov', wasm: 'mp4' },
  matroska: { label: 'Matroska', demuxer: 'matroska', wasm: 'mkv' },
  vorbis: { label: 'Ogg Vorbis', demuxer: 'ogg', wasm: 'oga' },
  opus: { label: 'Ogg Opus', demuxer: 'ogg', wasm: 'opus' },
  oggflac: { label: 'Ogg FLAC', demuxer: 'ogg', wasm: 'flac' },
  ogg: { label: 'Ogg', demuxer: 'ogg', wasm: null },
  flac: { label: 'FLAC', demuxer: 'flac', wasm: 'flac' },
  aiff: { label: 'AIFF', demuxer: 'aiff', wasm: 'aiff' },
  caf: { label: 'CAF', demuxer: 'caf', wasm: 'caf' },
  avi: { label: 'AVI', demuxer: 'avi', wasm: 'avi' },
  asf: { label: 'Windows Media', demuxer: 'asf', wasm: 'wma' },
  ac3: { label: 'AC-3', demuxer: 'ac3', wasm: 'ac3' },
  eac3: { label: 'E-AC-3', demuxer: 'eac3', wasm: 'eac3' },
  amr: { label: 'AMR', demuxer: 'amr', wasm: 'amr' },
  mpegts: { label: 'MPEG-TS', demuxer: 'mpegts', wasm: null },
  mpegps: { label: 'MPEG-PS', demuxer: 'mpeg', wasm: null },
  flv: { label: 'Flash video', demuxer: 'flv', wasm: null },
  au: { label: 'AU', demuxer: 'au', wasm: null },
  w64: { label: 'Wave64', demuxer: 'w64', wasm: null },
  wavpack: { label: 'WavPack', demuxer: 'wv', wasm: null },
} as const satisfies Record<string, Format>;

export type MediaKind = keyof typeof FORMATS;

export type Sniffed =
  | { kind: MediaKind }
  /** Audio may follow an ID3v2 tag of this many bytes: look again there. */
  | { skip: number }
  /** Not media: what it looks like, with its article, or null when it is like nothing known. */
  | { not: string | null };

/** `head` is the start of the file, best 64 KiB of it: raw frames are believed only when three follow one another. */
export function sniff(head: Uint8Array): Sniffed {
  const kind = byMagic(head);
  if (kind) return { kind };
  if (ascii(head, 0, 3) === 'ID3' && head.length >= 10) {
    const footer = (at(head, 5) & 0x10) !== 0 ? 10 : 0;
    return {
      skip:
        10 +
        ((at(head, 6) & 127) * 2 ** 21 +
          (at(head, 7) & 127) * 2 ** 14 +
          (at(head, 8) & 127) * 2 ** 7 +
          (at(head, 9) & 127)) +
        footer,
    };
  }
  const other = notMedia(head);
  if (other) return { not: other };
  if (chained(head, mpegFrameBytes) >= 0) return { kind: 'mp3' };
  if (chained(head, adtsFrameBytes) >= 0) return { kind: 'aac' };
  return { not: null };
}

function byMagic(head: Uint8Array): MediaKind | null {
  const four = ascii(head, 0, 4);
  const form = ascii(head, 8, 4);
  if (four === 'RIFF' && form === 'WAVE') return 'wav';
  if (four === 'RIFF' && form === 'AVI ') return 'avi';
  if ((four === 'RF64' || four === 'BW64') && form === 'WAVE') return 'rf64';
  if (four === 'FORM' && (form === 'AIFF' || form === 'AIFC')) return 'aiff';
  if (four === 'fLaC') return 'flac';
  if (four === 'caff') return 'caf';
  if (four === 'OggS') return oggKind(head);
  // QuickTime files of before 2001 have no `ftyp`.
  if (['ftyp', 'moov', 'mdat', 'wide', 'free', 'skip', 'pnot'].includes(ascii(head, 4, 4))) return 'mp4';
  if (bytes(head, 0, [0x1a, 0x45, 0xdf, 0xa3])) return 'matroska';
  if (bytes(head, 0, [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11])) return 'asf';
  if (bytes(head, 0, [0x0b, 0x77])) {
    const bitstreamId = at(head, 5) >> 3;
    if (bitstreamId <= 10) return 'ac3';
    if (bitstreamId <= 16) return 'eac3';
  }
  if (ascii(head, 0, 5) === '#!AMR') return 'amr';
  if (bytes(head, 0, [0, 0, 1, 0xba])) return 'mpegps';
  if (ascii(head, 0, 4) === 'FLV\u0001') return 'flv';
  if (four === '.snd') return 'au';
  if (four === 'wvpk') return 'wavpack';
  if (four === 'riff' && bytes(head, 4, [0x2e, 0x91, 0xcf, 0x11])) return 'w64';
  // Packets of 188 bytes, or of 192 with a time stamp before each (Blu-ray).
  if ([0, 188, 376].every((offset) => at(head, offset) === 0x47)) return 'mpegts';
  if ([4, 196, 388].every((offset) => at(head, offset) === 0x47)) return 'mpegts';
  return null;
}

function oggKind(head: Uint8Array): MediaKind {
  if (ascii(head, 28, 8) === 'OpusHead') return 'opus';
  if (ascii(head, 28, 7) === '\u0001vorbis') return 'vorbis';
  if (ascii(head, 28, 5) === '\u007fFLAC') return 'oggflac';
  return 'ogg';
}

function notMedia(head: Uint8Array): string | null {
  if (ascii(head, 0, 5) === '%PDF-') return 'a PDF document';
  if (bytes(head, 0, [0x50, 0x4b, 3, 4])) return 'a zip archive or office document';
  if (bytes(head, 0, [0x1f, 0x8b])) return 'a gzip archive';
  if (bytes(head, 0, [0x89, 0x50, 0x4e, 0x47]) || ascii(head, 0, 4) === 'GIF8') return 'an image';
  if (bytes(head, 0, [0xff, 0xd8, 0xff])) return 'an image';
  const sample = head.subarray(0, 1024);
  // Text has no control bytes but tab, line feed, form feed, return and escape.
  if (sample.some((byte) => byte < 32 && ![9, 10, 12, 13, 27].includes(byte))) return null;
  const start = new TextDecoder('utf-8').decode(sample).replace(/^[\uFEFF\s]+/, '');
  if (/^<(!doctype html|html|head|body|script|meta|title|!--)/i.test(start) || /<html[\s>]/i.test(start)) {
    return 'an HTML page';
  }
  if (/^(#EXTM3U|ffconcat|\[playlist\])/i.test(start)) return 'a playlist';
  if (start.startsWith('<')) return 'an XML document';
  if (/^[{[]/.test(start)) return 'a JSON document';
  // A sync word of MPEG audio or AAC is not text, whatever follows.
  return sample.every((byte) => byte < 0x80) ? 'a text document' : null;
}

/** Offset of three frames in a row within the first 64 KiB, or -1. A file shorter than three frames may end early. */
function chained(head: Uint8Array, frameBytes: (head: Uint8Array, offset: number) => number): number {
  for (let start = 0; start + 4 <= head.length; start++) {
    if (at(head, start) !== 0xff) continue;
    let offset = start;
    let frames = 0;
    while (frames < 3 && offset + 6 <= head.length) {
      const length = frameBytes(head, offset);
      if (length === 0) break;
      offset += length;
      frames++;
    }
    if (frames === 3 || (frames > 0 && start === 0 && offset >= head.length)) return start;
  }
  return -1;
}

const KBPS = {
  v1l1: [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  v1l2: [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  v1l3: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  v2l1: [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  v2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
} as const;

export type MpegFrame = { bytes: number; samples: number; rate: number; sideInfo: number; mono: boolean };

/** Header of one MPEG audio frame (ISO/IEC 11172-3 §2.4.1.3, 13818-3), or null. */
export function mpegFrame(head: Uint8Array, offset: number): MpegFrame | null {
  const b1 = at(head, offset + 1);
  const b2 = at(head, offset + 2);
  if (at(head, offset) !== 0xff || (b1 & 0xe0) !== 0xe0) return null;
  const version = (b1 >> 3) & 3;
  const layer = 4 - ((b1 >> 1) & 3);
  const rateIndex = (b2 >> 2) & 3;
  if (version === 1 || layer === 4 || rateIndex === 3) return null;
  const mpeg1 = version === 3;
  const table = mpeg1
    ? layer === 1
      ? KBPS.v1l1
      : layer === 2
        ? KBPS.v1l2
        : KBPS.v1l3
    : layer === 1
      ? KBPS.v2l1
      : KBPS.v2;
  const kbps = table[b2 >> 4];
  if (!kbps) return null;
  const rate = ([44_100, 48_000, 32_000][rateIndex] ?? 44_100) / (mpeg1 ? 1 : version === 2 ? 2 : 4);
  const padding = (b2 >> 1) & 1;
  const samples = layer === 1 ? 384 : layer === 2 || mpeg1 ? 1152 : 576;
  const bytes =
    layer === 1
      ? (Math.floor((12 * kbps * 1000) / rate) + padding) * 4
      : Math.floor(((samples / 8) * kbps * 1000) / rate) + padding;
  const mono = at(head, offset + 3) >> 6 === 3;
  return { bytes, samples, rate, sideInfo: mpeg1 ? (mono ? 17 : 32) : mono ? 9 : 17, mono };
}

function mpegFrameBytes(head: Uint8Array, offset: number): number {
  return mpegFrame(head, offset)?.bytes ?? 0;
}

function adtsFrameBytes(head: Uint8Array, offset: number): number {
  if (at(head, offset) !== 0xff || (at(head, offset + 1) & 0xf6) !== 0xf0) return 0;
  const length =
    ((at(head, offset + 3) & 3) << 11) | (at(head, offset + 4) << 3) | (at(head, offset + 5) >> 5);
  return length >= 7 ? length : 0;
}

function at(head: Uint8Array, offset: number): number {
  return head[offset] ?? -1;
}

function ascii(head: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...head.subarray(offset, offset + length));
}

function bytes(head: Uint8Array, offset: number, expected: readonly number[]): boolean {
  return expected.every((value, index) => head[offset + index] === value);
}
