// The `result` object of a finished job, as text: the record shows these bytes, and the callback's payload is them.
// Pure.
import { type Envelope, notSupported } from '../addons/envelope.ts';
import { fullTranscript, languagesOf } from '../speech/assemble.ts';
import type { Transcript } from '../speech/transcript.ts';

type Times = { createdAt: Date; completedAt: Date };

/** Times in seconds, rounded to milliseconds. `transcription_time` counts from the request, so the queue is in it. */
export function renderResult(
  transcript: Transcript,
  request: Readonly<Record<string, unknown>>,
  envelopes: Readonly<Record<string, Envelope>>,
  { createdAt, completedAt }: Times,
): string {
  const { audioDuration, distinctChannels, utterances } = transcript;
  return JSON.stringify({
    metadata: {
      audio_duration: seconds(audioDuration),
      number_of_distinct_channels: distinctChannels,
      billing_time: seconds(audioDuration * distinctChannels),
      transcription_time: seconds((completedAt.getTime() - createdAt.getTime()) / 1_000),
    },
    transcription: {
      full_transcript: fullTranscript(utterances),
      languages: languagesOf(utterances),
      utterances,
      ...(request.sentences === true && { sentences: [notSupported('sentences')] }),
    },
    ...envelopes,
  });
}

function seconds(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
