// What `POST /v2/pre-recorded` accepts: the hosted API's fields, the withdrawn ones that live clients still send, and
// anything unknown. The schema checks shapes; `readJobRequest` the rules between fields.
import { type Static, Type } from 'typebox';
import { readCallbackHeaders } from '../callback-headers.ts';
import { type Callback, DELIVERY_FORMS, METHODS } from '../delivery.ts';
import { REDACTABLE } from '../entity-types.ts';
import {
  CHANNEL_MODES,
  REDACTION_STYLES,
  SUBTITLE_FORMATS,
  SUBTITLE_STYLES,
  SUMMARY_TYPES,
} from '../job-options.ts';

import { LANGUAGES } from './languages.ts';
import { CallbackExtras } from './schemas/callback-extras.ts';

const open = { additionalProperties: true } as const;
const flag = Type.Optional(Type.Boolean());
const url = Type.String({ minLength: 1, maxLength: 8_192 });
/** A word or a few, as they are said or written. */
const phrase = Type.String({ minLength: 1, maxLength: 100 });
const intensity = Type.Optional(Type.Number({ minimum: 0, maximum: 1 }));
/** So many are matched against 10,000 words in half a second, and at the greatest intensity in two. */
const vocabulary = Type.Array(
  Type.Union([
    phrase,
    Type.Object(
      {
        value: phrase,
        pronunciations: Type.Optional(Type.Array(phrase, { maxItems: 10 })),
        intensity,
        language: Type.Optional(Type.String()),
      },
      open,
    ),
  ]),
  { maxItems: 1_000 },
);

const MODELS = ['solaria-1', 'solaria-3', 'solaria-mini', 'solaria-fusion'] as const;

/** Of one prompt, or of the context of a translation. */
const PROMPT_CHARACTERS = 10_000;

export const JobRequest = Type.Object(
  {
    audio_url: url,
    // Ringback's own.
    audio_track: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000,
        description:
          'Of the audio tracks of a file with several, counted from 1. Without it: the default track, or the first that has sound where that one is silent.',
      }),
    ),
    channels: Type.Optional(
      Type.Enum([...CHANNEL_MODES], {
        description:
          'mono: the channels are mixed down to one. separate: each is transcribed and counted by itself, whatever it holds. Without it: as the sound tells, one voice on several channels is one, and what bleeds into another channel is told once.',
      }),
    ),
    callback: flag,
    callback_config: Type.Optional(
      Type.Object(
        {
          url: Type.Optional(url),
          method: Type.Optional(Type.Enum([...METHODS])),
          payload: Type.Optional(Type.Enum([...DELIVERY_FORMS])),
          compression: Type.Optional(Type.Enum(['none', 'gzip'])),
          ...CallbackExtras,
        },
        // Closed: what is not honoured here is missed only at the receiver.
        { additionalProperties: false },
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
    model: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        description: `One of the hosted service's: ${MODELS.join(', ')}, or another solaria-…. Kept and shown; the words are those of this server's own model.`,
      }),
    ),
    subtitles: flag,
    subtitles_config: Type.Optional(
      Type.Object(
        {
          formats: Type.Optional(
            Type.Array(Type.Enum([...SUBTITLE_FORMATS]), { minItems: 1, maxItems: SUBTITLE_FORMATS.length }),
          ),
          minimum_duration: Type.Optional(Type.Number({ minimum: 0, maximum: 30 })),
          maximum_duration: Type.Optional(Type.Number({ minimum: 1, maximum: 30 })),
          maximum_characters_per_row: Type.Optional(Type.Integer({ minimum: 1 })),
          maximum_rows_per_caption: Type.Optional(Type.Integer({ minimum: 1, maximum: 5 })),
          style: Type.Optional(Type.Enum([...SUBTITLE_STYLES])),
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
    custom_spelling_config: Type.Optional(
      Type.Object(
        {
          spelling_dictionary: Type.Optional(
            Type.Record(Type.String(), Type.Array(phrase, { maxItems: 100 })),
          ),
        },
        open,
      ),
    ),
    // Older clients send the vocabulary itself where the flag is now.
    custom_vocabulary: Type.Optional(Type.Union([Type.Boolean(), vocabulary])),
    custom_vocabulary_config: Type.Optional(
      Type.Object({ vocabulary: Type.Optional(vocabulary), default_intensity: intensity }, open),
    ),
    named_entity_recognition: flag,
    sentiment_analysis: flag,
    translation: flag,
    translation_config: Type.Optional(
      Type.Object(
        {
          target_languages: Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: 20 })),
          model: Type.Optional(Type.Enum(['base', 'batch', 'enhanced'])),
          match_original_utterances: flag,
          lipsync: flag,
          context_adaptation: flag,
          context: Type.Optional(Type.String({ maxLength: PROMPT_CHARACTERS })),
          informal: flag,
        },
        open,
      ),
    ),
    summarization: flag,
    summarization_config: Type.Optional(
      Type.Object({ type: Type.Optional(Type.Enum([...SUMMARY_TYPES])) }, open),
    ),
    audio_to_llm: flag,
    audio_to_llm_config: Type.Optional(
      Type.Object(
        {
          prompts: Type.Optional(
            Type.Array(Type.String({ minLength: 1, maxLength: PROMPT_CHARACTERS }), {
              minItems: 1,
              maxItems: 20,
            }),
          ),
          model: Type.Optional(Type.String()),
        },
        open,
      ),
    ),
    pii_redaction: flag,
    pii_redaction_config: Type.Optional(
      Type.Object(
        {
          // The hosted API's own client has a single name where its documentation has a list.
          entity_types: Type.Optional(
            Type.Union([Type.String(), Type.Array(Type.String(), { maxItems: 200 })]),
          ),
          processed_text_type: Type.Optional(Type.Enum([...REDACTION_STYLES])),
        },
        open,
      ),
    ),
    // Withdrawn in March 2026, still sent by live clients.
    language: Type.Optional(Type.String()),
    detect_language: flag,
    enable_code_switching: flag,
    code_switching_config: Type.Optional(
      Type.Object({ languages: Type.Optional(Type.Array(Type.String(), { maxItems: 99 })) }, open),
    ),
    context_prompt: Type.Optional(Type.String()),
    display_mode: flag,
    name_consistency: flag,
    chapterization: flag,
    moderation: flag,
    structured_data_extraction: flag,
    structured_data_extraction_config: Type.Optional(
      Type.Object(
        {
          classes: Type.Optional(
            Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { minItems: 1, maxItems: 50 }),
          ),
        },
        open,
      ),
    ),
  },
  { title: 'JobRequest', ...open },
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

  const target = (field: string, given: string, headers: Readonly<Record<string, string>> | undefined) => {
    const read = readCallbackHeaders({ url: given, headers }, { field, inside: 'callback_config.headers' });
    say(field, judge.callback(read.url));
    problems.push(...read.problems);
    return { url: read.url, headers: read.headers };
  };

  say('audio_url', judge.audio(request.audio_url));

  let callback: Callback | null = null;
  const config = request.callback_config;
  if (request.callback === true && config?.url !== undefined) {
    callback = {
      ...target('callback_config.url', config.url, config.headers),
      method: config.method ?? 'POST',
      form: config.payload ?? 'full',
      gzip: config.compression === 'gzip',
      format: config.format ?? null,
    };
  } else if (request.callback_url !== undefined && request.callback !== false) {
    callback = {
      ...target('callback_url', request.callback_url, undefined),
      method: 'POST',
      form: 'full',
      gzip: false,
    };
  } else if (request.callback === true) {
    problems.push('callback_config.url is required when callback is true');
  }

  if (request.model !== undefined && !/^solaria-[\w.-]+$/i.test(request.model))
    problems.push(`model must be one of the following values: ${MODELS.join(', ')}`);
  problems.push(...languageProblems(request), ...textProblems(request), ...addonProblems(request));

  const metadata = request.custom_metadata;
  if (metadata && JSON.stringify(metadata).length > METADATA_CHARACTERS)
    problems.push(
      `custom_metadata must be shorter than or equal to ${METADATA_CHARACTERS} characters as JSON`,
    );

  return { callback, problems };
}

function languageProblems(request: JobRequest): string[] {
  const { custom_vocabulary: words, custom_vocabulary_config: config } = request;
  const entries = (field: string, list: Vocabulary) =>
    list.map((entry, index) => [
      `${field}.${index}.language`,
      typeof entry === 'string' ? undefined : entry.language,
    ]);
  const given = [
    ...(request.language_config?.languages ?? []).map((code, index) => [
      `language_config.languages.${index}`,
      code,
    ]),
    ...entries('custom_vocabulary_config.vocabulary', config?.vocabulary ?? []),
    ...entries('custom_vocabulary', Array.isArray(words) ? words : []),
  ] as [string, string | undefined][];
  return given
    .filter(([, code]) => code !== undefined && !LANGUAGES.includes(code))
    .map(([field]) => `${field} must be one of the following values: ${LANGUAGES.join(', ')}`);
}

type Vocabulary = Static<typeof vocabulary>;

const MOST_SPELLINGS = 1_000;
/** Of vocabulary entries and of their pronunciations together: matching takes its time for each. */
const MOST_SOUNDS = 2_000;

const soundsOf = (entry: Vocabulary[number]): number =>
  typeof entry === 'string' ? 1 : 1 + (entry.pronunciations?.length ?? 0);

function textProblems(request: JobRequest): string[] {
  const problems: string[] = [];
  const dictionary = request.custom_spelling_config?.spelling_dictionary;
  const keys = Object.keys(dictionary ?? {});
  const spelling = 'custom_spelling_config.spelling_dictionary';
  if (request.custom_spelling === true && dictionary === undefined)
    problems.push(`${spelling} is required when custom_spelling is true`);
  if (keys.some((key) => key.trim() === '')) problems.push(`${spelling} must not have an empty key`);
  if (keys.some((key) => key.length > 100))
    problems.push(`${spelling} must have keys shorter than or equal to 100 characters`);
  if (keys.length > MOST_SPELLINGS)
    problems.push(`${spelling} must contain no more than ${MOST_SPELLINGS} keys`);

  const { custom_vocabulary: words, custom_vocabulary_config: config } = request;
  if (words === true && config?.vocabulary === undefined)
    problems.push('custom_vocabulary_config.vocabulary is required when custom_vocabulary is true');
  for (const [field, list] of [
    ['custom_vocabulary', Array.isArray(words) ? words : []],
    ['custom_vocabulary_config.vocabulary', config?.vocabulary ?? []],
  ] as [string, Vocabulary][])
    if (list.reduce((sum, entry) => sum + soundsOf(entry), 0) > MOST_SOUNDS)
      problems.push(`${field} must contain no more than ${MOST_SOUNDS} values and pronunciations together`);

  const { minimum_duration: shortest, maximum_duration: longest } = request.subtitles_config ?? {};
  if (shortest !== undefined && longest !== undefined && shortest > longest)
    problems.push(
      'subtitles_config.minimum_duration must not be greater than subtitles_config.maximum_duration',
    );

  const { min_speakers: fewest, max_speakers: most } = request.diarization_config ?? {};
  if (fewest !== undefined && most !== undefined && fewest > most)
    problems.push('diarization_config.min_speakers must not be greater than diarization_config.max_speakers');
  return problems;
}

/** What an add-on cannot do without, and names that mean nothing here. */
function addonProblems(request: JobRequest): string[] {
  const problems: string[] = [];
  const needs = (flag: keyof JobRequest, field: string, given: unknown) => {
    if (request[flag] === true && given === undefined)
      problems.push(`${field} is required when ${flag} is true`);
  };
  const targets = request.translation_config?.target_languages;
  needs('translation', 'translation_config.target_languages', targets);
  needs('audio_to_llm', 'audio_to_llm_config.prompts', request.audio_to_llm_config?.prompts);
  needs(
    'structured_data_extraction',
    'structured_data_extraction_config.classes',
    request.structured_data_extraction_config?.classes,
  );
  for (const [index, code] of (targets ?? []).entries())
    if (!LANGUAGES.includes(code) && code !== 'wo')
      problems.push(
        `translation_config.target_languages.${index} must be one of the following values: ${LANGUAGES.join(', ')}, wo`,
      );
  const types = request.pii_redaction_config?.entity_types;
  // Taken and not found, they would be read in clear by somebody who believes that they are not.
  if (request.pii_redaction === true)
    for (const [index, name] of [types ?? []].flat().entries())
      if (!REDACTABLE.includes(name))
        problems.push(
          `pii_redaction_config.entity_types${typeof types === 'string' ? '' : `.${index}`} must be one of the following values: ${REDACTABLE.join(', ')}; this version does not recognise ${JSON.stringify(name.slice(0, 60))}, so leave it out`,
        );
  return problems;
}
