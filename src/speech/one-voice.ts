// Judges what was measured of the channels of a recording: which of them hold one voice and nothing else, and where one
// holds only the bleed of another. Pure.
//
// Two facts tell of a window that both channels hold one source: they are alike, or one is just as far below the other as
// bleed has been all along. A channel speaks for itself where it is louder than the other explains.

import type { ChannelsMeasured, PairMeasured } from './compare.ts';

export type ChannelGroup = {
  /** Places in the list of channels; the first gives the number. */
  members: number[];
  /** The one that is heard. */
  best: number;
  /** Windows in which it repeats another channel, 1 each. */
  repeats: Uint8Array;
};

/** Two unlike voices stay below 0.08 at a delay that does not change, one voice under noise of its loudness at 0.15. */
const ALIKE = 0.14;
/** A single window is alike by chance now and then, up to 0.2 where one has music. */
const SURELY = 0.25;
/** Of what is usual where these two are alike: both talk at once, and the bleed is a part only. */
const USUAL_SHARE = 0.4;
/** Decibels over the noise of the channel. */
const SPEAKS = 6;
const QUIETEST = -75;
/** Further than this from the usual difference of two channels, decibels: where they are not alike, and where they are. */
const OWN = 6;
const OTHER_SIDE = 10;
/** Where they are alike and differ by no more, the first one counts. */
const EVEN = 4.5;
/** So much may bleed vary. */
const BLEED_SLACK = 4;
/** Fewer windows are chance. */
const FEWEST = 4;
const SHARE_ALIKE = 0.25;
/** A voice in one channel this far below the other is its bleed, not its copy. */
const INAUDIBLE = 24;
const NEVER = -200;

export type Judgement = {
  groups: ChannelGroup[];
  /** Whether two channels hold the same sound, window by window. */
  same: (one: number, other: number) => Uint8Array;
};

export function judgeChannels({ levels, pairs }: ChannelsMeasured): Judgement {
  const floors = levels.map(noiseFloor);
  const views = pairs.map((pair) => viewOf(pair, levels, floors));
  const groups: number[][] = [];
  for (const channel of levels.keys()) {
    const view = views.find(
      (one) => one.b === channel && one.oneVoice && groups.some((group) => group.includes(one.a)),
    );
    const group = view && groups.find((one) => one.includes(view.a));
    if (!group) groups.push([channel]);
    else if (view.usual > INAUDIBLE) group.unshift(channel);
    else group.push(channel);
  }
  const best = groups.map((group) => clearest(group, levels));
  const judged = groups.map((members, i) => {
    const channel = best[i] as number;
    const windows = levels[0]?.length ?? 0;
    const repeats = new Uint8Array(windows);
    for (const view of views) {
      if (!best.includes(view.a) || !best.includes(view.b)) continue;
      const marks = view.a === channel ? view.repeatsA() : view.b === channel ? view.repeatsB() : null;
      if (marks) for (let w = 0; w < windows; w++) repeats[w] = (repeats[w] as number) | (marks[w] as number);
    }
    return { members, best: channel, repeats };
  });
  const same = (one: number, other: number) =>
    views.find(({ a, b }) => a === Math.min(one, other) && b === Math.max(one, other))?.same ??
    new Uint8Array();
  return { groups: judged, same };
}

/** The quiet windows of half a minute around each, so that a fan that comes and goes is followed. */
function noiseFloor(levels: Float32Array): Float32Array {
  const blocks: number[] = [];
  for (let at = 0; at < levels.length; at += FLOOR_WINDOWS) {
    // Digital silence is no noise.
    const heard = levels
      .subarray(at, at + FLOOR_WINDOWS)
      .filter((level) => level > -100)
      .sort();
    blocks.push(heard[Math.floor(heard.length / 10)] ?? Number.POSITIVE_INFINITY);
  }
  return levels.map((_, w) => {
    const block = Math.floor(w / FLOOR_WINDOWS);
    const floor = Math.min(...blocks.slice(Math.max(0, block - 1), block + 2));
    return Number.isFinite(floor) ? floor : NEVER;
  });
}

const FLOOR_WINDOWS = 60;

type View = {
  a: number;
  b: number;
  oneVoice: boolean;
  /** By how many decibels b is usually louder than a where they are alike. */
  usual: number;
  same: Uint8Array;
  repeatsA: () => Uint8Array;
  repeatsB: () => Uint8Array;
};

/** One channel as the other sees it. */
type Side = { level: Float32Array; floor: Float32Array };

function viewOf({ a, b, alike }: PairMeasured, levels: Float32Array[], floors: Float32Array[]): View {
  const left: Side = { level: levels[a] as Float32Array, floor: floors[a] as Float32Array };
  const right: Side = { level: levels[b] as Float32Array, floor: floors[b] as Float32Array };
  const windows = [...alike.keys()];
  // A voice in noise of its loudness, and bleed that never pauses, do not stand out, but are alike.
  const active = windows.filter(
    (w) => speaks(left, w) || speaks(right, w) || (alike[w] as number) / 255 >= SURELY,
  );
  const usualLikeness = quantile(
    active.map((w) => (alike[w] as number) / 255).filter((one) => one >= ALIKE),
    0.75,
  );
  const least = Math.max(ALIKE, USUAL_SHARE * (usualLikeness ?? 0));
  const same = Uint8Array.from(alike, (one, w) => {
    const near = Math.max(alike[w - 1] ?? 0, alike[w + 1] ?? 0);
    return Number(one / 255 >= least && (one / 255 >= SURELY || near / 255 >= least));
  });
  const together = active.filter((w) => same[w] === 1);
  const usual =
    quantile(
      together.map((w) => difference(left, right, w)),
      0.5,
    ) ?? 0;
  const some = together.length >= FEWEST && together.length >= SHARE_ALIKE * active.length;
  const falls = (usualLikeness ?? 0) >= DRY ? 12 : 4;
  const oneVoice =
    some &&
    !speaksForItself(right, left, { same, usual, falls }) &&
    !speaksForItself(left, right, { same, usual: -usual, falls }) &&
    !(usualLikeness !== undefined && bothAtOnce(left, right, alike, usualLikeness));
  const seen = { left, right, same, together };
  return {
    a,
    b,
    oneVoice,
    usual,
    same,
    repeatsA: () => repeats(seen, 'a'),
    repeatsB: () => repeats(seen, 'b'),
  };
}

/** Likeness of a room without much echo: sound does not go on for long after the voice. */
const DRY = 0.6;

const speaks = ({ level, floor }: Side, w: number): boolean =>
  (level[w] as number) > Math.max(QUIETEST, (floor[w] as number) + SPEAKS);

const difference = (left: Side, right: Side, w: number): number =>
  (right.level[w] as number) - (left.level[w] as number);

/** Whether `side` has, for two windows or more, what is not explained by the other and the echo of it. */
function speaksForItself(
  side: Side,
  other: Side,
  { same, usual, falls }: { same: Uint8Array; usual: number; falls: number },
): boolean {
  let explained = NEVER;
  let run = 0;
  for (let w = 0; w < same.length; w++) {
    explained = Math.max((other.level[w] as number) + usual, explained - falls);
    const over = (side.level[w] as number) - explained;
    const own = speaks(side, w) && over > (same[w] === 1 ? OTHER_SIDE : OWN);
    run = own ? run + 1 : 0;
    if (run === 2) return true;
  }
  return false;
}

/** Two who talk over one another, as loud as one another, where these channels are else quite alike. */
function bothAtOnce(left: Side, right: Side, alike: Uint8Array, usualLikeness: number): boolean {
  if (usualLikeness < 0.5) return false;
  let run = 0;
  for (let w = 0; w < alike.length; w++) {
    const loud = [left, right].every(
      ({ level, floor }) => (level[w] as number) > (floor[w] as number) + LOUD,
    );
    run = loud && (alike[w] as number) / 255 < usualLikeness * 0.25 ? run + 1 : 0;
    if (run === 6) return true;
  }
  return false;
}

const LOUD = 12;

type Seen = { left: Side; right: Side; same: Uint8Array; together: number[] };

/** Where the channel repeats the other one. */
function repeats({ left, right, same, together }: Seen, which: 'a' | 'b'): Uint8Array {
  const [own, other] = which === 'a' ? [left, right] : [right, left];
  const over = (w: number) => difference(other, own, w);
  const marks = Uint8Array.from(same, (one, w) => {
    // The hiss that both have in a pause is no voice.
    if (one === 0 || !(speaks(own, w) || speaks(other, w))) return 0;
    const usual = median([w - 1, w, w + 1].filter((near) => same[near] === 1).map(over));
    return Number(which === 'a' ? usual < -EVEN : usual <= EVEN);
  });
  const bleeding = together.map(over).filter((one) => one < -EVEN);
  const gain = bleeding.length >= FEWEST ? median(bleeding) : null;
  for (let w = 0; w < marks.length; w++) {
    if (marks[w] === 1) continue;
    const loudest = Math.max(...[w - 1, w, w + 1].map((near) => other.level[near] ?? NEVER));
    const explained = (own.level[w] as number) <= loudest + (gain ?? NEVER) + BLEED_SLACK;
    if (explained && speaks(other, w) && over(w) < 0) marks[w] = 1;
  }
  return withoutHoles(marks, (w) => over(w) <= OWN && !speaks(own, w));
}

/** A window or two between such, where the channel does not speak up, belong to them. */
function withoutHoles(marks: Uint8Array, quiet: (w: number) => boolean): Uint8Array {
  const out = Uint8Array.from(marks);
  for (let w = 1; w < marks.length - 1; w++) {
    if (marks[w] === 1 || marks[w - 1] === 0) continue;
    for (const length of [1, 2]) {
      const hole = Array.from({ length }, (_, i) => w + i);
      if (marks[w + length] === 1 && hole.every(quiet)) for (const one of hole) out[one] = 1;
    }
  }
  return out;
}

/**
 * The channel whose level changes most: noise and echo fill the pauses. Of about equals the first, but one that is 20 dB
 * quieter has fewer bits.
 */
function clearest(group: readonly number[], levels: Float32Array[]): number {
  const clarity = (channel: number): number => {
    const own = [...(levels[channel] as Float32Array)];
    const loud = quantile(own, 0.9) ?? NEVER;
    const heard = own.map((level) => Math.max(level, loud - DEEPEST_PAUSE));
    const mean = heard.reduce((sum, level) => sum + level, 0) / heard.length;
    return Math.sqrt(heard.reduce((sum, level) => sum + (level - mean) ** 2, 0) / heard.length) + loud / 20;
  };
  const order = [...group].sort((a, b) => a - b);
  let best = order[0] as number;
  for (const channel of order) if (clarity(channel) > clarity(best) + CLEARER) best = channel;
  return best;
}

const DEEPEST_PAUSE = 40;
const CLEARER = 0.7;

const median = (values: readonly number[]): number => quantile(values, 0.5) ?? 0;

function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.floor((sorted.length - 1) * share)];
}
