import { expect, it } from 'vitest';
import type { Transcript, Utterance } from '../../src/speech/transcript.ts';
import { renderResult } from '../../src/transcribe/result.ts';
import { warningsOf } from '../../src/transcribe/warnings.ts';
import { utterance } from '../text/spoken.ts';

const doubted = (start: number): Utterance => ({
  ...utterance(start, 'Who knows'),
  language_uncertain: true,
});
const transcript = (utterances: Utterance[], more: Partial<Transcript> = {}): Transcript => ({
  audioDuration: 9,
  channels: 1,
  distinctChannels: 1,
  utterances,
  ...more,
});

it('says nothing where there is nothing to say', () => {
  expect(warningsOf(transcript([]))).toEqual([]);
  expect(warningsOf(transcript([utterance(0, 'Hi')], { speech: { heard: 1, unheard: 1 } }))).toEqual([]);
  expect(warningsOf(transcript([], { speech: { heard: 0, unheard: 1.9 } }))).toEqual([]);
});

it('says it of all, or where', () => {
  expect(warningsOf(transcript([doubted(0)]))).toEqual([
    'This does not sound like English, or is too unclear to be understood, and English is the only language of the speech model: do not rely on these words.',
  ]);
  const some = [doubted(0), doubted(2), utterance(10, 'Hi'), doubted(75), doubted(4_000)];
  expect(warningsOf(transcript(some))[0]).toMatch(
    /^What is said from 0:00 to 0:02, from 1:15 to 1:15, from 1:06:40 to 1:06:40 does not sound/,
  );
  const many = [utterance(0, 'Hi'), ...Array.from({ length: 9 }, (_, n) => doubted(10 * (n + 1)))];
  expect(warningsOf(transcript(many))[0]).toContain('and in 4 more places does not sound');
});

it('tells of speech without a word', () => {
  expect(warningsOf(transcript([], { speech: { heard: 0, unheard: 6.4 } }))).toEqual([
    'In 6 s of what sounds like speech not a word was understood: it may be another language (English is the only language of the speech model), singing, or noise.',
  ]);
  expect(warningsOf(transcript([], { speech: { heard: 20, unheard: 6 } }))).toEqual([]);
});

it('stands in the metadata of the result, and languages are without it', async () => {
  const of = async (utterances: Utterance[]) =>
    JSON.parse(
      (
        await renderResult({}, { transcript: transcript(utterances), envelopes: {}, transcriptionTime: 1 })
      ).toString(),
    );
  const { metadata, transcription } = await of([doubted(0)]);
  expect(metadata.warnings).toHaveLength(1);
  expect(transcription.languages).toEqual([]);
  expect(transcription.utterances[0]).toMatchObject({ language: 'en', language_uncertain: true });
  expect((await of([utterance(0, 'Hi')])).metadata).not.toHaveProperty('warnings');
});
