// Loud stretches that the voice detector took for no speech, and may have been wrong about. Pure.

import { RegionFinder, type Stretch } from './regions.ts';
import type { Frame } from './voice.ts';

/** Loud is so many dB above the quiet of the audio around, which counts as no quieter than the second. */
const ABOVE_QUIET = 12;
const QUIET_AT_LEAST = -85;
/** The quiet is what a tenth of the frames are below. */
const QUIET_SHARE = 0.1;
/** A shorter stretch is a click, and so many quiet frames end one: 128 and 256 ms. */
const SHORTEST = 4;
const PAUSE = 8;
/** Longer than this nobody speaks without a pause that the detector hears: an instrument, a machine. 20 s. */
export const LONGEST = 625;

/** In frames. */
export function missedStretches(frames: readonly Frame[]): Stretch[] {
  const spoken = spokenFrames(frames);
  const loudAt = loudnessOf(frames);
  const found: Stretch[] = [];
  let open: Stretch | undefined;
  const close = (): void => {
    if (open !== undefined && open.end - open.start >= SHORTEST && open.end - open.start <= LONGEST)
      found.push(open);
    open = undefined;
  };
  for (const [at, frame] of frames.entries()) {
    if (spoken[at] === 1 || (open !== undefined && at - open.end >= PAUSE)) close();
    if (spoken[at] === 1 || frame.level < loudAt) continue;
    if (open === undefined) open = { start: at, end: at + 1 };
    else open.end = at + 1;
  }
  close();
  return found;
}

/** How many frames at the end belong to a loud stretch that may go on in what comes next. */
export function unfinished(frames: readonly Frame[]): number {
  const last = missedStretches(frames).at(-1);
  return last === undefined || frames.length - last.end >= PAUSE ? 0 : frames.length - last.start;
}

function loudnessOf(frames: readonly Frame[]): number {
  const sorted = frames.map(({ level }) => level).sort((a, b) => a - b);
  const quiet = sorted[Math.floor(sorted.length * QUIET_SHARE)] ?? QUIET_AT_LEAST;
  return Math.max(QUIET_AT_LEAST, quiet) + ABOVE_QUIET;
}

function spokenFrames(frames: readonly Frame[]): Uint8Array {
  const finder = new RegionFinder();
  const regions = [...frames.flatMap((frame) => finder.push(frame)), ...finder.finish()];
  const spoken = new Uint8Array(frames.length);
  for (const { start, end } of regions.flatMap(({ speech }) => speech)) spoken.fill(1, start, end);
  return spoken;
}
