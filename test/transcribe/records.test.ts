// Results as typed clients read them: words that put together are the text, and speakers where each has a channel.
import { expect, test } from 'vitest';
import { createAddons } from '../../src/addons/addons.ts';
import type { Utterance } from '../../src/speech/transcript.ts';
import { renderResult } from '../../src/transcribe/result.ts';
import { withSpeakers } from '../../src/transcribe/speakers.ts';

const say = (channel: number, start: number, text: string): Utterance => {
  const words = text.split(' ').map((word, index) => ({
    word: index === 0 ? word : ` ${word}`,
    start: start + index,
    end: start + index + 0.5,
    confidence: 0.9,
  }));
  return { start, end: start + words.length, confidence: 0.9, channel, language: 'en', text, words };
};
const UTTERANCES = [say(1, 0, 'Good morning.'), say(0, 4, 'Hi there.'), say(1, 8, 'Bye.')];

async function resultOf(utterances: Utterance[], request: object) {
  const transcript = { audioDuration: 10, channels: 2, distinctChannels: 2, utterances };
  return JSON.parse(
    String(await renderResult({ ...request }, { transcript, envelopes: {}, transcriptionTime: 1 })),
  );
}

test('all words of a record, put together, are its text', async () => {
  const { transcription } = await resultOf(UTTERANCES, { sentences: true, subtitles: true });
  type Said = { words: { word: string }[]; text: string };
  const joined = transcription.utterances
    .flatMap(({ words }: Said) => words.map(({ word }) => word))
    .join('');
  expect(joined).toBe(transcription.full_transcript);
  expect(transcription.utterances.map(({ text }: Said) => text)).toEqual([
    'Good morning.',
    'Hi there.',
    'Bye.',
  ]);
  expect(transcription.subtitles[0].subtitles).not.toMatch(/^ /m);
});

test('speakers are numbered by channel where there are several, and in sentences as well', async () => {
  const spoken = withSpeakers(UTTERANCES, true);
  expect(spoken.map(({ speaker }) => speaker)).toEqual([1, 0, 1]);
  expect(withSpeakers(UTTERANCES, false).map(({ speaker }) => speaker)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  const { transcription } = await resultOf(spoken, { sentences: true });
  expect(transcription.sentences[0].results.map(({ speaker }: { speaker: number }) => speaker)).toEqual([
    1, 0, 1,
  ]);
});

test('on one channel the add-on says that it cannot, on several it says nothing', async () => {
  const addons = createAddons({ languageModel: null, onFault: () => {} });
  const run = (utterances: Utterance[]) =>
    addons(utterances, { diarization: true }, new AbortController().signal);
  const one = await run(withSpeakers([say(0, 0, 'Alone.')], false));
  expect(one.envelopes.diarization).toMatchObject({
    success: false,
    error: { status_code: 501 },
    results: [],
  });
  expect((await run(withSpeakers(UTTERANCES, true))).envelopes).toEqual({});
});
