// What a file claims, weighed before it costs anything: rates no microphone has, lengths that its bytes cannot hold, and
// the room that its decoded sound would take. Pure.

import { JobError } from '../errors.ts';
import { formatBytes } from '../units.ts';
import { inWords, MAX_CHANNELS, tooLong, tooManyChannels } from './decoder.ts';
import type { Probe } from './probe.ts';
import { FORMATS, type MediaKind } from './sniff.ts';
import { SAMPLE_RATE } from './transcript.ts';

/** Half of a telephone line's 8,000; below it there is no speech to understand. */
const LOWEST_RATE = 4_000;
/** The highest of studio equipment. */
const HIGHEST_RATE = 768_000;
/**
 * Bytes a second that every real file has. Measured: digital silence in FLAC 27 and more, Opus that falls silent (DTX) 17,
 * AMR 50. A file of less claims to be longer than it can be.
 */
const LEAST_BYTES_PER_SECOND = 8;
/** A short file may be mostly header and yet last a little. */
const FREE_SECONDS = 60;
/** Decoded sound of one job: 18 hours of two channels, 9 of four. */
export const MAX_SCRATCH_BYTES = 4 * 2 ** 30;
/** Of a file that does not say how long it lasts: 8 kbit/s, as telephone recorders write. */
const USUAL_BYTES_PER_SECOND = 1_000;

const BYTES_PER_SAMPLE = 2;

/** Throws JobError for what is not worth a try. */
export function refuseImplausible(found: Probe, kind: MediaKind, maxDurationSeconds: number): void {
  const { rate, channels, seconds } = found;
  // MP4 has no room for more than 65,535, and writes 0.
  if (rate !== null && rate > 0) refuseRate(rate, kind);
  if (channels !== null && channels > MAX_CHANNELS) throw tooManyChannels(channels);
  if (seconds === null || !(found.exact || found.samples !== null)) return;
  if (seconds > maxDurationSeconds + 1) throw tooLong(maxDurationSeconds);
  if (seconds > mostSeconds(found.fileBytes) + 1) throw hollow(kind, found.fileBytes);
  if (seconds * (channels ?? 1) * SAMPLE_RATE * BYTES_PER_SAMPLE > MAX_SCRATCH_BYTES)
    throw tooMuchSound(channels ?? 1);
}

/** Also for what a decoder finds as it goes. */
export function refuseRate(rate: number, kind: MediaKind): void {
  if (rate >= LOWEST_RATE && rate <= HIGHEST_RATE) return;
  throw new JobError(
    'audio_unsupported',
    `The ${FORMATS[kind].label} file claims ${Math.round(rate)} samples a second, and only ${LOWEST_RATE} to ${HIGHEST_RATE} are supported. If it plays at the right speed, convert it to 16,000.`,
  );
}

/** The longest that a file of so many bytes can honestly last. */
export function mostSeconds(fileBytes: number): number {
  return FREE_SECONDS + fileBytes / LEAST_BYTES_PER_SECOND;
}

export function hollow(kind: MediaKind, fileBytes: number): JobError {
  return new JobError(
    'audio_corrupt',
    `The ${FORMATS[kind].label} file of ${formatBytes(fileBytes)} claims to last longer than ${inWords(mostSeconds(fileBytes))}, which no such file can: its header is wrong. Convert it to WAV or MP3 and send it again.`,
  );
}

export function tooMuchSound(channels: number): JobError {
  return new JobError(
    'audio_too_long',
    `The sound of its ${channels} channels together is too much for one transcription (${formatBytes(MAX_SCRATCH_BYTES)} decoded). Split the file, or send fewer channels in one.`,
  );
}

/** Bytes that the decoded sound will take, as far as can be told before. */
export function scratchBytes({ seconds, channels, fileBytes }: Probe, maxDurationSeconds: number): number {
  const length = Math.min(seconds ?? fileBytes / USUAL_BYTES_PER_SECOND, maxDurationSeconds);
  return Math.min(length * (channels ?? 2) * SAMPLE_RATE * BYTES_PER_SAMPLE, MAX_SCRATCH_BYTES);
}
