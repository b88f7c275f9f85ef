// The `result` object of a finished job, as JSON: the record shows these bytes, and the callback's payload is them. In turns.
import type { Envelope } from '../addons/envelope.ts';
import { withoutNulls } from '../nulls.ts';
import { fullTranscript, languagesOf } from '../speech/assemble.ts';
import type { Transcript } from '../speech/transcript.ts';
import { sentencesOf } from '../text/sentences.ts';
import { type SubtitlesConfig, subtitlesOf } from '../text/subtitles.ts';
import { translatedTexts } from '../text/translated.ts';
import { jsonOf } from './json.ts';
import { warningsOf } from './warnings.ts';

export type Finished = {
  transcript: Transcript;
  /** Keyed as in the request. */
  envelopes: Readonly<Record<string, Envelope>>;
  /** Seconds from the request on, so the queue is in it. */
  transcriptionTime: number;
};

/** Times in seconds, rounded to milliseconds. */
export async function renderResult(
  request: Readonly<Record<string, unknown>>,
  { transcript, envelopes, transcriptionTime }: Finished,
): Promise<Buffer> {
  const { audioDuration, distinctChannels, utterances } = transcript;
  const sentences = request.sentences === true ? await sentencesEnvelope(utterances) : null;
  const warnings = warningsOf(transcript);
  return jsonOf({
    metadata: {
      audio_duration: seconds(audioDuration),
      number_of_distinct_channels: distinctChannels,
      billing_time: seconds(audioDuration * distinctChannels),
      transcription_time: seconds(transcriptionTime),
      // Not in the hosted API; only where there is something to say.
      ...(warnings.length > 0 && { warnings }),
    },
    transcription: {
      full_transcript: fullTranscript(utterances),
      languages: languagesOf(utterances),
      utterances: joinable(utterances),
      ...(sentences !== null && { sentences: [sentences] }),
      ...(request.subtitles === true && {
        subtitles: await subtitlesOf(
          utterances,
          withoutNulls(request.subtitles_config ?? {}) as SubtitlesConfig,
        ),
      }),
    },
    // Its older place, which older clients read.
    ...(sentences !== null && { sentences }),
    ...(await withTranslatedTexts(request, envelopes)),
  });
}

/** Subtitles and sentences that were asked for beside a translation are given of the translation, too. */
async function withTranslatedTexts(
  request: Readonly<Record<string, unknown>>,
  envelopes: Finished['envelopes'],
): Promise<Finished['envelopes']> {
  const { translation } = envelopes;
  const asked = {
    sentences: request.sentences === true,
    subtitles:
      request.subtitles === true ? (withoutNulls(request.subtitles_config ?? {}) as SubtitlesConfig) : null,
  };
  if (!Array.isArray(translation?.results) || (!asked.sentences && !asked.subtitles)) return envelopes;
  const results: unknown[] = [];
  for (const one of translation.results as { error: unknown; utterances: Transcript['utterances'] }[]) {
    if (one.error !== null) {
      results.push(one);
      continue;
    }
    const started = performance.now();
    const { sentences, subtitles } = await translatedTexts(one.utterances, asked);
    const exec_time = seconds((performance.now() - started) / 1_000);
    const envelope = sentences && {
      success: true,
      is_empty: sentences.length === 0,
      exec_time,
      error: null,
      results: sentences,
    };
    results.push({ ...one, ...(envelope && { sentences: [envelope] }), ...(subtitles && { subtitles }) });
  }
  return { ...envelopes, translation: { ...translation, results } };
}

/**
 * The first word of a later utterance begins with a space, as all others do: the words of a record, put together, are its
 * text. The texts of utterances have none.
 */
function joinable(utterances: Transcript['utterances']): Transcript['utterances'] {
  return utterances.map((utterance, index) => {
    const [first, ...others] = utterance.words;
    if (index === 0 || first === undefined || first.word.startsWith(' ')) return utterance;
    return { ...utterance, words: [{ ...first, word: ` ${first.word}` }, ...others] };
  });
}

async function sentencesEnvelope(utterances: Transcript['utterances']) {
  const started = performance.now();
  const results = await sentencesOf(utterances);
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
