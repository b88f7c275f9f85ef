import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparableWords, wordErrorRate, wordErrors } from '../../bench/wer.ts';

describe('comparable words', () => {
  it('drops case and punctuation, opens hyphens, writes single digits as words', () => {
    expect(comparableWords('Press 1, to re-record your 2nd message!')).toEqual([
      'press',
      'one',
      'to',
      're',
      'record',
      'your',
      '2nd',
      'message',
    ]);
  });

  it('keeps apostrophes inside words, curly or straight, and drops quotes', () => {
    expect(comparableWords('‘I’m sorry,’ she said: "don\'t."')).toEqual([
      "i'm",
      'sorry',
      'she',
      'said',
      "don't",
    ]);
  });

  it('gives no words for punctuation alone', () => {
    expect(comparableWords(' … — ?! ')).toEqual([]);
  });
});

describe('word errors', () => {
  const errors = (reference: string, heard: string) =>
    wordErrors(reference.split(' ').filter(Boolean), heard.split(' ').filter(Boolean)).errors;

  it('counts substitutions, insertions and deletions', () => {
    expect(errors('the cat sat', 'the hat sat')).toBe(1);
    expect(errors('the cat sat', 'the big cat sat')).toBe(1);
    expect(errors('the cat sat', 'the sat')).toBe(1);
    expect(errors('the cat sat', '')).toBe(3);
    expect(errors('', 'the cat')).toBe(2);
  });

  it('is a distance', () => {
    const words = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 8 });
    fc.assert(
      fc.property(words, words, words, (a, b, c) => {
        const between = (one: string[], other: string[]) => wordErrors(one, other).errors;
        expect(between(a, a)).toBe(0);
        expect(between(a, b)).toBe(between(b, a));
        expect(between(a, c)).toBeLessThanOrEqual(between(a, b) + between(b, c));
      }),
    );
  });

  it('weighs a set by words, not by clips', () => {
    expect(
      wordErrorRate([
        { errors: 1, reference: 1 },
        { errors: 0, reference: 99 },
      ]),
    ).toBe(0.01);
    expect(wordErrorRate([])).toBe(0);
    expect(wordErrorRate([{ errors: 2, reference: 0 }])).toBe(1);
  });
});
