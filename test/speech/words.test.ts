import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inOrder, sayable, spans, type TimedWord, timedWords, utterancesOf } from '../../src/speech/words.ts';

const word = (text: string, start: number, end: number, confidence = 0.9): TimedWord => ({
  text,
  start,
  end,
  confidence,
});

describe('words of tokens', () => {
  it('part at spaces and keep their punctuation', () => {
    expect(spans([' And', ' so', ',', ' my', ' fellow', ' Americ', 'ans', '.'])).toEqual([
      { text: ' And', first: 0, spoken: 1, end: 1 },
      { text: ' so,', first: 1, spoken: 2, end: 3 },
      { text: ' my', first: 3, spoken: 4, end: 4 },
      { text: ' fellow', first: 4, spoken: 5, end: 5 },
      { text: ' Americans.', first: 5, spoken: 7, end: 8 },
    ]);
  });

  it('take bytes for characters outside the vocabulary, and signs into the word before', () => {
    expect(spans([' caf', '<0xC3>', '<0xA9>', ' -', ' now']).map((span) => span.text)).toEqual([
      ' café -',
      ' now',
    ]);
    expect(spans([' ...', ' yes']).map((span) => span.text)).toEqual([' yes']);
    expect(spans([])).toEqual([]);
  });

  it('have the probability of their tokens, without punctuation', () => {
    const [one] = timedWords([' Americ', 'ans', '.'], [0.5, 0.8, 0.1], [0, 1, 2, 3], []);
    expect(one?.confidence).toBeCloseTo(0.4);
    expect(one).toMatchObject({ start: 0, end: 2 });
  });

  it('do not reach over a pause', () => {
    const speech = [
      { start: 1, end: 2 },
      { start: 4, end: 5 },
    ];
    const words = timedWords([' one', ' two', ' three'], [1, 1, 1], [0, 1.5, 3.9, 5.3], speech);
    expect(words.map(({ start, end }) => [start, end])).toEqual([
      [1, 1.5],
      [1.5, 2],
      [4, 5],
    ]);
  });
});

describe('times in order', () => {
  it('change nothing that is in order', () => {
    const words = [word(' a', 0.5, 0.8), word(' b', 0.8, 1.2), word(' c', 2, 2.5)];
    expect(inOrder(words, { start: 0, end: 3 })).toEqual(words);
  });

  it('hold for any times, within the bounds', () => {
    const time = fc.double({ min: -1, max: 12, noNaN: true });
    const anyWord = fc.record({ start: time, end: time }).map(({ start, end }) => word(' x', start, end));
    fc.assert(
      fc.property(fc.array(anyWord, { minLength: 1, maxLength: 60 }), (words) => {
        const bounds = { start: 1, end: 10 };
        let before = bounds.start;
        for (const { start, end } of inOrder(words, bounds)) {
          expect(start).toBeGreaterThanOrEqual(before - 1e-9);
          expect(end - start).toBeGreaterThan(0.0199);
          before = end;
        }
        expect(before).toBeLessThanOrEqual(bounds.end + 1e-9);
      }),
    );
  });
});

describe('utterances', () => {
  const words = [
    word(' Hello', 0.1004, 0.5, 0.991),
    word(' there.', 0.5, 0.9, 0.8),
    word(' Who', 1.3, 1.5),
    word(' is', 1.5, 1.6),
    word(' it', 2.2, 2.4),
    word(' please', 4, 4.5),
  ];

  it('begin after the pause that ends a sentence, and after any long pause', () => {
    expect(utterancesOf(words, 1, 'en').map(({ text }) => text)).toEqual([
      'Hello there.',
      'Who is it',
      'please',
    ]);
  });

  it('are the words one after another, rounded', () => {
    expect(utterancesOf(words, 1, 'en')[0]).toEqual({
      start: 0.1,
      end: 0.9,
      confidence: 0.9,
      channel: 1,
      language: 'en',
      text: 'Hello there.',
      words: [
        { word: 'Hello', start: 0.1, end: 0.5, confidence: 0.99 },
        { word: ' there.', start: 0.5, end: 0.9, confidence: 0.8 },
      ],
    });
  });

  it('of nothing are none', () => {
    expect(utterancesOf([], 0, 'en')).toEqual([]);
  });
});

describe('words faster than speech', () => {
  const spoken = (lengths: readonly number[]) => {
    let end = 0;
    return lengths.map((length) => {
      const start = end;
      end += length;
      return { start, end };
    });
  };

  it('are three or more in a row within 40 ms each; one or two are small words', () => {
    expect(sayable(spoken([0.3, 0.02, 0.02, 0.3]))).toEqual([true, true, true, true]);
    expect(sayable(spoken([0.3, 0.02, 0.02, 0.02]))).toEqual([true, false, false, false]);
    expect(sayable(spoken([0.02, 0.02, 0.02, 0.02, 0.3, 0.02]))).toEqual([
      false,
      false,
      false,
      false,
      true,
      true,
    ]);
    expect(sayable([])).toEqual([]);
  });
});
