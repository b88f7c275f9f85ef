import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Utterance } from '../../src/speech/transcript.ts';
import { CAPTION_RULES, type Caption, type CaptionRules, captionsOf } from '../../src/text/captions.ts';
import { manyChannels, oneChannel, utterance } from './spoken.ts';

const anyRules: fc.Arbitrary<CaptionRules> = fc.record({
  charactersPerRow: fc.integer({ min: 1, max: 60 }),
  rows: fc.integer({ min: 1, max: 5 }),
  shortest: fc.constantFrom(0, 0.7, 1),
  longest: fc.constantFrom(1, 7, 30),
  bySentence: fc.boolean(),
});

const wordsIn = (captions: readonly Caption[]) => captions.flatMap(({ rows }) => rows.join(' ').split(' '));
const wordsSaid = (utterances: readonly Utterance[]) =>
  utterances.flatMap(({ words }) => words.map(({ word }) => word.trim()));

function expectInOrder(captions: readonly Caption[], rules: CaptionRules) {
  let free = 0;
  for (const { start, end, rows } of captions) {
    expect(start).toBeGreaterThanOrEqual(free);
    expect(end).toBeGreaterThan(start);
    expect(rows.length).toBeLessThanOrEqual(rules.rows);
    for (const row of rows)
      if (row.includes(' ')) expect([...row].length).toBeLessThanOrEqual(rules.charactersPerRow);
    free = end;
  }
}

describe('captions of one channel', () => {
  it('keep every word, its times, and the rules', async () => {
    await fc.assert(
      fc.asyncProperty(oneChannel, anyRules, async (utterances, rules) => {
        const captions = await captionsOf(utterances, rules);
        expectInOrder(captions, rules);
        expect(wordsIn(captions)).toEqual(wordsSaid(utterances));
        const words = utterances.flatMap((one) => one.words);
        const ms = (seconds: number) => Math.round(seconds * 1_000);
        let at = 0;
        for (const [i, caption] of captions.entries()) {
          const own = words.slice(at, at + wordsIn([caption]).length);
          at += own.length;
          const [start, end] = [ms(own[0]?.start ?? 0), ms(own.at(-1)?.end ?? 0)];
          const before = captions[i - 1] ?? { start: 0, end: 0 };
          expect(caption.start).toBe(Math.max(start, before.end));
          // Only words of no length before it keep a caption from its time, by a millisecond each.
          const brief = words.filter((word) => ms(word.start) === ms(word.end)).length;
          expect(caption.start - start).toBeLessThanOrEqual(Math.min(i, brief));
          expect(caption.end).toBeGreaterThanOrEqual(Math.min(end, start + ms(rules.longest)));
          const next = captions[i + 1]?.start ?? Number.POSITIVE_INFINITY;
          const shown = caption.end - caption.start;
          if (next - caption.start >= ms(rules.shortest))
            expect(shown).toBeGreaterThanOrEqual(ms(rules.shortest));
          expect(shown).toBeLessThanOrEqual(ms(rules.longest) + 1);
        }
      }),
    );
  });

  it('fill rows of 42 characters, two at a time, when nothing else is asked', async () => {
    const said =
      'And so, my fellow Americans, ask not what your country can do for you, ask what you can do for it.';
    expect(await captionsOf([utterance(1, said, { pace: 0.25 })])).toEqual([
      {
        start: 1_000,
        end: 5_200,
        rows: ['And so, my fellow Americans, ask not what', 'your country can do for you, ask what you'],
      },
      { start: 5_250, end: 6_200, rows: ['can do for it.'] },
    ]);
  });

  it('leave a word longer than a row whole', async () => {
    expect(
      await captionsOf([utterance(0, 'an extraordinarily long')], { ...CAPTION_RULES, charactersPerRow: 8 }),
    ).toMatchObject([{ rows: ['an', 'extraordinarily'] }, { rows: ['long'] }]);
  });

  it('by sentence, hold words of one sentence, and know abbreviations', async () => {
    const said = utterance(0, 'Mr. Smith came. He was late! We left at 5 p.m. today.', { pace: 0.2 });
    const rows = async (bySentence: boolean) =>
      (await captionsOf([said], { ...CAPTION_RULES, bySentence })).map((one) => one.rows);
    expect(await rows(true)).toEqual([['Mr. Smith came.'], ['He was late!'], ['We left at 5 p.m. today.']]);
    expect(await rows(false)).toEqual([['Mr. Smith came. He was late! We left at 5', 'p.m. today.']]);
  });

  it('stay up for the shortest time, but not into the next', async () => {
    const shown = await captionsOf([
      utterance(1, 'Yes.', { pace: 0.25 }),
      utterance(1.5, 'No.', { pace: 0.25 }),
    ]);
    expect(shown).toEqual([
      { start: 1_000, end: 1_500, rows: ['Yes.'] },
      { start: 1_500, end: 2_200, rows: ['No.'] },
    ]);
  });
});

describe('captions of channels that talk at once', () => {
  it('never overlap and lose nothing', async () => {
    await fc.assert(
      fc.asyncProperty(manyChannels, anyRules, async (utterances, rules) => {
        const captions = await captionsOf(utterances, rules);
        expectInOrder(captions, rules);
        expect(wordsIn(captions).sort()).toEqual(wordsSaid(utterances).sort());
      }),
    );
  });

  it('are cut short for the other, and shown for half a second all the same', async () => {
    const [one, other] = [
      utterance(0, 'How are you', { pace: 1 }),
      utterance(0.1, 'Fine', { channel: 1, pace: 2 }),
    ];
    expect(await captionsOf([one, other])).toEqual([
      { start: 0, end: 500, rows: ['How are you'] },
      { start: 500, end: 1_700, rows: ['Fine'] },
    ]);
  });
});
