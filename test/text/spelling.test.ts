import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shapeUtterances } from '../../src/text/shape.ts';
import type { SpellingDictionary } from '../../src/text/spelling.ts';
import { watchTurns } from '../rig/turns.ts';
import { oneChannel, textsOf, utterance } from './spoken.ts';

const spelled = (
  utterances: Parameters<typeof shapeUtterances>[0],
  spelling_dictionary: SpellingDictionary,
) => shapeUtterances(utterances, { custom_spelling: true, custom_spelling_config: { spelling_dictionary } });
const spell = async (text: string, dictionary: SpellingDictionary) =>
  textsOf(await spelled([utterance(0, text)], dictionary)).join(' | ');

describe('what is written', () => {
  it.each<[string, string, SpellingDictionary, string]>([
    [
      'whole words, whatever their case',
      'A sequel to SEQUEL and sequels.',
      { SQL: ['sequel'] },
      'A SQL to SQL and sequels.',
    ],
    [
      'several words',
      'Open post gress now',
      { PostgreSQL: ['post gress', 'post gres q l'] },
      'Open PostgreSQL now',
    ],
    ['the longest variant', 'new york city', { NYC: ['new york city'], NY: ['new york'] }, 'NYC'],
    [
      'hyphens part words',
      'An open-source and open source thing',
      { OSS: ['open source'] },
      'An OSS and OSS thing',
    ],
    ['a hyphen in the variant', 'a cold hearted man', { coldhearted: ['cold-hearted'] }, 'a coldhearted man'],
    [
      'not a part of a hyphenated word',
      'an open-source-like thing',
      { OSS: ['open source'] },
      'an open-source-like thing',
    ],
    [
      'the punctuation around it',
      'He said "sequel," (sequel) and sequel!',
      { SQL: ['sequel'] },
      'He said "SQL," (SQL) and SQL!',
    ],
    [
      'not across punctuation',
      'I like it post, gress',
      { PostgreSQL: ['post gress'] },
      'I like it post, gress',
    ],
    ['across the full stop of a title', 'Ask Mr. Smith.', { Smith: ['mr smith'] }, 'Ask Smith.'],
    ['the possessive', "Sequel’s and sequel's rows", { SQL: ['sequel'] }, "SQL’s and SQL's rows"],
    [
      'signs that belong to a word',
      'I write C plus plus and C.',
      { 'C++': ['c plus plus'] },
      'I write C++ and C.',
    ],
    ['more words than were heard', 'In NYC, today', { 'New York City': ['nyc'] }, 'In New York City, today'],
    ['no second full stop', 'It was Acme incorporated.', { 'Inc.': ['incorporated'] }, 'It was Acme Inc.'],
    ['each place once, from the left', 'a b a b a', { X: ['a b a'] }, 'X b a'],
    ['what was written is not read again', 'one two', { two: ['one'], three: ['two'] }, 'two three'],
    ['accents in either form', 'Caf\u0065\u0301 time', { Coffee: ['caf\u00e9'] }, 'Coffee time'],
  ])('%s', async (_name, text, dictionary, expected) => {
    expect(await spell(text, dictionary)).toBe(expected);
  });
});

describe('spoken signs', () => {
  const signs = { '.': ['period', 'full stop'], ',': ['comma'], '?': ['question mark'] };

  it('go to the word before, in the place of its stop', async () => {
    expect(await spell('Hello, comma how are you question mark Fine period.', signs)).toBe(
      'Hello, how are you? Fine.',
    );
    expect(await spell('That is all full stop', signs)).toBe('That is all.');
  });

  it('go to the word before a pause, of the same channel, whose time stays', async () => {
    const said = [
      utterance(0, 'Hello there'),
      utterance(0.5, 'Hi', { channel: 1 }),
      utterance(5, 'period Bye'),
    ];
    const [first, second, third] = await spelled(said, signs);
    expect([first?.text, second?.text, third?.text]).toEqual(['Hello there.', 'Hi', 'Bye']);
    expect([first?.end, third?.start]).toEqual([0.72, 5.4]);
    expect(textsOf(await spelled([utterance(0, 'Hello'), utterance(5, 'full stop')], signs))).toEqual([
      'Hello.',
    ]);
  });

  it('stay where nothing was said before', async () => {
    expect(textsOf(await spelled([utterance(0, 'period hello')], signs))).toEqual(['. hello']);
  });
});

describe('words that were written anew', () => {
  it('merge from the first start to the last end, with the mean confidence; the rest stays', async () => {
    const said = utterance(1, 'Open post gress now', { confidence: [0.9, 0.5, 0.8, 1] });
    const [spelt] = await spelled([said], { PostgreSQL: ['post gress'] });
    expect(spelt).toEqual({
      ...said,
      text: 'Open PostgreSQL now',
      confidence: 0.85,
      words: [
        said.words[0],
        { word: ' PostgreSQL', start: said.words[1]?.start, end: said.words[2]?.end, confidence: 0.65 },
        said.words[3],
      ],
    });
  });

  it('merge with a sign that was spoken', async () => {
    const [spelt] = await spelled([utterance(0, 'Done period', { confidence: [1, 0.5] })], {
      '.': ['period'],
    });
    expect(spelt?.words).toEqual([{ word: 'Done.', start: 0, end: 0.72, confidence: 0.75 }]);
  });

  it('keep their own times where there are as many, and share the time where there are more', async () => {
    const [same] = await spelled([utterance(0, 'post gress')], { 'Postgre SQL': ['post gress'] });
    expect(same?.words.map(({ start, end }) => [start, end])).toEqual([
      [0, 0.32],
      [0.4, 0.72],
    ]);
    const [more] = await spelled([utterance(0, 'nyc', { pace: 1 })], { 'New York': ['nyc'] });
    expect(more?.words).toEqual([
      { word: 'New', start: 0, end: 0.343, confidence: 0.9 },
      { word: ' York', start: 0.343, end: 0.8, confidence: 0.9 },
    ]);
  });

  it('agree with their utterance, in order, whatever is said', async () => {
    const dictionary = { 'B b': ['a'], W: ['a a'], '.': ['aa'], é: ['W', '1'] };
    await fc.assert(
      fc.asyncProperty(oneChannel, async (utterances) => {
        for (const { text, words, start, end } of await spelled(utterances, dictionary)) {
          expect(text).toBe(words.map(({ word }) => word).join(''));
          expect(text).toBe(text.trim());
          expect([start, end]).toEqual([words[0]?.start, words.at(-1)?.end]);
          for (const [i, word] of words.entries()) {
            expect(word.word.startsWith(' ')).toBe(i > 0);
            expect(word.end).toBeGreaterThanOrEqual(word.start);
            expect(word.start).toBeGreaterThanOrEqual(words[i - 1]?.end ?? 0);
          }
        }
      }),
    );
  });
});

it('is off without the flag', async () => {
  const said = [utterance(0, 'a sequel')];
  const custom_spelling_config = { spelling_dictionary: { SQL: ['sequel'] } };
  expect(await shapeUtterances(said, { custom_spelling: false, custom_spelling_config })).toEqual(said);
  expect(await shapeUtterances(said, { custom_spelling_config })).toEqual(said);
});

it('of the largest dictionary leaves the event loop its turns', async () => {
  const variants = (key: number) => Array.from({ length: 100 }, (_, n) => (key * 100 + n).toString(36));
  const dictionary = Object.fromEntries(
    Array.from({ length: 1_000 }, (_, key) => [`Key ${key}`, variants(key)]),
  );
  const turns = watchTurns();
  expect(textsOf(await spelled([utterance(0, 'abc')], dictionary))).toEqual(['Key 133']);
  const { processor, longestProcessor } = await turns();
  expect(longestProcessor).toBeLessThan(processor / 2);
});
