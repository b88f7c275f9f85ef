// Keeps sound on the clock of its file: where the file has none for a while (it starts late, a speaker was muted, packets
// were lost) there is silence, so that words have the times that a player shows. Both ways of decoding use it.

import { SAMPLE_RATE } from './transcript.ts';

/**
 * Clocks of files are rounded to milliseconds and decoders hold a frame back (up to 64 ms of AAC), so a smaller gap is none.
 * As much as ffmpeg's own `aresample=async=1` lets pass.
 */
const LEAST_GAP_SECONDS = 0.1;
/** Before the first sound nothing has been rounded yet. */
const LEAST_START_SECONDS = 0.04;

/** Samples of silence to write before the sound that belongs to `seconds`, after so many samples of sound and silence. */
export function silenceBefore(seconds: number, written: number): number {
  const missing = Math.round(seconds * SAMPLE_RATE) - written;
  const least = written === 0 ? LEAST_START_SECONDS : LEAST_GAP_SECONDS;
  return missing > least * SAMPLE_RATE ? missing : 0;
}

/** Written a second at a time: an hour of it must not lie in memory. */
export function* silence(samples: number): Generator<Int16Array> {
  for (let left = samples; left > 0; left -= SAMPLE_RATE) yield new Int16Array(Math.min(left, SAMPLE_RATE));
}
