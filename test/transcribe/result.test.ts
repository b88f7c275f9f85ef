import { expect, it } from 'vitest';
import type { Utterance } from '../../src/speech/transcript.ts';
import { renderResult } from '../../src/transcribe/result.ts';
import { utterance } from '../text/spoken.ts';

const createdAt = new Date('2026-11-22T09:00:00.000Z');
const completedAt = new Date('2026-11-22T09:00:07.500Z');

const resultOf = (
  request: Record<string, unknown>,
  utterances: Utterance[] = [utterance(0, 'Hi there. Bye.')],
) =>
  JSON.parse(
    renderResult(
      { audioDuration: 9.5, channels: 2, distinctChannels: 2, utterances },
      request,
      {},
      {
        createdAt,
        completedAt,
      },
    ),
  );

it('has the required keys, and only what was asked for besides', () => {
  expect(resultOf({ subtitles: false, subtitles_config: { formats: ['srt'] }, sentences: null })).toEqual({
    metadata: {
      audio_duration: 9.5,
      number_of_distinct_channels: 2,
      billing_time: 19,
      transcription_time: 7.5,
    },
    transcription: {
      full_transcript: 'Hi there. Bye.',
      languages: ['en'],
      utterances: [utterance(0, 'Hi there. Bye.')],
    },
  });
});

it('has sentences in both their places', () => {
  const { transcription, sentences } = resultOf({ sentences: true });
  expect(transcription.sentences).toEqual([sentences]);
  expect(Object.keys(sentences)).toEqual(['success', 'is_empty', 'exec_time', 'error', 'results']);
  expect(sentences.results.map(({ sentence }: { sentence: string }) => sentence)).toEqual([
    'Hi there.',
    'Bye.',
  ]);
  expect(resultOf({ sentences: true }, []).sentences).toMatchObject({
    success: true,
    is_empty: true,
    results: [],
  });
});

it('has subtitles, by the config without its nulls', () => {
  const formats = (subtitles_config: unknown) =>
    resultOf({ subtitles: true, subtitles_config }).transcription.subtitles.map(
      ({ format }: { format: string }) => format,
    );
  expect(formats(null)).toEqual(['srt']);
  expect(formats({ formats: null, style: null, maximum_duration: null })).toEqual(['srt']);
  expect(formats({ formats: ['vtt', 'srt'] })).toEqual(['vtt', 'srt']);
  expect(resultOf({ subtitles: true }).transcription.subtitles[0].subtitles).toBe(
    '1\n00:00:00,000 --> 00:00:01,120\nHi there. Bye.\n',
  );
});
