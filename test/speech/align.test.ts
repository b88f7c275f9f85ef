import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstFrames } from '../../src/speech/align.ts';

/** Attention of `heads` heads that looks at `length` frames from each of `starts`, over weak noise. */
function attentionAt(starts: readonly number[], frames: number, heads = 2): Float32Array[] {
  return starts.map((start, row) => {
    const end = starts[row + 1] ?? frames;
    return Float32Array.from({ length: frames * heads }, (_, i) => {
      const frame = i % frames;
      return (frame >= start && frame < end ? 0.1 : 0.001) + 0.0005 * ((i * 7919 + row * 104_729) % 13);
    });
  });
}

describe('alignment', () => {
  it('finds where each token begins', () => {
    const starts = [0, 20, 35, 80, 120];
    for (const [row, frame] of firstFrames(attentionAt(starts, 150), 150).entries()) {
      expect(Math.abs(frame - (starts[row] ?? 0))).toBeLessThanOrEqual(3);
    }
  });

  it('never goes back and stays in the audio, whatever the attention', () => {
    const attention = fc
      .record({ rows: fc.integer({ min: 1, max: 12 }), frames: fc.integer({ min: 1, max: 40 }) })
      .chain(({ rows, frames }) =>
        fc.record({
          frames: fc.constant(frames),
          attention: fc.array(
            fc.float32Array({ minLength: frames * 2, maxLength: frames * 2, min: 0, max: 1, noNaN: true }),
            {
              minLength: rows,
              maxLength: rows,
            },
          ),
        }),
      );
    fc.assert(
      fc.property(attention, ({ attention, frames }) => {
        const first = firstFrames(attention, frames);
        expect(first).toHaveLength(attention.length);
        expect(first[0]).toBe(0);
        for (const [row, frame] of first.entries()) {
          expect(frame).toBeGreaterThanOrEqual(first[row - 1] ?? 0);
          expect(frame).toBeLessThan(frames);
        }
      }),
    );
  });

  it('of nothing is nothing', () => {
    expect(firstFrames([], 10)).toEqual([]);
  });
});
