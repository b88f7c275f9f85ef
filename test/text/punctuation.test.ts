import { expect, it } from 'vitest';
import { shapeUtterances } from '../../src/text/shape.ts';
import { watchTurns } from '../rig/turns.ts';
import { textsOf, utterance } from './spoken.ts';

const punctuated = async (...utterances: Parameters<typeof shapeUtterances>[0][number][]) =>
  textsOf(await shapeUtterances(utterances, { punctuation_enhanced: true }));

it('begins sentences with a capital, ends them with a stop, and writes I', async () => {
  expect(await punctuated(utterance(0, "you see, i left. then i'm here, mr. smith and"))).toEqual([
    "You see, I left. Then I'm here, mr. smith and.",
  ]);
});

it('takes a long pause for the end, a short one for none, in each channel', async () => {
  expect(
    await punctuated(
      utterance(0, 'unless to be cold,'),
      utterance(1, 'the other channel', { channel: 1 }),
      utterance(2.5, 'is to be ill,'),
      utterance(9, 'please hold'),
    ),
  ).toEqual(['Unless to be cold,', 'The other channel.', 'is to be ill.', 'Please hold.']);
});

it('leaves good punctuation alone', async () => {
  const good = '"Really?" he asked. (Yes...) I live in the U.S. now!';
  expect(await punctuated(utterance(0, good))).toEqual([good]);
});

it('leaves the spellings that were asked for as they are', async () => {
  const [shaped] = await shapeUtterances([utterance(0, 'cube control and engine x period i agree')], {
    punctuation_enhanced: true,
    custom_spelling: true,
    custom_spelling_config: {
      spelling_dictionary: { kubectl: ['cube control'], nginx: ['engine x'], '.': ['period'] },
    },
  });
  expect(shaped?.text).toBe('kubectl and nginx. I agree.');
});

it('of days of speech leaves the event loop its turns', async () => {
  const said = 'Mr. Smith called again, so we answered. Nobody was there, and it rained all the day long.';
  const utterances = Array.from({ length: 18_000 }, (_, at) => utterance(at * 8, said));
  const turns = watchTurns();
  await punctuated(...utterances);
  const { processor, longestProcessor } = await turns();
  expect(longestProcessor).toBeLessThan(processor / 2);
});
