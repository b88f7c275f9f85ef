import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loopAtEnd, tokenLimit } from '../../src/speech/repetition.ts';

describe('a loop', () => {
  it('is found with its first round and its length', () => {
    expect(loopAtEnd([1, 2, 3, ...Array<number[]>(4).fill([7, 8, 9, 10]).flat()])).toEqual({
      start: 3,
      length: 4,
    });
    expect(loopAtEnd([5, ...Array<number>(7).fill(6)])).toEqual({ start: 1, length: 1 });
  });

  it('is not what people say twice', () => {
    const sentence = [11, 12, 13, 14, 15, 16, 17, 18];
    expect(loopAtEnd([...sentence, ...sentence])).toBeUndefined();
    expect(loopAtEnd([4, 4, 4, 4])).toBeUndefined();
    expect(loopAtEnd([])).toBeUndefined();
  });

  it('is found whatever goes round, however it began', () => {
    const token = fc.integer({ min: 0, max: 30 });
    fc.assert(
      fc.property(
        fc.array(token, { maxLength: 20 }),
        fc.array(token, { minLength: 1, maxLength: 20 }),
        (before, round) => {
          const loop = loopAtEnd([...before, ...Array<number[]>(7).fill(round).flat()]);
          expect(loop).toBeDefined();
          expect(loop?.start).toBeLessThanOrEqual(before.length);
          expect(round.length % (loop?.length ?? 0)).toBe(0);
        },
      ),
    );
  });
});

it('the token limit leaves room for fast speech', () => {
  expect(tokenLimit(10)).toBeGreaterThan(65);
  expect(tokenLimit(0.2)).toBeGreaterThanOrEqual(12);
});
