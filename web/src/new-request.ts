// The form of a new transcription as the request that the API takes, and that request as commands of a shell. Pure.
import { DELIVERY_FORMS, type DeliveryForm, METHODS, type Method } from '../../src/delivery.ts';
import { parseKept } from '../../src/exact-json.ts';
import type { JobRequest } from '../../src/http/job-request.ts';
import {
  CHANNEL_MODES,
  type ChannelMode,
  SUBTITLE_FORMATS,
  type SubtitleFormat,
} from '../../src/job-options.ts';
import { quoted } from './curl.ts';

/** What is on or off, with what it does. */
export const FLAGS = [
  ['sentences', 'Sentences', 'The text cut at the ends of sentences, each with its times.'],
  ['punctuation_enhanced', 'Mend punctuation', 'Capitals and full stops where the recogniser left them out.'],
  ['named_entity_recognition', 'Entities', 'Names, places, dates and numbers, marked in the text.'],
  ['sentiment_analysis', 'Sentiment', 'The mood of each sentence.'],
  [
    'pii_redaction',
    'Redact personal data',
    'Names and numbers are masked everywhere but in the audio. It misses some.',
  ],
  ['diarization', 'Speakers', 'Who speaks, where each has a channel of their own.'],
  ['summarization', 'Summary', 'A few sentences. Needs a language model (RINGBACK_LLM_URL).'],
  ['chapterization', 'Chapters', 'The text in parts with headings. Needs a language model.'],
] as const;

export const CHANNEL_WORDS: Readonly<Record<ChannelMode, string>> = {
  mono: 'mixed down to one',
  separate: 'each by itself',
};

export type Options = Omit<JobRequest, 'audio_url'>;

/** Throws a {@link FieldError}. */
export function readOptions(form: FormData): Options {
  const text = (name: string) => String(form.get(name) ?? '').trim();
  const callback = text('callback_config.url');
  const formats = SUBTITLE_FORMATS.filter((format) => form.getAll('subtitles').includes(format));
  const channels = CHANNEL_MODES.find((mode) => mode === text('channels'));
  const track = text('audio_track');
  const vocabulary = linesOf(text('custom_vocabulary'));
  const languages = text('translation_config.target_languages')
    .split(/[\s,]+/)
    .filter(Boolean);
  const metadata = metadataOf(text('custom_metadata'));
  return {
    ...(callback !== '' && { callback: true, callback_config: callbackOf(callback, text) }),
    ...(metadata && { custom_metadata: metadata }),
    ...(channels && { channels }),
    ...(track !== '' && { audio_track: Number(track) }),
    ...Object.fromEntries(FLAGS.filter(([name]) => form.has(name)).map(([name]) => [name, true])),
    ...(formats.length > 0 && {
      subtitles: true,
      subtitles_config: { formats: [...formats] as SubtitleFormat[] },
    }),
    ...(languages.length > 0 && { translation: true, translation_config: { target_languages: languages } }),
    ...(vocabulary.length > 0 && { custom_vocabulary: true, custom_vocabulary_config: { vocabulary } }),
    ...moreOf(text('more')),
  };
}

/** Something that stands in one field and cannot be read. */
export class FieldError extends Error {
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

function callbackOf(url: string, text: (name: string) => string): NonNullable<JobRequest['callback_config']> {
  const method: Method = METHODS.find((one) => one === text('callback_config.method')) ?? 'POST';
  const payload: DeliveryForm =
    DELIVERY_FORMS.find((one) => one === text('callback_config.payload')) ?? 'full';
  return { url, ...(method !== 'POST' && { method }), ...(payload !== 'full' && { payload }) };
}

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);

/** `key=value`, one a line; null: none. */
function metadataOf(text: string): Record<string, string> | null {
  const entries = linesOf(text).map((line): [string, string] => {
    const at = line.indexOf('=');
    if (at < 1)
      throw new FieldError(
        'custom_metadata',
        `must be lines such as order=A-17: ${JSON.stringify(line.slice(0, 60))} is none`,
      );
    return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  });
  return entries.length === 0 ? null : Object.fromEntries(entries);
}

function moreOf(text: string): object {
  if (text === '') return {};
  let value: unknown;
  try {
    value = parseKept(text);
  } catch (error) {
    throw new FieldError('more', `must be JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FieldError('more', 'must be a JSON object, such as { "custom_spelling": true }');
  return value;
}

/** Of a file by its name, or of a URL. */
export type Source = { file: string } | { url: string };

/** Two commands of a POSIX shell for a file, one for a URL. The key is read from the environment, and never in them. */
export function requestAsCurl(base: string, source: Source, options: Options): string {
  const key = `-H "x-gladia-key: $RINGBACK_API_KEY"`;
  const create = (json: string) =>
    `curl -sS ${quoted(`${base}v2/pre-recorded`)} ${key} \\\n  -H 'content-type: application/json' --data-binary ${json}`;
  if ('url' in source) return create(quoted(JSON.stringify({ audio_url: source.url, ...options }, null, 2)));
  const rest = JSON.stringify({ audio_url: '', ...options }, null, 2);
  // The address that the first command prints stands between two quoted pieces.
  const [before = '', after = ''] = quoted(rest).split('"audio_url": ""');
  const upload = `AUDIO_URL=$(curl -sS ${quoted(`${base}v2/upload`)} ${key} \\\n  -F ${quoted(`audio=@"${source.file.replaceAll(/["\\]/g, '\\$&')}"`)} | sed 's/.*"audio_url":"\\([^"]*\\)".*/\\1/')`;
  return `${upload}\n${create(`${before}"audio_url": "'"$AUDIO_URL"'"${after}`)}`;
}
