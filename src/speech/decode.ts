// Any media file to 16 kHz mono PCM on disk, one file for each channel that differs. Decides which of the two ways
// decodes, and judges the outcome; the ways themselves are decode-ffmpeg.ts and decode-wasm.ts.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { JobError } from '../errors.ts';
import { ShortageError } from '../shortage.ts';
import type { DistinctChannel } from './channels.ts';
import { decodeWithFfmpeg, FfmpegUnusable } from './decode-ffmpeg.ts';
import { decodeWithWasm } from './decode-wasm.ts';
import { type DecodedChannels, type DecodeTask, damaged, inWords, noAudio, noSuchTrack } from './decoder.ts';
import { hollow, mostSeconds, refuseImplausible, scratchBytes } from './plausible.ts';
import { probe } from './probe.ts';
import type { Probe } from './probed.ts';
import { CLOCKED, FORMATS, type MediaKind } from './sniff.ts';
import { SAMPLE_RATE } from './transcript.ts';

export type DecodeOptions = {
  path: string;
  /** An existing, empty folder of this decode alone: `channel-N.pcm` appear in it. The caller removes it. */
  scratchDirectory: string;
  /** Path of ffmpeg, or null to decode without it. */
  ffmpeg: string | null;
  maxDurationSeconds: number;
  timeoutMs: number;
  /** Of the audio tracks of the file, from 1; null for the default one. */
  track?: number | null;
  signal?: AbortSignal;
  /** Seconds decoded, and seconds in all where the file says so; about every 10 s of audio. */
  onProgress?: (seconds: number, ofSeconds: number | null) => void;
  /** Bytes that the decoded sound will take in the scratch folder, about; once, before any is written. */
  onNeeds?: (bytes: number) => void;
};

/** Seconds and channels where the container tells them exactly, in the time it takes to read a few headers. */
export type Measured = { durationSeconds: number; channels: number };

export type Decoded = {
  durationSeconds: number;
  /** Channels in the file. */
  channels: number;
  /** The first of each group of equal channels, in order; at least one. */
  distinct: DistinctChannel[];
  decoder: 'ffmpeg' | 'wasm';
};

/**
 * Decodes one audio track: the one that is asked for, else the default one, else the first that has sound.
 * @throws JobError `audio_unsupported`, `audio_corrupt`, `audio_empty`, `audio_too_long`, `engine_timeout`, or the
 * reason of `signal`.
 */
export async function decode(options: DecodeOptions): Promise<Decoded> {
  const wanted = options.track ?? null;
  const first = await decodeTrack(options, wanted === null ? null : wanted - 1);
  if (wanted !== null || first.loudest > SILENCE) return first.decoded;
  for (let other = 0; other < (first.tracks ?? MOST_UNTOLD); other++) {
    if (other === first.track) continue;
    const folder = join(options.scratchDirectory, `track-${other}`);
    mkdirSync(folder);
    const next = await decodeTrack({ ...options, scratchDirectory: folder }, other).catch(orNoTrack);
    if (next === null && first.tracks === null) break;
    if (next !== null && next.loudest > SILENCE) {
      for (const { pcm } of first.decoded.distinct) rmSync(pcm.path);
      return next.decoded;
    }
    rmSync(folder, { recursive: true });
  }
  return first.decoded;
}

/** One that cannot be decoded is not the one that was meant; that there is another is enough. */
function orNoTrack(error: unknown): null {
  if (error instanceof JobError && NOT_THIS_TRACK.has(error.code)) return null;
  throw error;
}

/** Digital silence, and what an encoder makes of it: -66 dB. */
const SILENCE = 16;
/** Tracks of a file that does not tell how many it has, until one is not there. */
const MOST_UNTOLD = 8;
const NOT_THIS_TRACK = new Set(['audio_unsupported', 'audio_corrupt', 'audio_empty']);

type DecodedTrack = { decoded: Decoded; loudest: number; tracks: number | null; track: number };

async function decodeTrack(options: DecodeOptions, track: number | null): Promise<DecodedTrack> {
  const { path, ffmpeg, maxDurationSeconds, timeoutMs, onProgress } = options;
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  const found = probe(path, track);
  const kind = accept(found, maxDurationSeconds);
  options.onNeeds?.(scratchBytes(found, maxDurationSeconds));
  const decoded = run(ffmpeg, {
    path,
    kind,
    probe: found,
    directory: options.scratchDirectory,
    maxDurationSeconds: Math.min(maxDurationSeconds, mostSeconds(found)),
    timeoutMs,
    signal,
    onProgress: (seconds) => onProgress?.(seconds, found.seconds),
  });
  const { decoder, ...result } = await decoded.catch((error: unknown) => {
    // The limit that the decoder ran into may be the file's own.
    const code = error instanceof JobError ? error.code : null;
    const own = mostSeconds(found) < maxDurationSeconds;
    throw code === 'audio_too_long' && own ? hollow(found, kind) : error;
  });
  refuseMissing(found, kind, result);
  return {
    decoded: {
      durationSeconds: result.samples / SAMPLE_RATE,
      channels: result.channels,
      distinct: result.distinct,
      decoder,
    },
    loudest: result.loudest,
    // Where the header does not tell it, ffmpeg finds out; the other way reads the first track only.
    tracks: found.tracks?.length ?? (decoder === 'ffmpeg' && CLOCKED.has(kind) ? null : 1),
    track: found.track,
  };
}

function refuseMissing(found: Probe, kind: MediaKind, result: DecodedChannels): void {
  // Silence that stands for gaps is not sound that was decoded.
  const seconds = (result.samples - result.silent) / SAMPLE_RATE;
  if (seconds === 0) {
    const hollow = found.seconds === null && found.fileBytes - found.audioStart < HOLLOW_BYTES;
    throw hollow && result.complaints === '' ? noAudio(kind) : damaged(kind, result.complaints);
  }
  // A WAV of packed sound tells its length about; half of it is not about.
  const halved = found.wave !== null && found.seconds !== null && seconds < found.seconds / 2;
  if (halved || (found.exact && found.seconds !== null && isShort(seconds, found.seconds))) {
    throw new JobError(
      'audio_corrupt',
      `The ${FORMATS[kind].label} file is damaged or cut short: it announces ${inWords(found.seconds ?? 0)} of audio, but only ${inWords(seconds)} can be decoded. Send it again, whole.`,
      { cause: result.complaints },
    );
  }
}

/**
 * What {@link decode} would say of a file's length and channels, without decoding; null where only that can tell.
 * @throws JobError as `decode` does for what its header gives away.
 */
export function measure(path: string, maxDurationSeconds: number): Measured | null {
  const found = probe(path);
  accept(found, maxDurationSeconds);
  const { samples, rate, channels } = found;
  if (samples === null || samples === 0 || !rate || channels === null) return null;
  return { durationSeconds: Math.round((samples / rate) * SAMPLE_RATE) / SAMPLE_RATE, channels };
}

/** An ffmpeg that ran when we started and does not any more (it is being replaced) leaves the work to the other way. */
async function run(
  ffmpeg: string | null,
  task: DecodeTask,
): Promise<DecodedChannels & Pick<Decoded, 'decoder'>> {
  // It reads the samples of a RIFX, a WAV with its bytes the other way round, as those of a WAV.
  const plain = task.probe.plain;
  const turned = task.kind === 'wav' && plain?.bigEndian === true;
  if (ffmpeg !== null && !turned)
    try {
      return { ...(await decodeWithFfmpeg(ffmpeg)(task)), decoder: 'ffmpeg' };
    } catch (error) {
      if (!(error instanceof FfmpegUnusable)) throw error;
      if (FORMATS[task.kind].wasm === null)
        throw new ShortageError('processes', error.message, { cause: error, suspect: true });
    }
  return { ...(await decodeWithWasm(task)), decoder: 'wasm' };
}

/** A file of headers and tags alone is smaller; a larger one without a single sample in it is damaged. */
const HOLLOW_BYTES = 4096;

/** Encoders pad and trim tenths of a second, so half a second and 1 % may be missing. */
function isShort(decoded: number, announced: number): boolean {
  return announced - decoded > 0.5 + announced * 0.01;
}

function accept(found: Probe, maxDurationSeconds: number) {
  if (found.fileBytes === 0) throw new JobError('audio_empty', 'The file is empty (0 bytes).');
  if (found.kind === null) {
    const seen = found.looksLike;
    throw new JobError(
      'audio_unsupported',
      seen === null
        ? 'The file is not in a known audio or video format. Send WAV, MP3, M4A, MP4, FLAC, Ogg, WebM or another common format.'
        : `The file is not audio: it looks like ${seen}. Check that the address leads to the media file itself.`,
    );
  }
  if (found.cutShort) {
    throw new JobError(
      'audio_corrupt',
      `The ${FORMATS[found.kind].label} file is cut short: its end is missing. Send the whole file again.`,
    );
  }
  if (found.broken) throw damaged(found.kind, 'header');
  if (found.tracks?.length === 0) throw noAudio(found.kind, 'no sound track');
  if (found.tracks && found.track >= found.tracks.length)
    throw noSuchTrack(found.track + 1, found.tracks.length);
  refuseImplausible(found, found.kind, maxDurationSeconds);
  return found.kind;
}
