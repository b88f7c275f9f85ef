// The job that a request in OpenAI's shape means, in the words of the other shape. Pure.
import type { Json } from '../../store/schema.ts';
import type { Asked } from '../create-job.ts';
import type { JobRequest } from '../job-request.ts';
import type { Options } from './options.ts';

/** Where its record is, and its callbacks. */
const PREFIX = '/v2/pre-recorded';

export function jobOf(options: Options, audioUrl: string): Asked {
  const { model, format, languages, keywords, prompt, callbackUrl } = options;
  const body: JobRequest = {
    audio_url: audioUrl,
    ...(languages.length > 0 && { language_config: { languages } }),
    ...(keywords.length > 0 && {
      custom_vocabulary: true,
      custom_vocabulary_config: { vocabulary: keywords },
    }),
    ...(prompt !== null && { context_prompt: prompt }),
    ...((format === 'srt' || format === 'vtt') && {
      subtitles: true,
      subtitles_config: { formats: [format] },
    }),
    ...(callbackUrl !== null && { callback_url: callbackUrl }),
  };
  // The other shape has other names of models: this one is kept to be shown, and not judged there.
  const sent = { ...(body as Record<string, Json>), ...(model !== null && { model }) };
  return { sent, body, prefix: PREFIX };
}
