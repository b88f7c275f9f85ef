// When the samples of an MP4's sound track play, where that is not simply one after the other: behind a gap in their times,
// and at the start of each fragment. Pure. Needs tables that fit (mp4-tables.ts).

import { walk } from './mp4-boxes.ts';
import type { Mp4Track } from './mp4-tracks.ts';

/** Where a sample begins in the file, and the second of the movie at which it plays. */
export type ClockMark = { at: number; seconds: number };

/** Smaller gaps are rounding. */
const GAP_SECONDS = 0.1;
/** A file of more gaps than that is one a second for 28 hours. */
const MOST_MARKS = 100_000;

type Tables = {
  /** Runs of samples of one duration: how many, how long, and so on. */
  times: Uint32Array;
  chunks: { view: DataView; body: number; wide: boolean; count: number } | null;
  /** The first chunk (from 1) that has so many samples, and so on. */
  perChunk: Uint32Array;
  sizes: { view: DataView; body: number; all: number; count: number } | null;
};

export type Mp4Clock = {
  marks: ClockMark[];
  /** Seconds of sound without its gaps; null where the tables are empty (fragments). */
  sound: number | null;
  /** With its gaps. */
  seconds: number;
  /** Where the last sample ends in the file. */
  end: number;
  /** The chunks of the track follow one another in the file. */
  inOrder: boolean;
};

export function mp4Clock(moov: Uint8Array, track: Mp4Track): Mp4Clock {
  const tables = readTables(moov, track);
  const usual = usualTicks(tables.times);
  const clock: Mp4Clock = { marks: [], sound: null, seconds: 0, end: 0, inOrder: true };
  let [frames, ticks] = [0, 0];
  for (const [count, each] of runs(tables.times)) {
    frames += count;
    ticks += count * each;
  }
  if (frames > 0 && track.scale > 0) {
    clock.sound = soundTicks(tables.times, usual) / track.scale;
    clock.seconds = ticks / track.scale;
  }
  const gaps = gapsOf(tables.times, usual, GAP_SECONDS * track.scale);
  let next = 0;
  let sample = 0;
  for (const chunk of chunksOf(tables)) {
    clock.inOrder &&= chunk.at >= clock.end;
    let at = chunk.at;
    const until = sample + chunk.samples;
    for (; next < gaps.length && (gaps[next]?.sample ?? 0) < until; next++) {
      const gap = gaps[next] as { sample: number; ticks: number };
      at += bytesOf(tables, sample, gap.sample);
      sample = gap.sample;
      clock.marks.push({ at, seconds: secondsOf(gap.ticks, track) });
    }
    at += bytesOf(tables, sample, until);
    sample = until;
    clock.end = Math.max(clock.end, at);
  }
  return clock;
}

/** Of a fragment (`moof`, which begins at `start` in the file): its first sample of the track; null where it has none. */
export function fragmentMark(moof: Uint8Array, start: number, track: Mp4Track): ClockMark | null {
  const view = new DataView(moof.buffer, moof.byteOffset, moof.byteLength);
  let [mine, ticks, base] = [false, null as number | null, start];
  let found: ClockMark | null = null;
  walk(moof, 0, moof.length, (type, body, end) => {
    if (type === 'tfhd') {
      mine = view.getUint32(body + 4) === track.id;
      ticks = null;
      base =
        (view.getUint32(body) & 1) === 1 && end - body >= 16 ? Number(view.getBigUint64(body + 8)) : start;
    }
    if (type === 'tfdt' && end - body >= 8)
      ticks =
        moof[body] === 1 && end - body >= 12 ? Number(view.getBigUint64(body + 4)) : view.getUint32(body + 4);
    if (type !== 'trun' || !mine || ticks === null || found || end - body < 12) return;
    const offset = (view.getUint32(body) & 1) === 1 ? view.getInt32(body + 8) : 0;
    found = { at: base + offset, seconds: secondsOf(ticks, track) };
  });
  return found;
}

function secondsOf(ticks: number, { skipped, scale, delay }: Mp4Track): number {
  return (ticks - skipped) / scale + delay;
}

function readTables(moov: Uint8Array, track: Mp4Track): Tables {
  const view = new DataView(moov.buffer, moov.byteOffset, moov.byteLength);
  const tables: Tables = { times: NONE, chunks: null, perChunk: NONE, sizes: null };
  const pairs = (body: number, size: number) =>
    Uint32Array.from({ length: 2 * view.getUint32(body + 4) }, (_, i) =>
      view.getUint32(body + 8 + (i >> 1) * size + (i & 1) * 4),
    );
  walk(moov, track.start + 8, track.end, (type, body) => {
    if (type === 'stts') tables.times = pairs(body, 8);
    if (type === 'stsc') tables.perChunk = pairs(body, 12);
    if (type === 'stco' || type === 'co64')
      tables.chunks = { view, body, wide: type === 'co64', count: view.getUint32(body + 4) };
    if (type === 'stsz')
      tables.sizes = { view, body, all: view.getUint32(body + 4), count: view.getUint32(body + 8) };
  });
  return tables;
}

const NONE = new Uint32Array(0);
/** A real track has two or three; one that has a different one for each sample must not fill the memory. */
const MOST_DURATIONS = 10_000;

function* runs(times: Uint32Array): Generator<readonly [count: number, ticks: number]> {
  for (let i = 0; i + 1 < times.length; i += 2) yield [times[i] as number, times[i + 1] as number];
}

/** The duration that most samples have. */
function usualTicks(times: Tables['times']): number {
  const counts = new Map<number, number>();
  for (const [count, ticks] of runs(times))
    if (counts.size < MOST_DURATIONS || counts.has(ticks))
      counts.set(ticks, (counts.get(ticks) ?? 0) + count);
  let [usual, most] = [0, 0];
  for (const [ticks, count] of counts) if (count > most) [usual, most] = [ticks, count];
  return usual;
}

/** A sample that is said to last longer than usual does not: what follows is a gap. */
function soundTicks(times: Tables['times'], usual: number): number {
  let sum = 0;
  for (const [count, ticks] of runs(times)) sum += count * Math.min(ticks, usual);
  return sum;
}

/** Samples before which the clock is ahead of the sound by more than a little, again. */
function gapsOf(times: Tables['times'], usual: number, least: number): { sample: number; ticks: number }[] {
  const gaps: { sample: number; ticks: number }[] = [];
  let [sample, clock, ahead] = [0, 0, 0];
  for (const [count, ticks] of runs(times)) {
    const excess = ticks - usual;
    if (excess <= 0) {
      sample += count;
      clock += count * ticks;
      ahead += count * excess;
      continue;
    }
    for (let i = 0; i < count && gaps.length < MOST_MARKS; i++) {
      sample++;
      clock += ticks;
      ahead += excess;
      if (ahead <= least) continue;
      gaps.push({ sample, ticks: clock });
      ahead = 0;
    }
  }
  return gaps;
}

function* chunksOf({ chunks, perChunk, sizes }: Tables): Generator<{ at: number; samples: number }> {
  if (!chunks || !sizes) return;
  let [run, left] = [0, sizes.count];
  for (let n = 0; n < chunks.count && left > 0; n++) {
    while (2 * run + 2 < perChunk.length && n + 1 >= (perChunk[2 * run + 2] ?? Infinity)) run++;
    const at = chunks.body + 8 + n * (chunks.wide ? 8 : 4);
    const samples = Math.min(left, perChunk[2 * run + 1] ?? 1);
    left -= samples;
    yield { at: chunks.wide ? Number(chunks.view.getBigUint64(at)) : chunks.view.getUint32(at), samples };
  }
}

function bytesOf({ sizes }: Tables, from: number, to: number): number {
  if (!sizes) return 0;
  if (sizes.all > 0) return (to - from) * sizes.all;
  let bytes = 0;
  for (let i = from; i < Math.min(to, sizes.count); i++)
    bytes += sizes.view.getUint32(sizes.body + 12 + i * 4);
  return bytes;
}
