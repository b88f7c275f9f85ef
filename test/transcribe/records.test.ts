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

async function resultOf(utterances: Utterance[], request: object, envelopes = {}) {
  const transcript = { audioDuration: 10, channels: 2, distinctChannels: 2, utterances };
  return JSON.parse(
    String(await renderResult({ ...request }, { transcript, envelopes, transcriptionTime: 1 })),
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

test('subtitles and sentences come of the translation as well, within the times of what was said', async () => {
  const utterances = ['Bonjour tout le monde.', 'Salut. Ça va ?', 'Au revoir.'].map((text, index) => ({
    ...(UTTERANCES[index] as Utterance),
    language: 'fr',
    text,
    words: [],
  }));
  const failed = {
    error: { status_code: 502, exception: 'x', message: 'y' },
    full_transcript: '',
    languages: ['de'],
    utterances: [],
  };
  const translation = {
    success: false,
    is_empty: false,
    exec_time: 1,
    error: failed.error,
    results: [{ error: null, full_transcript: '', languages: ['fr'], utterances }, failed],
  };
  const request = { sentences: true, subtitles: true, subtitles_config: { formats: ['srt', 'vtt'] } };
  const { results } = (await resultOf(UTTERANCES, request, { translation })).translation;
  const [{ success, results: sentences }] = results[0].sentences;
  expect(success).toBe(true);
  expect(sentences.map(({ sentence }: { sentence: string }) => sentence).join(' ')).toBe(
    'Bonjour tout le monde. Salut. Ça va ? Au revoir.',
  );
  for (const { start, end } of sentences) expect(start >= 0 && end <= 9 && start < end).toBe(true);
  expect(results[0].subtitles.map(({ format }: { format: string }) => format)).toEqual(['srt', 'vtt']);
  expect(results[0].subtitles[0].subtitles).toMatch(/00:00:00,000 --> .*\nBonjour tout le monde\./);
  expect(results[1]).toEqual(failed);
  // Unasked, as before.
  expect((await resultOf(UTTERANCES, {}, { translation })).translation).toEqual(translation);
});
