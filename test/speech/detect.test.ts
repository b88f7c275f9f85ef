// Finding speech: raised to the detector's level, anew after din, and once more where it was loud.
import { describe, expect, it } from 'vitest';
import { gainOf, gainsAround, levelOf, raised } from '../../src/speech/loudness.ts';
import { LONGEST, missedStretches, unfinished } from '../../src/speech/missed.ts';
import { FRAME, type Frame } from '../../src/speech/voice.ts';

const frames = (count: number, speech: number, level: number): Frame[] =>
  Array.from({ length: count }, () => ({ speech, level }));
const spoken = (count: number) => frames(count, 0.9, -20);
const loud = (count: number) => frames(count, 0.05, -25);
const quiet = (count: number) => frames(count, 0.05, -70);

describe('gain', () => {
  it('raises what is quiet to one level, by 40 dB at most, and lowers nothing', () => {
    expect(gainOf([-50, -50, -50, -50, -50, -50])).toBe(30);
    expect(gainOf([-90, -90, -90, -90, -90])).toBe(40);
    expect(gainOf([-5, -5, -5, -5, -5])).toBe(0);
  });

  it('is not held down by a click, and follows what is around', () => {
    const levels = [...Array(100).fill(-50), -3, ...Array(100).fill(-50)];
    expect(new Set(gainsAround(levels, 0, levels.length))).toEqual(new Set([30]));
    const louder = [...Array(200).fill(-60), ...Array(200).fill(-30)];
    const gains = gainsAround(louder, 0, louder.length);
    expect([gains[0], gains.at(-1)]).toEqual([40, 10]);
  });

  it('goes over without a step, and clips at full scale', () => {
    const flat = new Float32Array(FRAME).fill(0.01);
    const up = raised(flat, 0, 40);
    expect(up[0]).toBeCloseTo(0.01);
    expect(up.at(-1)).toBe(1);
    for (const [i, sample] of up.entries()) expect(sample).toBeGreaterThanOrEqual(up[i - 1] ?? 0);
    expect(raised(flat, 0, 0)).toBe(flat);
  });
});

it('levels are decibels of full scale, down to -120', () => {
  expect(levelOf(new Float32Array(FRAME).fill(1))).toBe(0);
  expect(levelOf(new Float32Array(FRAME).fill(0.1))).toBeCloseTo(-20);
  expect(levelOf(new Float32Array(FRAME))).toBe(-120);
});

describe('a second look', () => {
  it('is taken at what was loud and no speech, whole', () => {
    expect(missedStretches([...quiet(50), ...loud(20), ...quiet(50)])).toEqual([{ start: 50, end: 70 }]);
    expect(missedStretches([...quiet(50), ...spoken(20), ...quiet(20), ...loud(10), ...quiet(20)])).toEqual([
      { start: 90, end: 100 },
    ]);
  });

  it('is not taken at clicks, at speech, at a machine that goes on, in quiet or in even noise', () => {
    expect(missedStretches([...quiet(50), ...loud(3), ...quiet(50)])).toEqual([]);
    expect(missedStretches([...quiet(50), ...spoken(30), ...quiet(50)])).toEqual([]);
    expect(missedStretches([...quiet(200), ...loud(LONGEST + 1), ...quiet(50)])).toEqual([]);
    expect(missedStretches(quiet(200))).toEqual([]);
    expect(missedStretches(loud(200))).toEqual([]);
  });

  it('waits for the end of a stretch that may go on', () => {
    expect(unfinished([...quiet(50), ...loud(20)])).toBe(20);
    expect(unfinished([...quiet(50), ...loud(20), ...quiet(8)])).toBe(0);
    expect(unfinished(quiet(50))).toBe(0);
  });
});
