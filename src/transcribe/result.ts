// The `result` object of a finished job, as text: the record shows these bytes, and the callback's payload is them.
// Pure.
import type { Envelope } from '../addons/envelope.ts';
import { withoutNulls } from '../nulls.ts';
import { fullTranscript, languagesOf } from '../speech/assemble.ts';
import type { Transcript } from '../speech/transcript.ts';
import { sentencesOf } from '../text/sentences.ts';
import { type SubtitlesConfig, subtitlesOf } from '../text/subtitles.ts';

type Times = { createdAt: Date; completedAt: Date };

/** Times in seconds, rounded to milliseconds. `transcription_time` counts from the request, so the queue is in it. */
export function renderResult(
  transcript: Transcript,
  request: Readonly<Record<string, unknown>>,
  envelopes: Readonly<Record<string, Envelope>>,
  { createdAt, completedAt }: Times,
): string {
  const { audioDuration, distinctChannels, utterances } = transcript;
  const sentences = request.sentences === true ? sentencesEnvelope(utterances) : null;
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
      ...(sentences !== null && { sentences: [sentences] }),
      ...(request.subtitles === true && {
        subtitles: subtitlesOf(utterances, withoutNulls(request.subtitles_config ?? {}) as SubtitlesConfig),
      }),
    },
    // Its older place, which older clients read.
    ...(sentences !== null && { sentences }),
    ...envelopes,
  });
}

function sentencesEnvelope(utterances: Transcript['utterances']) {
  const started = performance.now();
  const results = sentencesOf(utterances);
  return {
    success: true,
    is_empty: results.length === 0,
    exec_time: seconds((performance.now() - started) / 1_000),
    error: null,
    results,
  };
}

function seconds(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
