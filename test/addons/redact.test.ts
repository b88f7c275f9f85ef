import fc from 'fast-check';
import { expect, test } from 'vitest';
import { analyse } from '../../src/addons/analyse.ts';
import { maskEverything } from '../../src/addons/redact.ts';
import { askedTypes, ENTITY_GROUPS, ENTITY_TYPES, REDACTABLE } from '../../src/entity-types.ts';
import type { RedactionStyle } from '../../src/job-options.ts';
import type { Utterance } from '../../src/speech/transcript.ts';
import { labelledSentences, spoken } from './labelled.ts';

const redact = (utterances: Utterance[], style: RedactionStyle, entityTypes: string[] = []) =>
  analyse(utterances, { entities: true, sentiment: true, redaction: { entityTypes, style } });

const ORDER =
  "Hi, I'm calling about the order for John Smith. Can you confirm the delivery to john.smith@company.com? Yes, John Smith placed it.";

test('markers: the same entity has the same number, punctuation stays, words are joined', async () => {
  const { utterances, redacted } = await redact([spoken(ORDER)], 'MARKER');
  expect(utterances[0]?.text).toBe(
    "Hi, I'm calling about the order for [NAME_1]. Can you confirm the delivery to [EMAIL_ADDRESS_1]? Yes, [NAME_1] placed it.",
  );
  const marker = utterances[0]?.words.find(({ word }) => word.includes('NAME_1'));
  expect(marker).toEqual({
    word: ' [NAME_1].',
    start: 7 / 3,
    end: expect.closeTo(8 / 3 + 0.3),
    confidence: 0.9,
  });
  expect(redacted).toEqual({ NAME: 1, EMAIL_ADDRESS: 1 });
});

test('mask: letter by letter, every word where it was', async () => {
  const before = spoken(ORDER);
  const { utterances } = await redact([before], 'MASK');
  expect(utterances[0]?.text).toBe(
    "Hi, I'm calling about the order for #### #####. Can you confirm the delivery to ######################? Yes, #### ##### placed it.",
  );
  const times = ({ words }: Utterance) => words.map(({ start, end }) => [start, end]);
  expect(times(utterances[0] as Utterance)).toEqual(times(before));
});

test("of somebody's: the owner's ending stays", async () => {
  expect((await redact([spoken("This is John's phone.")], 'MARKER')).utterances[0]?.text).toBe(
    "This is [NAME_1]'s phone.",
  );
});

test('what was found once is taken out wherever it is said again, on every channel and in other spellings', async () => {
  const { utterances } = await redact(
    [
      spoken('My name is Featherstone and my number is five five five, one two three four.'),
      spoken('Featherstone, was it 555-1234?', 9, 1),
      spoken("Yes, Featherstone's.", 12),
    ],
    'MARKER',
  );
  expect(utterances.map(({ text }) => text)).toEqual([
    'My name is [NAME_1] and my number is [PHONE_NUMBER_1].',
    '[NAME_1], was it [PHONE_NUMBER_1]?',
    "Yes, [NAME_1]'s.",
  ]);
});

test('a pause in a sentence makes no name of the word after it', async () => {
  const said = [
    'The passport is five three three eight oh one double four.',
    'I have it here',
    'My mother called',
    'And I went',
  ];
  const { utterances } = await redact(
    said.map((text, index) => spoken(text, index * 9)),
    'MARKER',
  );
  expect(utterances.map(({ text }) => text)).toEqual([
    'The passport is [PASSPORT_NUMBER_1].',
    ...said.slice(1),
  ]);
});

test('a name that is a word of everyday is not taken out of other sentences', async () => {
  const { utterances } = await redact([spoken('My husband Will called. He will call again.')], 'MARKER');
  expect(utterances[0]?.text).toBe('My husband [NAME_1] called. He will call again.');
});

test('only what was asked for, and of a name or a place every kind', async () => {
  const text = 'I am John Smith from Berlin, at 415-555-0132.';
  const only = async (types: string[]) => (await redact([spoken(text)], 'MARKER', types)).utterances[0]?.text;
  expect(await only(['PHONE_NUMBER'])).toBe('I am John Smith from Berlin, at [PHONE_NUMBER_1].');
  // Asked for names, a word with a capital that may be one is taken for one.
  expect(await only(['NAME_GIVEN'])).toBe('I am [NAME_1] from [NAME_2], at 415-555-0132.');
  expect(await only(['LOCATION_COUNTRY'])).toBe('I am John Smith from [LOCATION_CITY_1], at 415-555-0132.');
  expect(await only(['GDPR'])).toBe('I am [NAME_1] from [LOCATION_CITY_1], at [PHONE_NUMBER_1].');
});

test('groups say what of them is not recognised', async () => {
  expect(askedTypes(['PCI'])).toEqual({ types: new Set(ENTITY_GROUPS.PCI.finds), misses: [] });
  expect(askedTypes(['GDPR_SENSITIVE']).misses).toContain('RELIGION');
  expect(REDACTABLE).not.toContain('HEALTH_INFORMATION');
  expect(askedTypes([]).types).toEqual(new Set(ENTITY_TYPES));
});

test('entities and moods of a redacted transcript repeat nothing that was taken out', async () => {
  const { entities, sentiment } = await redact([spoken(ORDER)], 'MARKER', ['NAME']);
  expect(entities.map(({ text }) => text)).toEqual(['[NAME_1]', 'john.smith@company.com', '[NAME_1]']);
  expect(JSON.stringify([entities.slice(0, 1), sentiment])).not.toMatch(/John|Smith/);
});

test('an utterance without words is redacted in its text', async () => {
  const bare = { ...spoken('My name is John Smith.'), words: [] };
  expect((await redact([bare], 'MARKER')).utterances).toEqual([{ ...bare, text: 'My name is [NAME_1].' }]);
});

test('masking everything leaves no letter', async () => {
  const [masked] = maskEverything([spoken('Hi, John.')]);
  expect(masked?.text).toBe('### #####');
  expect(masked?.words.map(({ word }) => word)).toEqual(['###', ' #####']);
});

const sentences = [...labelledSentences('tuned'), ...labelledSentences('fresh')];

test('whatever is said: text is its words, times go forward, nothing found survives', async () => {
  const some = fc.array(fc.constantFrom(...sentences), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(
      some,
      fc.constantFrom<RedactionStyle>('MARKER', 'MASK'),
      fc.integer({ min: 1, max: 9 }),
      async (said, style, size) => {
        // Cut anywhere, as pauses do.
        const whole = said
          .map(({ text }) => text)
          .join(' ')
          .split(' ');
        const utterances: Utterance[] = [];
        for (let at = 0; at < whole.length; at += size)
          utterances.push(spoken(whole.slice(at, at + size).join(' '), at / 3));
        const plain = await analyse(utterances, { entities: true, sentiment: false, redaction: null });
        const after = await redact(utterances, style);
        expect(after.utterances).toHaveLength(utterances.length);
        let last = 0;
        for (const { text, words } of after.utterances) {
          expect(text).toBe(words.map(({ word }) => word).join(''));
          for (const word of words) {
            expect(word.word.trim()).not.toBe('');
            expect(word.start).toBeGreaterThanOrEqual(last);
            expect(word.end).toBeGreaterThan(word.start);
            last = word.start;
          }
        }
        const text = ` ${after.utterances.map((utterance) => utterance.text).join(' ')} `;
        // Ages, days and prices are numbers and words of everyday: said again elsewhere, they are other things.
        for (const { entity_type, text: found } of plain.entities)
          if (!/^(AGE|DATE|TIME|DURATION|MONEY|ORIGIN)$/.test(entity_type))
            expect(text).not.toContain(` ${found} `);
      },
    ),
    { numRuns: 40 },
  );
});
