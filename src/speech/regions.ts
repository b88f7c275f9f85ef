// Decides which stretches of the audio are given to the recogniser: from frames (speech or not, how loud) to
// regions of a few seconds. Pure and streaming: it holds the frames of the open region only.

import type { Frame } from './voice.ts';

/** All lengths in frames of 32 ms. */
export type RegionRules = {
  /** Speech starts at this probability and ends below the second. */
  startAt: number;
  endBelow: number;
  /** A pause shorter than this does not end a stretch of speech. */
  shortestPause: number;
  /** A stretch of speech shorter than this is a click. */
  shortestSpeech: number;
  /** Stretches this near join into one region, up to the length below. */
  joinAcross: number;
  joinUpTo: number;
  /** Speech without a pause is cut at its quietest frame before this length. */
  longest: number;
};

/**
 * Longer regions give the recogniser more context. 300 s of joined prompts, 600 words, errors of base and tiny: joined
 * across 1 s up to 8 s 14 and 17; across 1 s up to 12 s 11 and 18; across 2 s up to 15 s 10 and 15.
 */
export const REGION_RULES: RegionRules = {
  startAt: 0.5,
  endBelow: 0.35,
  shortestPause: 4,
  shortestSpeech: 3,
  joinAcross: 62,
  joinUpTo: 470,
  longest: 625,
};

/** A stretch of frames: `start` to, not including, `end`. */
export type Stretch = { start: number; end: number };
/** Stretches of speech that are recognised together, in order. */
export type Region = Stretch & { speech: Stretch[] };

/** Feed frames in order with `push`; regions come out when they are over. `finish` gives the last. */
export class RegionFinder {
  readonly #rules: RegionRules;
  #frame = 0;
  /** The open stretch of speech: where it began, and where the pause in it began, if it is in one. */
  #open: { start: number; pause: number | undefined; frames: Frame[] } | undefined;
  #region: Region | undefined;

  constructor(rules: RegionRules = REGION_RULES) {
    this.#rules = rules;
  }

  push(frame: Frame): Region[] {
    const at = this.#frame++;
    const rules = this.#rules;
    const open = this.#open;
    if (open === undefined) {
      if (frame.speech >= rules.startAt) this.#open = { start: at, pause: undefined, frames: [frame] };
      else if (this.#region !== undefined && at - this.#region.end > rules.joinAcross)
        return this.#closeRegion();
      return [];
    }
    open.frames.push(frame);
    if (frame.speech >= rules.endBelow) open.pause = undefined;
    else open.pause ??= at;
    if (open.pause !== undefined && at + 1 - open.pause >= rules.shortestPause) {
      this.#open = undefined;
      return this.#add({ start: open.start, end: open.pause });
    }
    if (open.pause === undefined && open.frames.length >= rules.longest) return this.#cut(open);
    return [];
  }

  finish(): Region[] {
    const open = this.#open;
    this.#open = undefined;
    const closed = open === undefined ? [] : this.#add({ start: open.start, end: open.pause ?? this.#frame });
    return [...closed, ...this.#closeRegion()];
  }

  /** Ends an unbroken stretch at its quietest frame and goes on with the rest of it. */
  #cut(open: { start: number; frames: Frame[] }): Region[] {
    const at = quietest(open.frames.map((frame) => frame.level));
    const rest = open.frames.slice(at);
    this.#open = { start: open.start + at, pause: undefined, frames: rest };
    const out = this.#add({ start: open.start, end: open.start + at });
    return [...out, ...this.#closeRegion()];
  }

  #add(stretch: Stretch): Region[] {
    const rules = this.#rules;
    if (stretch.end - stretch.start < rules.shortestSpeech) return [];
    const region = this.#region;
    const joins =
      region !== undefined &&
      stretch.start - region.end <= rules.joinAcross &&
      stretch.end - region.start <= rules.joinUpTo;
    if (joins) {
      region.speech.push(stretch);
      region.end = stretch.end;
      return [];
    }
    const closed = this.#closeRegion();
    this.#region = { ...stretch, speech: [stretch] };
    return closed;
  }

  #closeRegion(): Region[] {
    const region = this.#region;
    this.#region = undefined;
    return region === undefined ? [] : [region];
  }
}

const SMOOTHED_OVER = 5;

/**
 * Where to cut a stretch of `levels` (dB per frame): the middle of the quietest 160 ms that leaves at least a third
 * on either side.
 */
export function quietest(levels: readonly number[]): number {
  const first = Math.floor(levels.length / 3);
  const last = Math.ceil((2 * levels.length) / 3);
  let best = first;
  let lowest = Number.POSITIVE_INFINITY;
  for (let at = first; at <= last; at++) {
    const near = levels.slice(Math.max(0, at - (SMOOTHED_OVER >> 1)), at + (SMOOTHED_OVER >> 1) + 1);
    const level = near.reduce((sum, one) => sum + one, 0) / Math.max(1, near.length);
    if (level < lowest) {
      lowest = level;
      best = at;
    }
  }
  return best;
}
