// Utterances for the tests of src/text: made of a text, and random ones.
import fc from 'fast-check';
import type { Utterance } from '../../src/speech/transcript.ts';

export type Spoken = {
  channel?: number;
  language?: string;
  pace?: number;
  confidence?: number | readonly number[];
};

/** One word every `pace` seconds, a fifth of it quiet. */
export function utterance(start: number, said: string | readonly string[], spoken: Spoken = {}): Utterance {
  const { channel = 0, language = 'en', pace = 0.4, confidence = 0.9 } = spoken;
  const texts = typeof said === 'string' ? said.split(' ') : said;
  const ms = (value: number) => Math.round(value * 1_000) / 1_000;
  const words = texts.map((text, i) => ({
    word: i === 0 ? text : ` ${text}`,
    start: ms(start + i * pace),
    end: ms(start + (i + 0.8) * pace),
    confidence: typeof confidence === 'number' ? confidence : (confidence[i] ?? 0.9),
  }));
  return {
    start: words[0]?.start ?? start,
    end: words.at(-1)?.end ?? start,
    confidence: typeof confidence === 'number' ? confidence : 0.9,
    channel,
    language,
    text: words.map(({ word }) => word).join(''),
    words,
  };
}

export const textsOf = (utterances: readonly Utterance[]): string[] => utterances.map(({ text }) => text);

const word = fc.string({
  minLength: 1,
  maxLength: 60,
  unit: fc.constantFrom('a', 'é', 'W', '.', '😀', '&', '<', '>', '-', '1', '\u0301'),
});

/** What a channel says: in order, not overlapping, with words of no length among them. */
const channelSaying = (channel: number): fc.Arbitrary<Utterance[]> =>
  fc
    .array(
      fc.record({
        texts: fc.array(word, { minLength: 1, maxLength: 40 }),
        pace: fc.constantFrom(0, 0.001, 0.05, 0.4, 3, 9),
        pause: fc.constantFrom(0, 0.3, 5),
      }),
      { maxLength: 5 },
    )
    .map((all) => {
      let at = 0;
      return all.map(({ texts, pace, pause }) => {
        const one = utterance(at, texts, { channel, pace });
        at = one.end + pause;
        return one;
      });
    });

export const oneChannel = channelSaying(0);
export const manyChannels = fc
  .integer({ min: 1, max: 4 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, channel) => channelSaying(channel))))
  .map((channels) => channels.flat().sort((a, b) => a.start - b.start || a.channel - b.channel));
