// What probe.ts finds out of a media file.

import type { PlainSound } from './plain.ts';
import type { MediaKind } from './sniff.ts';

/** A WAVEFORMATEX, and where its sound stands. */
export type WaveSound = { tag: number; format: Uint8Array; start: number; end: number };

export type Probe = {
  fileBytes: number;
  /** null: not media. */
  kind: MediaKind | null;
  /** With `kind` null: "an HTML page" and the like, or null. */
  looksLike: string | null;
  /** Bytes before the audio: tags, zeros, junk. */
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
  /** Sound that needs no decoder. */
  plain: PlainSound | null;
  /** Of a WAV or Wave64: its format, and where the sound stands. */
  wave: WaveSound | null;
  /** Sound tracks, where the header tells them: whether each is one that players take by themselves. */
  tracks: { isDefault: boolean }[] | null;
  /** The track that all the rest is about: an index of `tracks`. */
  track: number;
  /** Where the clock of the file begins; null: with its first sound or picture. */
  clockStart: number | null;
  /** Seconds from there to the first sound, where ffmpeg leaves them out. */
  late: number;
};

/** Sloppy writers are off by a header or a padding byte; a lost network packet is more than this. */
export function endsBefore(found: Probe, declaredEnd: number): boolean {
  return declaredEnd - found.fileBytes > 1024;
}
