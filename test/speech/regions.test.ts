import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quietest, REGION_RULES, type Region, RegionFinder } from '../../src/speech/regions.ts';
import type { Frame } from '../../src/speech/voice.ts';

const loud = (count: number): Frame[] => Array.from({ length: count }, () => ({ speech: 0.9, level: -20 }));
const quiet = (count: number): Frame[] => Array.from({ length: count }, () => ({ speech: 0.05, level: -80 }));

function regionsIn(frames: readonly Frame[]): Region[] {
  const finder = new RegionFinder();
  return [...frames.flatMap((frame) => finder.push(frame)), ...finder.finish()];
}

describe('regions', () => {
  it('are none in silence', () => {
    expect(regionsIn(quiet(1000))).toEqual([]);
  });

  it('join stretches over short pauses and part at long ones', () => {
    const frames = [...quiet(10), ...loud(50), ...quiet(20), ...loud(30), ...quiet(100), ...loud(40)];
    expect(regionsIn(frames)).toEqual([
      {
        start: 10,
        end: 110,
        speech: [
          { start: 10, end: 60 },
          { start: 80, end: 110 },
        ],
      },
      { start: 210, end: 250, speech: [{ start: 210, end: 250 }] },
    ]);
  });

  it('leave out clicks, keep speech that stops with the audio', () => {
    expect(regionsIn([...quiet(50), ...loud(2), ...quiet(50)])).toEqual([]);
    expect(regionsIn([...quiet(50), ...loud(5)])).toHaveLength(1);
  });

  it('come out as soon as they are over, not at the end of the audio', () => {
    const finder = new RegionFinder();
    const early = [...loud(50), ...quiet(70)].flatMap((frame) => finder.push(frame));
    expect(early).toHaveLength(1);
  });

  it('cut unbroken speech at its quietest point', () => {
    const frames = loud(REGION_RULES.longest + 100);
    for (let at = 298; at < 303; at++) frames[at] = { speech: 0.9, level: -50 };
    const [first, second] = regionsIn(frames);
    expect(first?.end).toBe(300);
    expect(second).toMatchObject({ start: 300, end: frames.length });
  });

  it('cover all long-enough speech once, in order, none longer than allowed', () => {
    const part = fc.record({ speech: fc.boolean(), frames: fc.integer({ min: 5, max: 900 }) });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const frames = parts.flatMap((one) => (one.speech ? loud(one.frames) : quiet(one.frames)));
        const covered = new Array<number>(frames.length).fill(0);
        let before = 0;
        for (const region of regionsIn(frames)) {
          expect(region.start).toBeGreaterThanOrEqual(before);
          expect(region.end - region.start).toBeLessThanOrEqual(REGION_RULES.longest);
          expect(region.speech[0]?.start).toBe(region.start);
          expect(region.speech.at(-1)?.end).toBe(region.end);
          before = region.end;
          for (const stretch of region.speech) {
            for (let at = stretch.start; at < stretch.end; at++) covered[at] = (covered[at] ?? 0) + 1;
          }
        }
        expect(covered).toEqual(frames.map((frame) => (frame.speech > 0.5 ? 1 : 0)));
      }),
      { numRuns: 50 },
    );
  });
});

describe('the quietest point', () => {
  it('leaves a third on either side', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -120, max: 0, noNaN: true }), { minLength: 3, maxLength: 200 }),
        (levels) => {
          const at = quietest(levels);
          expect(at).toBeGreaterThanOrEqual(Math.floor(levels.length / 3));
          expect(at).toBeLessThanOrEqual(Math.ceil((2 * levels.length) / 3));
        },
      ),
    );
  });
});
