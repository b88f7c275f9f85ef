import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Utterance } from '../../src/speech/transcript.ts';
import { sentencesOf } from '../../src/text/sentences.ts';
import { manyChannels, utterance } from './spoken.ts';

const textsOf = async (utterances: Utterance[]) =>
  (await sentencesOf(utterances)).map(({ sentence }) => sentence);
const sentencesIn = (text: string, pace = 0.2) => textsOf([utterance(0, text, { pace })]);

it.each([
  [['Mr. Smith paid 3.5 dollars in the U.S. last year.', 'He was happy.', "Dr. Jones wasn't!"]],
  [['We met at 5 p.m. on Monday.', 'Then we left.']],
  [['He said "Stop."', 'Then he ran.', 'Really?', 'Yes... maybe.']],
  [['Ask Prof. Brown, Ph.D. or John F. Kennedy Jr. of Acme Inc. today.', 'No.', 'Is it example.com?']],
  [['The U.S. Senate met.', 'So did I.', 'It is over.']],
  [['To exit the menu... press one.', 'Thank you']],
])('%j', async (sentences) => {
  expect(await sentencesIn(sentences.join(' '))).toEqual(sentences);
});

it('ends at an abbreviation where the speaker pauses', async () => {
  const parts = [utterance(0, 'I live in the U.S.'), utterance(2.3, 'He lives in Canada.')];
  expect(await textsOf(parts)).toEqual(['I live in the U.S.', 'He lives in Canada.']);
  expect(await sentencesIn('I live in the U.S. He lives in Canada.')).toHaveLength(1);
});

it('goes on over a pause in the middle, and ends at a long one', async () => {
  const parts = [
    utterance(0, 'Unless to be rather cold,'),
    utterance(3, 'is to be ill.'),
    utterance(9, 'The conference is unlocked'),
    utterance(20, 'Please hold'),
  ];
  expect(await textsOf(parts)).toEqual([
    'Unless to be rather cold, is to be ill.',
    'The conference is unlocked',
    'Please hold',
  ]);
});

it('has what the reference has: words, times, mean confidence, language and channel', async () => {
  const said = utterance(1, 'Yes. I do.', { channel: 1, confidence: [0.8, 1, 0.5] });
  expect((await sentencesOf([said]))[1]).toEqual({
    sentence: 'I do.',
    start: 1.4,
    end: 2.12,
    confidence: 0.75,
    language: 'en',
    channel: 1,
    words: [
      { word: 'I', start: 1.4, end: 1.72, confidence: 1 },
      { word: ' do.', start: 1.8, end: 2.12, confidence: 0.5 },
    ],
  });
});

it('keeps channels apart, in order of start, and loses no word', async () => {
  await fc.assert(
    fc.asyncProperty(manyChannels, async (utterances) => {
      const sentences = await sentencesOf(utterances);
      for (const channel of [0, 1, 2, 3]) {
        const wordsOf = (list: readonly { channel: number; words: { word: string }[] }[]) =>
          list
            .filter((one) => one.channel === channel)
            .flatMap(({ words }) => words.map(({ word }) => word.trim()));
        expect(wordsOf(sentences)).toEqual(wordsOf(utterances));
      }
      const starts = sentences.map(({ start }) => start);
      expect(starts).toEqual([...starts].sort((a, b) => a - b));
      for (const { sentence, words } of sentences)
        expect(sentence).toBe(words.map(({ word }) => word).join(''));
    }),
  );
});
