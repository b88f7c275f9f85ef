// Requests whose meaning is clear although they are not quite as they should be: a word for a list of one, "true" for true,
// en-US for en. They are read as they are meant, and every change is a sentence in the record; so is everything that is not
// read at all. What is not clear stays as it is, and is refused by the schema. Pure.
import type { TSchema } from 'typebox';
import { REDACTABLE } from '../entity-types.ts';
import { clipped } from './clip.ts';
import { languageMeant } from './languages.ts';

type Fields = Record<string, unknown>;
/** What is looked at of a JSON schema. */
type Schema = {
  type?: unknown;
  enum?: readonly unknown[];
  anyOf?: readonly Schema[];
  items?: Schema;
  minItems?: number;
  minimum?: number;
  minLength?: number;
  properties?: Readonly<Record<string, Schema>>;
  patternProperties?: Readonly<Record<string, Schema>>;
  additionalProperties?: unknown;
  required?: readonly string[];
};

const MOST_NOTES = 50;

class Notes {
  readonly all: string[] = [];
  #more = 0;

  add(path: string, what: string): void {
    if (this.all.length < MOST_NOTES) this.all.push(`${clipped(path)} ${what}`);
    else this.#more++;
  }

  list(): string[] {
    return this.#more === 0 ? this.all : [...this.all, `and ${this.#more} more`];
  }
}

/** Each config, and the field that turns on what it is about. */
const SWITCHES: Readonly<Record<string, string>> = {
  subtitles_config: 'subtitles',
  diarization_config: 'diarization',
  custom_spelling_config: 'custom_spelling',
  custom_vocabulary_config: 'custom_vocabulary',
  translation_config: 'translation',
  summarization_config: 'summarization',
  audio_to_llm_config: 'audio_to_llm',
  pii_redaction_config: 'pii_redaction',
  structured_data_extraction_config: 'structured_data_extraction',
  code_switching_config: 'enable_code_switching',
};

export type Settled = {
  /** As it is meant; the same object where nothing had to be changed. */
  request: Fields;
  /** Configs of what is off: kept, and neither read nor judged. */
  unread: string[];
  notes: string[];
};

export function settle(sent: Fields, schema: TSchema): Settled {
  const notes = new Notes();
  const unread = new Set<string>();
  const { properties = {} } = schema as Schema;
  const isOn = (name: string) => {
    const given = settled(properties[name] ?? {}, sent[name], name, new Notes());
    return given === true || (Array.isArray(given) && given.length > 0);
  };
  for (const [config, name] of Object.entries(SWITCHES)) {
    const given = sent[config];
    if (given === undefined || given === null || isOn(name)) continue;
    unread.add(config);
    if (!isNothing(given)) notes.add(config, `was not read: ${name} is not true`);
  }
  const request = settledFields(schema as Schema, sent, '', notes, unread);
  const model = request.model;
  if (typeof model === 'string' && model !== 'solaria-1')
    notes.add('model', 'was kept and changes nothing: the model of this server is used');
  return { request: languagesSettled(request, notes, unread), unread: [...unread], notes: notes.list() };
}

/** Stands for "left out". */
const UNSET = Symbol('unset');

function settledFields(
  { properties = {}, additionalProperties, required = [] }: Schema,
  given: Fields,
  path: string,
  notes: Notes,
  skipped: ReadonlySet<string> = new Set(),
): Fields {
  let copy: Fields | undefined;
  for (const name of Object.keys(given)) {
    const value = given[name];
    if (name === 'custom_metadata' || (path === '' && skipped.has(name)) || value === null) continue;
    const at = path === '' ? name : `${path}.${name}`;
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (schema === undefined) {
      if (additionalProperties !== false) notes.add(at, 'is not a known field: it was kept, and is not read');
      continue;
    }
    const next = settled(schema, value, at, notes, required.includes(name));
    if (next === value) continue;
    copy ??= { ...given };
    if (next === UNSET) delete copy[name];
    else copy[name] = next;
  }
  return copy ?? given;
}

/** Of a number that JavaScript would write otherwise, too. */
function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return value;
  return JSON.isRawJSON(value) ? Number(value.rawJSON) : null;
}

const isNothing = (value: unknown): boolean =>
  value === '' ||
  value === false ||
  numberOf(value) === 0 ||
  (typeof value === 'object' && value !== null && !JSON.isRawJSON(value) && Object.keys(value).length === 0);

function settled(schema: Schema, value: unknown, path: string, notes: Notes, required = false): unknown {
  if (value === undefined) return value;
  if (!required && isUnset(schema, value)) {
    notes.add(path, 'was taken as left out');
    return UNSET;
  }
  if (schema.anyOf) return settledChoice(schema.anyOf, value, path, notes);
  if (schema.enum) return settledWord(schema.enum, value, path, notes);
  switch (schema.type) {
    case 'boolean':
      return settledFlag(value, path, notes);
    case 'integer':
    case 'number':
      return settledNumber(value, path, notes);
    case 'array':
      return settledList(schema, value, path, notes);
    case 'object':
      return settledObject(schema, value, path, notes);
    default:
      return value;
  }
}

/** Empty, or zero where zero says nothing; a value that stands for itself is none of that. */
function isUnset(
  { type, enum: words, minLength, minimum, minItems, anyOf }: Schema,
  value: unknown,
): boolean {
  if (value === '') return words !== undefined || type !== 'string' || (minLength ?? 0) > 0;
  if (numberOf(value) === 0)
    return type === 'integer' || type === 'number' ? (minimum ?? 0) > 0 : type !== 'boolean' && !anyOf;
  if (Array.isArray(value) && value.length === 0)
    return type === 'object' || (type === 'array' && (minItems ?? 0) > 0);
  return value === false && (type === 'object' || type === 'array');
}

function settledChoice(choices: readonly Schema[], value: unknown, path: string, notes: Notes): unknown {
  const list = choices.find(({ type }) => type === 'array');
  if (choices.some(({ type }) => type === 'boolean')) {
    const flag = flagOf(value);
    if (flag !== null) return settledFlag(value, path, notes);
  }
  const text = choices.some(({ type }) => type === 'string');
  if (list && !(typeof value === 'string' && text)) return settledList(list, value, path, notes);
  const object = choices.find(({ type }) => type === 'object');
  return object ? settledObject(object, value, path, notes) : value;
}

function flagOf(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value;
  const number = numberOf(value);
  if (number !== null) return number === 1 ? true : number === 0 ? false : null;
  if (typeof value !== 'string') return null;
  const word = value.trim().toLowerCase();
  if (['true', '1', 'yes', 'on'].includes(word)) return true;
  return ['false', '0', 'no', 'off'].includes(word) ? false : null;
}

function settledFlag(value: unknown, path: string, notes: Notes): unknown {
  const flag = flagOf(value);
  if (flag === null || flag === value) return value;
  notes.add(path, `was read as ${flag}`);
  return flag;
}

function settledNumber(value: unknown, path: string, notes: Notes): unknown {
  if (typeof value !== 'string' || !/^\s*[+-]?\d{1,15}(?:\.\d{1,15})?\s*$/.test(value)) return value;
  notes.add(path, 'was read as a number');
  return Number(value);
}

function settledWord(words: readonly unknown[], value: unknown, path: string, notes: Notes): unknown {
  if (typeof value !== 'string' || words.includes(value)) return value;
  const plain = (text: string) =>
    text
      .trim()
      .toLowerCase()
      .replaceAll(/[\s-]+/g, '_');
  const meant = value.length > 100 ? undefined : words.find((word) => plain(String(word)) === plain(value));
  if (meant === undefined) return value;
  notes.add(path, `was read as ${String(meant)}`);
  return meant;
}

function settledList({ items = {} }: Schema, value: unknown, path: string, notes: Notes): unknown {
  if (!Array.isArray(value)) {
    if (typeof value === 'boolean') return value;
    notes.add(path, 'was read as a list of one');
    return [settled(items, value, `${path}.0`, notes, true)];
  }
  let copy: unknown[] | undefined;
  for (let index = 0; index < value.length; index++) {
    const next = settled(items, value[index], `${path}.${index}`, notes, true);
    if (next === value[index]) continue;
    copy ??= [...value];
    copy[index] = next;
  }
  return copy ?? value;
}

function settledObject(schema: Schema, value: unknown, path: string, notes: Notes): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || JSON.isRawJSON(value))
    return value;
  if (!schema.patternProperties) return settledFields(schema, value as Fields, path, notes);
  const [inner = {}] = Object.values(schema.patternProperties);
  if (inner.type !== 'array') return value;
  let copy: Fields | undefined;
  for (const name of Object.keys(value)) {
    const one = (value as Fields)[name];
    const next = one === null ? one : settled(inner, one, `${path}.${name}`, notes, true);
    if (next === one) continue;
    copy ??= { ...(value as Fields) };
    copy[name] = next;
  }
  return copy ?? value;
}

/** Where codes of languages stand: `en-US` is `en`, `auto` is none. */
function languagesSettled(request: Fields, notes: Notes, unread: ReadonlySet<string>): Fields {
  const changed: Fields = {};
  if (typeof request.language === 'string') {
    const code = languageSettled(request.language, 'language', notes);
    if (code !== request.language) changed.language = code;
  }
  for (const [config, field] of [
    ['language_config', 'languages'],
    ['code_switching_config', 'languages'],
    ['translation_config', 'target_languages'],
  ] as const) {
    const inside = request[config] as Fields | undefined | null;
    const list = inside?.[field];
    if (unread.has(config) || !Array.isArray(list)) continue;
    const codes = list.map((code, index) =>
      typeof code === 'string' ? languageSettled(code, `${config}.${field}.${index}`, notes) : code,
    );
    if (codes.some((code, index) => code !== list[index]))
      changed[config] = { ...inside, [field]: codes.filter((code) => code !== undefined) };
  }
  const types = (request.pii_redaction_config as Fields | undefined | null)?.entity_types;
  if (types !== undefined && types !== null && !unread.has('pii_redaction_config')) {
    const meant = Array.isArray(types)
      ? types.map((name, i) => typeMeant(name, i, notes))
      : typeMeant(types, null, notes);
    changed.pii_redaction_config = { ...(request.pii_redaction_config as Fields), entity_types: meant };
  }
  const { language } = changed;
  const next = Object.keys(changed).length === 0 ? request : { ...request, ...changed };
  if ('language' in changed && language === undefined) delete next.language;
  return next;
}

/** Undefined: any. */
function languageSettled(given: string, path: string, notes: Notes): string | undefined {
  const code = given.length > 100 ? undefined : languageMeant(given);
  if (code === undefined || code === given) return given;
  notes.add(path, code === null ? 'was taken as left out: any language' : `was read as ${code}`);
  return code ?? undefined;
}

function typeMeant(name: unknown, index: number | null, notes: Notes): unknown {
  if (typeof name !== 'string' || REDACTABLE.includes(name)) return name;
  const meant = name
    .trim()
    .toUpperCase()
    .replaceAll(/[\s-]+/g, '_');
  if (!REDACTABLE.includes(meant)) return name;
  notes.add(`pii_redaction_config.entity_types${index === null ? '' : `.${index}`}`, `was read as ${meant}`);
  return meant;
}
