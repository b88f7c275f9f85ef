// What `POST /v2/pre-recorded` accepts: the hosted API's fields, the withdrawn ones that live clients still send, and
// anything unknown. The schema checks shapes; `readJobRequest` the rules between fields.
import { type Static, Type } from 'typebox';
import type { Callback } from '../store/jobs.ts';
import { isStorable, NOT_STORABLE } from './validation.ts';

const LANGUAGES =
  'af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo zh'.split(
    ' ',
  );

const open = { additionalProperties: true } as const;
const flag = Type.Optional(Type.Boolean());
const url = Type.String({ minLength: 1, maxLength: 8_192 });
const bag = Type.Optional(Type.Object({}, open));

export const JobRequest = Type.Object(
  {
    audio_url: url,
    callback: flag,
    callback_config: Type.Optional(
      Type.Object(
        {
          url: Type.Optional(url),
          method: Type.Optional(Type.Enum(['POST', 'PUT'])),
          payload: Type.Optional(Type.Enum(['full', 'reference'])),
          compression: Type.Optional(Type.Enum(['none', 'gzip'])),
        },
        open,
      ),
    ),
    callback_url: Type.Optional(url),
    custom_metadata: Type.Optional(Type.Object({}, open)),
    language_config: Type.Optional(
      Type.Object(
        { languages: Type.Optional(Type.Array(Type.String(), { maxItems: 99 })), code_switching: flag },
        open,
      ),
    ),
    model: Type.Optional(Type.Enum(['solaria-1', 'solaria-3', 'solaria-fusion'])),
    subtitles: flag,
    subtitles_config: Type.Optional(
      Type.Object(
        {
          formats: Type.Optional(Type.Array(Type.Enum(['srt', 'vtt']), { minItems: 1, maxItems: 2 })),
          minimum_duration: Type.Optional(Type.Number({ minimum: 0 })),
          maximum_duration: Type.Optional(Type.Number({ minimum: 1, maximum: 30 })),
          maximum_characters_per_row: Type.Optional(Type.Integer({ minimum: 1 })),
          maximum_rows_per_caption: Type.Optional(Type.Integer({ minimum: 1, maximum: 5 })),
          style: Type.Optional(Type.Enum(['default', 'compliance'])),
        },
        open,
      ),
    ),
    diarization: flag,
    diarization_config: Type.Optional(
      Type.Object(
        {
          number_of_speakers: Type.Optional(Type.Integer({ minimum: 1 })),
          min_speakers: Type.Optional(Type.Integer({ minimum: 0 })),
          max_speakers: Type.Optional(Type.Integer({ minimum: 0 })),
        },
        open,
      ),
    ),
    sentences: flag,
    punctuation_enhanced: flag,
    custom_spelling: flag,
    custom_spelling_config: bag,
    // Older clients send the vocabulary itself where the flag is now.
    custom_vocabulary: Type.Optional(Type.Union([Type.Boolean(), Type.Array(Type.String())])),
    custom_vocabulary_config: bag,
    named_entity_recognition: flag,
    sentiment_analysis: flag,
    translation: flag,
    translation_config: bag,
    summarization: flag,
    summarization_config: bag,
    audio_to_llm: flag,
    audio_to_llm_config: bag,
    pii_redaction: flag,
    pii_redaction_config: bag,
    // Withdrawn in March 2026, still sent by live clients.
    language: Type.Optional(Type.String()),
    detect_language: flag,
    enable_code_switching: flag,
    code_switching_config: bag,
    chapterization: flag,
    moderation: flag,
    structured_data_extraction: flag,
  },
  open,
);
export type JobRequest = Static<typeof JobRequest>;

const METADATA_CHARACTERS = 2_000;

/** Sentence about a URL that cannot be called, or null: the policy of the outbound side. */
export type JudgeUrl = (url: string) => string | null;

/**
 * The rules between fields. Returns what the job needs, or the sentences that say what is wrong; the deprecated
 * `callback_url` needs no flag and is always a POST; a `callback_config` wins over it.
 */
export function readJobRequest(
  request: JobRequest,
  judge: { audio: JudgeUrl; callback: JudgeUrl },
): { callback: Callback | null; problems: string[] } {
  const problems: string[] = [];
  const say = (field: string, trouble: string | null) => {
    if (trouble !== null) problems.push(`${field} must be a URL address: ${trouble}`);
  };

  say('audio_url', judge.audio(request.audio_url));

  let callback: Callback | null = null;
  const config = request.callback_config;
  if (request.callback === true && config?.url !== undefined) {
    say('callback_config.url', judge.callback(config.url));
    callback = {
      url: config.url,
      method: config.method ?? 'POST',
      form: config.payload ?? 'full',
      gzip: config.compression === 'gzip',
    };
  } else if (request.callback_url !== undefined && request.callback !== false) {
    say('callback_url', judge.callback(request.callback_url));
    callback = { url: request.callback_url, method: 'POST', form: 'full', gzip: false };
  } else if (request.callback === true) {
    problems.push('callback_config.url is required when callback is true');
  }

  const languages = [
    ...(request.language_config?.languages ?? []).map((code, index) => [
      `language_config.languages.${index}`,
      code,
    ]),
    ...(request.language ? [['language', request.language]] : []),
  ] as [string, string][];
  for (const [field, code] of languages)
    if (field !== 'language' && !LANGUAGES.includes(code))
      problems.push(`${field} must be one of the following values: ${LANGUAGES.join(', ')}`);

  const metadata = request.custom_metadata;
  if (metadata && JSON.stringify(metadata).length > METADATA_CHARACTERS)
    problems.push(
      `custom_metadata must be shorter than or equal to ${METADATA_CHARACTERS} characters as JSON`,
    );

  if (!isStorable(metadata)) problems.push(`custom_metadata ${NOT_STORABLE}`);

  return { callback, problems };
}
