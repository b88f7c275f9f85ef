// What a file claims, weighed before it costs anything: rates no microphone has, lengths that its bytes cannot hold, and
// the room that its decoded sound would take. Pure.

import { JobError } from '../errors.ts';
import { formatBytes } from '../units.ts';
import { inWords, MAX_CHANNELS, tooLong, tooManyChannels } from './decoder.ts';
import type { Probe } from './probed.ts';
import { FORMATS, type MediaKind } from './sniff.ts';
import { SAMPLE_RATE } from './transcript.ts';

/** Half of a telephone line's 8,000; below it there is no speech to understand. */
const LOWEST_RATE = 4_000;
/** The highest of studio equipment. */
const HIGHEST_RATE = 768_000;
/**
 * Bytes a second that every real file has, of formats whose frames have a length in time. Measured: Opus that falls silent
 * (DTX, frames of 120 ms) 17, AMR 50, MPEG audio 1,000. A file of less claims to be longer than it can be.
 */
const LEAST_BYTES_PER_SECOND = 8;
/**
 * Samples that one byte may hold, of formats whose frames have a length in samples. FLAC: 65,536 that are all the same in a
 * frame of 12 bytes (RFC 9639 §9), whatever container it is in. Vorbis: 4,096 of silence in a byte and its place in the
 * page. WavPack: 131,072 in a block of 36.
 */
const SAMPLES_PER_BYTE: Partial<Record<MediaKind, number>> = {
  flac: 65_536 / 12,
  oggflac: 65_536 / 12,
  ogg: 65_536 / 12,
  mp4: 65_536 / 12,
  matroska: 65_536 / 12,
  caf: 65_536 / 12,
  vorbis: 4_096 / 2,
  wavpack: 131_072 / 36,
};
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
  if (seconds > mostSeconds(found) + 1) throw hollow(found, kind);
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

/** The longest that a file of so many bytes can last. Where no rate is told (or one of 1 Hz is hidden), as if in time. */
export function mostSeconds({ kind, fileBytes, rate }: Pick<Probe, 'kind' | 'fileBytes' | 'rate'>): number {
  const samples = (kind && SAMPLES_PER_BYTE[kind]) ?? 0;
  return FREE_SECONDS + fileBytes * Math.max(1 / LEAST_BYTES_PER_SECOND, rate ? samples / rate : 0);
}

export function hollow(found: Probe, kind: MediaKind): JobError {
  const { fileBytes } = found;
  return new JobError(
    'audio_corrupt',
    `The ${FORMATS[kind].label} file of ${formatBytes(fileBytes)} claims to last longer than ${inWords(mostSeconds(found))}, which no such file can: its header is wrong. Convert it to WAV or MP3 and send it again.`,
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
