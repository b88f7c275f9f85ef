import { describe, expect, test } from 'vitest';
import { analyse } from '../../src/addons/analyse.ts';
import { passesLuhn } from '../../src/addons/numbers.ts';
import { sentencesOf } from '../../src/text/sentences.ts';
import { judge, type LabelledSet, labelledSentences, spoken } from './labelled.ts';

async function entitiesOf(text: string): Promise<string[]> {
  const { entities } = await analyse([spoken(text)], { entities: true, sentiment: false, redaction: null });
  return entities.map(({ entity_type, text: said }) => `${entity_type} ${said}`);
}
async function redacted(text: string, entityTypes: string[] = []): Promise<string> {
  const ask = { entities: false, sentiment: false, redaction: { entityTypes, style: 'MARKER' as const } };
  return (await analyse([spoken(text)], ask)).utterances[0]?.text ?? '';
}

test.each([
  [
    'You can reach me at five five five one two three four.',
    'PHONE_NUMBER five five five one two three four',
  ],
  ["It's double five five, one two three four.", 'PHONE_NUMBER double five five, one two three four'],
  ['Call 415-555-0132 today.', 'PHONE_NUMBER 415-555-0132'],
  [
    'Call area code four one five, five five five, uh, zero one three two.',
    'PHONE_NUMBER area code four one five, five five five, uh, zero one three two',
  ],
  ['My social is 078-05-1120.', 'SSN 078-05-1120'],
  ['Last four of my social: one one two zero.', 'SSN one one two zero'],
  ['It is 4111 1111 1111 1111.', 'CREDIT_CARD 4111 1111 1111 1111'],
  [
    'The card is forty one eleven, eleven eleven, eleven eleven, eleven eleven.',
    'CREDIT_CARD forty one eleven, eleven eleven, eleven eleven, eleven eleven',
  ],
  ['Write to john at example dot com please.', 'EMAIL_ADDRESS john at example dot com'],
  [
    'Write to mary dot jones underscore nine at gmail dot com.',
    'EMAIL_ADDRESS mary dot jones underscore nine at gmail dot com',
  ],
  ['It goes to j. smith at example dot com.', 'EMAIL_ADDRESS j. smith at example dot com'],
  ['Please write to me at John.Smith at example.com.', 'EMAIL_ADDRESS John.Smith at example.com'],
  ['Mail bob@example.org.', 'EMAIL_ADDRESS bob@example.org'],
  ['Look at example dot com.', 'URL example dot com'],
  ['It is ten dot zero dot zero dot one.', 'IP_ADDRESS ten dot zero dot zero dot one'],
  ['It is 192.168.0.12.', 'IP_ADDRESS 192.168.0.12'],
  [
    'Passport number X one two three four five six seven.',
    'PASSPORT_NUMBER X one two three four five six seven',
  ],
  ['The password is blue horse seven.', 'PASSWORD blue horse seven'],
  ['I live at forty two wallaby way.', 'LOCATION_ADDRESS forty two wallaby way'],
  ['He is thirty two years old.', 'AGE thirty two years old'],
  ['I was born on the third of March nineteen seventy five.', 'DOB third of March nineteen seventy five'],
  ['We met on June 21st, 2024.', 'DATE June 21st, 2024'],
  ['They owe me three hundred dollars.', 'MONEY three hundred dollars'],
  ['This is John Smith.', 'NAME John Smith'],
  ['Ahmed called.', 'NAME_GIVEN Ahmed'],
  ['Mrs. Abernathy called.', 'NAME_FAMILY Abernathy'],
  ['She flew to Japan.', 'LOCATION_COUNTRY Japan'],
  ['We moved to Berlin last summer.', 'LOCATION_CITY Berlin'],
  ['I work at Microsoft.', 'ORGANIZATION Microsoft'],
  ['So, my fellow Americans, ask not.', 'ORIGIN Americans'],
])('%s', async (text, entity) => {
  expect(await entitiesOf(text)).toContain(entity);
});

test.each([
  'All circuits are busy now.',
  'Please enter your agent number followed by the pound key.',
  'In 2019, 2020 and 2021 we grew by twelve percent.',
  'One of the ways is to look at it in another way.',
  'You may one day march twenty miles.',
  'There were twenty five thousand people, or one million two hundred thousand.',
  'Call me back at noon.',
  'Yesterday, on Monday, it rained.',
  'He left. "Surprising," they thought.',
])('nothing personal: %s', async (text) => {
  expect(await redacted(text, ['CORE_ENTITIES'])).toBe(text);
});

test('a number goes on through a pause, in the next utterance', async () => {
  const utterances = [spoken('My number is five five five'), spoken('one two three four, okay?', 6)];
  const { entities, utterances: after } = await analyse(utterances, {
    entities: true,
    sentiment: false,
    redaction: { entityTypes: ['PHONE_NUMBER'], style: 'MARKER' },
  });
  expect(after.map(({ text }) => text)).toEqual(['My number is [PHONE_NUMBER_1]', '[PHONE_NUMBER_1], okay?']);
  expect(entities).toEqual([{ entity_type: 'PHONE_NUMBER', text: '[PHONE_NUMBER_1]', start: 1, end: 7.3 }]);
});

test('channels are heard apart', async () => {
  const utterances = [spoken('five five five', 0, 0), spoken('one two three four', 0.5, 1)];
  const ask = { entities: true, sentiment: false, redaction: null };
  expect((await analyse(utterances, ask)).entities).toEqual([]);
});

test('a mood for each sentence, with its times; no emotion is made up', async () => {
  const { sentiment } = await analyse([spoken('I love it. This is awful. It is Tuesday.', 3, 1)], {
    entities: false,
    sentiment: true,
    redaction: null,
  });
  expect(sentiment).toEqual([
    {
      text: 'I love it.',
      sentiment: 'positive',
      emotion: null,
      start: 3,
      end: expect.closeTo(3.967),
      channel: 1,
    },
    {
      text: 'This is awful.',
      sentiment: 'negative',
      emotion: null,
      start: 4,
      end: expect.closeTo(4.967),
      channel: 1,
    },
    {
      text: 'It is Tuesday.',
      sentiment: 'neutral',
      emotion: null,
      start: 5,
      end: expect.closeTo(5.967),
      channel: 1,
    },
  ]);
});

test('moods are of the sentences that the transcript has, through a pause and past an abbreviation', async () => {
  const utterances = [spoken('I love what Dr. Quist'), spoken('did for us. That was it.', 2.5)];
  const { sentiment } = await analyse(utterances, { entities: false, sentiment: true, redaction: null });
  const sentences = (await sentencesOf(utterances)).map(({ sentence, start, end }) => ({
    text: sentence,
    start,
    end,
  }));
  expect(sentiment.map(({ text, start, end }) => ({ text, start, end }))).toEqual(sentences);
  expect(sentiment.map(({ text, sentiment: mood }) => [text, mood])).toEqual([
    ['I love what Dr. Quist did for us.', 'positive'],
    ['That was it.', 'neutral'],
  ]);
});

test('the check digit of cards', async () => {
  expect(['4111111111111111', '378282246310005'].map(passesLuhn)).toEqual([true, true]);
  expect(passesLuhn('4111111111111112')).toBe(false);
});

// What docs/addons.md says is found; `npm run bench -- pii` names the misses.
describe.each<[LabelledSet, number]>([
  ['tuned', 53],
  ['held-out', 65],
  ['hard', 45],
  ['fresh', 58],
])('the labelled set %s', (name, floor) => {
  test(`at least ${floor} labels are redacted`, async () => {
    const found = [];
    for (const sentence of labelledSentences(name)) {
      const { left } = judge(sentence, await redacted(sentence.text));
      found.push(
        ...sentence.labels.filter(
          ({ text }) =>
            !text
              .toLowerCase()
              .split(/[^\p{L}\p{N}@]+/u)
              .some((word) => left.includes(word)),
        ),
      );
    }
    expect(found.length).toBeGreaterThanOrEqual(floor);
  });
});
