// What a request in OpenAI's shape asks for. What is clear is served, what cannot be honoured is refused with a sentence that
// begins with the field's name, and what changes nothing is noted in the record. Pure.
import { clipped } from '../clip.ts';
import { languageMeant } from '../languages.ts';
import type { Fields } from './fields.ts';
import { isServed } from './models.ts';

export const FORMATS = ['json', 'text', 'srt', 'vtt', 'verbose_json'] as const;
export type Format = (typeof FORMATS)[number];
export const GRANULARITIES = ['word', 'segment'] as const;

export type Options = {
  /** As the client calls it; null: it does not say. */
  model: string | null;
  format: Format;
  /** In `verbose_json`. */
  words: boolean;
  segments: boolean;
  stream: boolean;
  languages: string[];
  keywords: string[];
  prompt: string | null;
  /** To be downloaded, where no file comes with the request. */
  url: string | null;
  /** Answered at once, and called back here. */
  callbackUrl: string | null;
};

export type Read = {
  options: Options;
  problems: string[];
  notes: string[];
  /** Not one of the names under which speech models go. */
  modelUnknown: boolean;
};

/** `own`: the model of this server. */
export function readOptions(fields: Fields, own: string): Read {
  const reader = new Reader(fields);
  const model = reader.one('model');
  const granularities = reader.words('timestamp_granularities', GRANULARITIES);
  const format = reader.word('response_format', FORMATS, DIARIZED) ?? 'json';
  const options: Options = {
    model,
    format,
    words: granularities.includes('word'),
    segments: granularities.length === 0 || granularities.includes('segment'),
    stream: reader.flag('stream'),
    languages: reader.languages(),
    keywords: reader.keywords(),
    prompt: reader.prompt(),
    url: reader.one('url'),
    callbackUrl: reader.one('callback_url'),
  };
  reader.temperature();
  reader.chunking();
  reader.unsupported();
  reader.unknown();
  if (format !== 'verbose_json') reader.withoutTimes(granularities);
  reader.problems.push(...betweenFields(options));
  return {
    options,
    problems: reader.problems,
    notes: reader.notes,
    modelUnknown: model !== null && !isServed(model, own),
  };
}

function betweenFields({ format, stream, callbackUrl }: Options): string[] {
  const problems: string[] = [];
  if (stream && (format === 'srt' || format === 'vtt'))
    problems.push(`stream cannot be true with response_format ${format}: captions are made of the whole`);
  if (stream && callbackUrl !== null)
    problems.push('stream cannot be true with callback_url: the result goes there, and not into the answer');
  return problems;
}

const DIARIZED =
  '; who speaks is told by POST /v2/pre-recorded with diarization, where each speaker has a channel';
const NO_SPEAKERS =
  'is not supported: speakers cannot be told by samples of their voices. POST /v2/pre-recorded with diarization tells them by channel';
const MOST_KEYWORDS = 100;
const KEYWORD_CHARACTERS = 100;
const PROMPT_CHARACTERS = 4_000;

const KNOWN: ReadonlySet<string> = new Set([
  'model',
  'response_format',
  'timestamp_granularities',
  'stream',
  'language',
  'languages',
  'keywords',
  'prompt',
  'url',
  'callback_url',
  'temperature',
  'chunking_strategy',
  'include',
  'known_speaker_names',
  'known_speaker_references',
]);

class Reader {
  readonly problems: string[] = [];
  readonly notes: string[] = [];
  readonly #fields: Fields;

  constructor(fields: Fields) {
    this.#fields = fields;
  }

  /** All that say something: an empty one is left out. */
  list(name: string): string[] {
    return (this.#fields.get(name) ?? []).map(({ text }) => text.trim()).filter((text) => text !== '');
  }

  one(name: string): string | null {
    const [first = null, ...others] = this.list(name);
    if (others.some((text) => text !== first)) this.problems.push(`${name} must be given once`);
    return first;
  }

  words<Word extends string>(name: string, known: readonly Word[], cure = ''): Word[] {
    const found: Word[] = [];
    for (const text of this.list(name)) {
      const word = known.find((one) => one === text.toLowerCase());
      if (word === undefined)
        this.problems.push(`${name} must be one of the following values: ${known.join(', ')}${cure}`);
      else found.push(word);
    }
    return found;
  }

  word<Word extends string>(name: string, known: readonly Word[], cure: string): Word | null {
    const [first = null, ...others] = this.words(name, known, cure);
    if (others.some((word) => word !== first)) this.problems.push(`${name} must be given once`);
    return first;
  }

  flag(name: string): boolean {
    const text = this.one(name)?.toLowerCase() ?? 'false';
    if (['true', '1', 'yes', 'on'].includes(text)) return true;
    if (!['false', '0', 'no', 'off'].includes(text)) this.problems.push(`${name} must be true or false`);
    return false;
  }

  /** `language`, and `languages` of the newer models, together. Whether this server's model speaks them, the job finds out. */
  languages(): string[] {
    const codes = ['language', 'languages'].flatMap((name) =>
      this.list(name).map((text) => {
        const code = text.length > 100 ? undefined : languageMeant(text);
        if (code === undefined)
          this.problems.push(`${name} must be a language code of ISO 639-1 such as en, or left out`);
        return code ?? null;
      }),
    );
    return [...new Set(codes.filter((code) => code !== null))];
  }

  keywords(): string[] {
    const keywords = this.list('keywords');
    if (keywords.length > MOST_KEYWORDS)
      this.problems.push(`keywords must contain no more than ${MOST_KEYWORDS} elements`);
    if (keywords.some((one) => one.length > KEYWORD_CHARACTERS))
      this.problems.push(`keywords must be shorter than or equal to ${KEYWORD_CHARACTERS} characters each`);
    return keywords;
  }

  prompt(): string | null {
    const prompt = this.one('prompt');
    if (prompt === null) return null;
    if (prompt.length > PROMPT_CHARACTERS)
      this.problems.push(`prompt must be shorter than or equal to ${PROMPT_CHARACTERS} characters`);
    this.notes.push(
      'prompt was kept and changes nothing: this model takes none; words to be recognised go into keywords[]',
    );
    return prompt;
  }

  temperature(): void {
    const text = this.one('temperature');
    if (text === null) return;
    const value = Number(text);
    if (!(value >= 0 && value <= 1)) this.problems.push('temperature must be a number from 0 to 1');
    else if (value > 0) this.notes.push('temperature was not read: this model always decodes as with 0');
  }

  /** Clients send the default of `verbose_json` with every format; who asks for the times of words would miss them. */
  withoutTimes(granularities: readonly (typeof GRANULARITIES)[number][]): void {
    if (granularities.includes('word'))
      this.problems.push(
        'timestamp_granularities needs response_format verbose_json: no other has times of words',
      );
    else if (granularities.length > 0)
      this.notes.push('timestamp_granularities was not read: response_format is not verbose_json');
  }

  /** Speech is always found by its sound, as `auto` asks; how, cannot be told from outside. */
  chunking(): void {
    for (const { inner, text } of this.#fields.get('chunking_strategy') ?? []) {
      const known = /^(?:auto|server_vad|null|\{\s*"type"\s*:\s*"(?:auto|server_vad)"\s*\})?$/.test(
        text.trim(),
      );
      if (known && (inner === '' || inner === 'type')) continue;
      this.problems.push(
        'chunking_strategy must be auto, or server_vad without anything more: its thresholds cannot be set here',
      );
      return;
    }
  }

  unsupported(): void {
    if (this.list('include').length > 0)
      this.problems.push(
        'include is not supported: this model tells no probabilities of tokens; the record at GET /v2/pre-recorded/{id} has a confidence of each word',
      );
    for (const name of ['known_speaker_names', 'known_speaker_references'])
      if (this.list(name).length > 0) this.problems.push(`${name} ${NO_SPEAKERS}`);
  }

  unknown(): void {
    for (const name of this.#fields.keys())
      if (!KNOWN.has(name) && this.notes.length < 50)
        this.notes.push(`${clipped(name)} is not a known field: it was not read`);
  }
}
