// Says what a file is from its first bytes, by a closed table. Pure. The kind decides which one decoder may touch the
// file, so a playlist, a script or an archive never reaches a demuxer at all.

type Format = {
  /** Words for a person. */
  readonly label: string;
  /** The one ffmpeg demuxer that may read it (`-f`), so ffmpeg never probes and can never pick hls or concat. */
  readonly demuxer: string;
  /** The decoder of audio-decode 3.12; `plain`: only sound that needs none (plain.ts); null where there is no way. */
  readonly wasm: string | null;
};

export const FORMATS = {
  wav: { label: 'WAV', demuxer: 'wav', wasm: 'wav' },
  rf64: { label: 'RF64 WAV', demuxer: 'wav', wasm: 'wav' },
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
  au: { label: 'AU', demuxer: 'au', wasm: 'plain' },
  w64: { label: 'Wave64', demuxer: 'w64', wasm: 'wav' },
  wavpack: { label: 'WavPack', demuxer: 'wv', wasm: null },
  sphere: { label: 'SPHERE', demuxer: 'nistsphere', wasm: null },
  voc: { label: 'Creative Voice', demuxer: 'voc', wasm: null },
  gsm: { label: 'raw GSM', demuxer: 'gsm', wasm: null },
  ircam: { label: 'IRCAM', demuxer: 'ircam', wasm: null },
  sox: { label: 'SoX', demuxer: 'sox', wasm: null },
  tta: { label: 'True Audio', demuxer: 'tta', wasm: null },
  ape: { label: "Monkey's Audio", demuxer: 'ape', wasm: null },
  mpc: { label: 'Musepack', demuxer: 'mpc', wasm: null },
  mpc8: { label: 'Musepack', demuxer: 'mpc8', wasm: null },
  tak: { label: 'TAK', demuxer: 'tak', wasm: null },
  dts: { label: 'DTS', demuxer: 'dts', wasm: null },
  truehd: { label: 'TrueHD', demuxer: 'truehd', wasm: null },
  dsf: { label: 'DSF', demuxer: 'dsf', wasm: null },
  loas: { label: 'AAC in LOAS', demuxer: 'loas', wasm: null },
  real: { label: 'RealMedia', demuxer: 'rm', wasm: null },
  mxf: { label: 'MXF', demuxer: 'mxf', wasm: null },
  nut: { label: 'NUT', demuxer: 'nut', wasm: null },
  wtv: { label: 'WTV', demuxer: 'wtv', wasm: null },
} as const satisfies Record<string, Format>;

export type MediaKind = keyof typeof FORMATS;

/** Formats whose pieces of sound have times of their own. In others what ffmpeg tells is counted, or guessed from a rate. */
export const CLOCKED: ReadonlySet<MediaKind> = new Set<MediaKind>([
  ...(['mp4', 'matroska', 'vorbis', 'opus', 'oggflac', 'ogg', 'avi', 'asf', 'mpegts', 'mpegps'] as const),
  ...(['flv', 'real', 'mxf', 'nut', 'wtv'] as const),
]);

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
  const frames = sniffFrames(head, 3);
  return frames ? { kind: frames.kind } : { not: null };
}

/** The first place of so many frames in a row. */
export function sniffFrames(
  head: Uint8Array,
  frames: number,
  within = head.length,
): { kind: 'mp3' | 'aac'; start: number } | null {
  const mp3 = chained(head, mpegFrameBytes, frames, within);
  if (mp3 >= 0) return { kind: 'mp3', start: mp3 };
  const aac = chained(head, adtsFrameBytes, frames, within);
  return aac >= 0 ? { kind: 'aac', start: aac } : null;
}

function byMagic(head: Uint8Array): MediaKind | null {
  const four = ascii(head, 0, 4);
  const form = ascii(head, 8, 4);
  if ((four === 'RIFF' || four === 'RIFX') && form === 'WAVE') return 'wav';
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
  const rare = RARE.find(([magic]) => ascii(head, 0, magic.length) === magic);
  if (rare) return rare[1];
  if (bytes(head, 0, [0x64, 0xa3]) && [0, 1, 2, 3].includes(at(head, 2))) return 'ircam';
  if (bytes(head, 4, [0xf8, 0x72, 0x6f, 0xba])) return 'truehd';
  if (bytes(head, 0, [0xb7, 0xd8, 0x00, 0x20, 0x37, 0x49, 0xda, 0x11])) return 'wtv';
  if (head.length >= 33 * 8 && [0, 1, 2, 3, 4, 5, 6, 7].every((n) => at(head, n * 33) >> 4 === 0xd))
    return 'gsm';
  if (chained(head.subarray(0, 16_384), loasFrameBytes, 3, 1) === 0) return 'loas';
  if (four === 'riff' && bytes(head, 4, [0x2e, 0x91, 0xcf, 0x11])) return 'w64';
  // Packets of 188 bytes, or of 192 with a time stamp before each (Blu-ray).
  if ([0, 188, 376].every((offset) => at(head, offset) === 0x47)) return 'mpegts';
  if ([4, 196, 388].every((offset) => at(head, offset) === 0x47)) return 'mpegts';
  return null;
}

/** Formats that only ffmpeg opens, by the bytes at their start. */
const RARE: readonly (readonly [magic: string, kind: MediaKind])[] = [
  ['NIST_1A', 'sphere'],
  ['Creative Voice File\u001a', 'voc'],
  ['.SoX', 'sox'],
  ['XoS.', 'sox'],
  ['TTA1', 'tta'],
  ['MAC ', 'ape'],
  ['MP+', 'mpc'],
  ['MPCK', 'mpc8'],
  ['tBaK', 'tak'],
  ['\u007f\u00fe\u0080\u0001', 'dts'],
  ['DSD ', 'dsf'],
  ['.RMF', 'real'],
  ['\u0006\u000e+4\u0002\u0005\u0001\u0001', 'mxf'],
  ['nut/multimedia container', 'nut'],
];

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

/** Offset of so many frames in a row, or -1. A file shorter than them may end early. */
function chained(
  head: Uint8Array,
  frameBytes: (head: Uint8Array, offset: number) => number,
  wanted: number,
  within: number,
): number {
  for (let start = 0; start + 4 <= head.length && start < within; start++) {
    if (at(head, start) !== 0xff && at(head, start) !== 0x56) continue;
    let offset = start;
    let frames = 0;
    while (frames < wanted && offset + 6 <= head.length) {
      const length = frameBytes(head, offset);
      if (length === 0) break;
      offset += length;
      frames++;
    }
    if (frames === wanted || (frames > 0 && start === 0 && offset >= head.length)) return start;
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

const ADTS_RATES = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];

/** Header of one AAC frame in ADTS (ISO/IEC 13818-7 §6.2), or null. */
export function adtsFrame(
  head: Uint8Array,
  offset: number,
): Pick<MpegFrame, 'bytes' | 'rate' | 'mono'> | null {
  if (at(head, offset) !== 0xff || (at(head, offset + 1) & 0xf6) !== 0xf0) return null;
  const bytes =
    ((at(head, offset + 3) & 3) << 11) | (at(head, offset + 4) << 3) | (at(head, offset + 5) >> 5);
  if (bytes < 7) return null;
  const channels = ((at(head, offset + 2) & 1) << 2) | (at(head, offset + 3) >> 6);
  return { bytes, rate: ADTS_RATES[(at(head, offset + 2) >> 2) & 15] ?? 0, mono: channels === 1 };
}

function adtsFrameBytes(head: Uint8Array, offset: number): number {
  return adtsFrame(head, offset)?.bytes ?? 0;
}

function loasFrameBytes(head: Uint8Array, offset: number): number {
  if (at(head, offset) !== 0x56 || (at(head, offset + 1) & 0xe0) !== 0xe0) return 0;
  return 3 + ((at(head, offset + 1) & 31) << 8) + at(head, offset + 2);
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
