// What a test callback says: a short transcript in the shape of a real one, or the failure that is met most often. Pure.
import type { CallbackOutcome } from './callback-body.ts';
import type { JobEvent } from './delivery.ts';

const WORDS = [
  ['This', 0.1, 0.3],
  [' is', 0.32, 0.41],
  [' a', 0.44, 0.48],
  [' test', 0.52, 0.84],
  [' callback.', 0.88, 1.52],
] as const;

export function sampleOutcome(event: JobEvent): CallbackOutcome {
  if (event === 'created' || event === 'started') return { event };
  if (event === 'cancelled')
    return {
      event,
      code: 'cancelled',
      message: 'This is a test: the transcription was cancelled on request.',
    };
  if (event === 'error')
    return {
      event,
      code: 'audio_unreachable',
      message: 'This is a test: the audio host could not be reached.',
    };
  const text = WORDS.map(([word]) => word).join('');
  const words = WORDS.map(([word, start, end]) => ({ word, start, end, confidence: 0.98 }));
  const result = {
    metadata: {
      audio_duration: 1.6,
      number_of_distinct_channels: 1,
      billing_time: 1.6,
      transcription_time: 0.4,
    },
    transcription: {
      full_transcript: text,
      languages: ['en'],
      utterances: [{ start: 0.1, end: 1.52, confidence: 0.98, channel: 0, language: 'en', text, words }],
    },
  };
  return { event, result: Buffer.from(JSON.stringify(result)) };
}
