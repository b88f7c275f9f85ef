// The small interface between `decode` and its two ways of decoding, and the sentences both use.

import { JobError } from '../errors.ts';
import type { DistinctChannel } from './channels.ts';
import type { Probe } from './probed.ts';
import { FORMATS, type MediaKind } from './sniff.ts';

export type DecodeTask = {
  path: string;
  kind: MediaKind;
  probe: Probe;
  /** An existing folder for the spool files; the caller owns and removes it. */
  directory: string;
  maxDurationSeconds: number;
  timeoutMs: number;
  signal: AbortSignal;
  /** Seconds of audio decoded so far. */
  onProgress: (seconds: number) => void;
};

export type DecodedChannels = {
  /** Samples per channel at 16 kHz. */
  samples: number;
  channels: number;
  distinct: DistinctChannel[];
  /** Samples of `samples` that are silence where the file has no sound: it starts late, or has gaps. */
  silent: number;
  /** The highest sample, of 32,768. */
  loudest: number;
  /** What the decoder complained about while going on, for the log; empty when all was well. */
  complaints: string;
};

/** Throws JobError, or the reason of the signal. */
export type Decoder = (task: DecodeTask) => Promise<DecodedChannels>;

/** 7.1 sound. More is a recording desk, and costs a transcription for each. */
export const MAX_CHANNELS = 8;
/** Growth of memory at which a decode is stopped. Good files measured: at most 0.2 GB in either way. */
export const MEMORY_LIMIT = 2 ** 30;

export function tooLong(maxDurationSeconds: number): JobError {
  return new JobError(
    'audio_too_long',
    `The audio lasts longer than the allowed ${inWords(maxDurationSeconds)}. Split it and send the parts.`,
  );
}

/**
 * Not `audio_corrupt`: an hour decodes in seconds, so a whole time budget used up is a file that keeps the decoder busy
 * or a machine without air, and only the owner can tell.
 */
export function decodingTimedOut(timeoutMs: number): JobError {
  return new JobError(
    'engine_timeout',
    `Decoding the audio took longer than ${inWords(timeoutMs / 1000)} and was stopped. If the file plays normally, try again; otherwise convert it to WAV or MP3.`,
  );
}

export function needsFfmpeg(what: string, cause?: unknown): JobError {
  return new JobError(
    'audio_unsupported',
    `${what} cannot be decoded without ffmpeg. Install ffmpeg on the server (it must be on the PATH), or send WAV, MP3, M4A, FLAC, Ogg or WebM.`,
    { cause },
  );
}

export function unsupportedCodec(kind: MediaKind, cause?: unknown): JobError {
  return new JobError(
    'audio_unsupported',
    `The ${FORMATS[kind].label} file holds audio in a format that is not supported. Convert it to WAV, MP3, M4A, FLAC or Ogg.`,
    { cause },
  );
}

export function damaged(kind: MediaKind, cause?: unknown): JobError {
  return new JobError(
    'audio_corrupt',
    `The ${FORMATS[kind].label} file is damaged and cannot be decoded. Check that it plays, and send it again.`,
    { cause },
  );
}

export function noAudio(kind: MediaKind, cause?: unknown): JobError {
  return new JobError('audio_empty', `The ${FORMATS[kind].label} file holds no audio.`, { cause });
}

export function noSuchTrack(track: number, tracks: number): JobError {
  const has = tracks === 1 ? 'only one audio track' : `${tracks} audio tracks`;
  return new JobError(
    'audio_unsupported',
    `audio_track is ${track}, but the file has ${has}. Give a number from 1 to ${tracks}, or leave it out for the default track.`,
  );
}

export function tooManyChannels(channels: number): JobError {
  return new JobError(
    'audio_unsupported',
    `The audio has ${channels} channels; at most ${MAX_CHANNELS} are supported. Send fewer channels in a file.`,
  );
}

export function tooMuchMemory(cause?: unknown): JobError {
  return new JobError(
    'audio_corrupt',
    'Decoding the file needs more memory than any sound file should. It is probably damaged: convert it to WAV or MP3 and send it again.',
    { cause },
  );
}

export function inWords(seconds: number): string {
  const rounded = seconds >= 10 ? Math.round(seconds) : Math.round(seconds * 10) / 10;
  if (rounded < 120) return `${rounded} seconds`;
  if (rounded < 7200) return `${Math.round(rounded / 60)} minutes`;
  return `${Math.round(rounded / 360) / 10} hours`;
}
