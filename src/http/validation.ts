// Schema failures as the hosted API words them: one sentence a field, beginning with its dotted path. Pure.
import type { FastifySchemaValidationError } from 'fastify';
import { clipped } from './clip.ts';

type Failure = Pick<FastifySchemaValidationError, 'keyword' | 'instancePath' | 'params' | 'message'> & {
  /** What fails, where that is told. */
  data?: unknown;
  /** The schema that it fails, where that is told. */
  parentSchema?: {
    properties?: Readonly<Record<string, unknown>>;
    /** Fields that are refused with a sentence of their own: what comes after their path. */
    'x-unsupported'?: Readonly<Record<string, string>>;
  };
};

const WORDS: Record<string, string> = {
  string: 'a string',
  boolean: 'a boolean value',
  integer: 'an integer number',
  number: 'a number',
  object: 'an object',
  array: 'an array',
};

/** Null is not named where it may stand as well: it says the same as nothing. */
function typeWords(type: unknown): string {
  const names = [type].flat().map(String);
  return names
    .filter((name) => name !== 'null' || names.length === 1)
    .map((name) => WORDS[name] ?? name)
    .join(' or ');
}

/** `/callback_config/url` becomes `callback_config.url`; the body itself is called `body`. */
function dotted(pointer: string, last?: string): string {
  const path = pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  if (last !== undefined) path.push(last);
  return path.length === 0 ? 'body' : clipped(path.join('.'));
}

/** `known`: what stands beside it. */
export function unknownField(path: string, known: readonly string[]): string {
  const cure = known.length === 0 ? 'this route takes none' : `known are ${known.join(', ')}`;
  return `${path} is not a known field; ${cure}`;
}

export function sentence({ keyword, instancePath, params, message, parentSchema, data }: Failure): string {
  const path = dotted(instancePath);
  switch (keyword) {
    case 'required':
      return `${dotted(instancePath, String(params.missingProperty))} is required`;
    case 'type':
      return `${path} must be ${typeWords(params.type)}`;
    case 'enum':
      return `${path} must be one of the following values: ${(params.allowedValues as unknown[]).join(', ')}`;
    case 'minimum':
      return `${path} must not be less than ${String(params.limit)}`;
    case 'maximum':
      return `${path} must not be greater than ${String(params.limit)}`;
    case 'minItems':
      return `${path} must contain at least ${String(params.limit)} elements`;
    case 'maxItems':
      return `${path} must contain no more than ${String(params.limit)} elements`;
    case 'additionalProperties':
      return unknown(instancePath, String(params.additionalProperty), parentSchema);
    case 'minLength':
      return `${path} must not be empty`;
    case 'maxLength':
      return `${path} must be shorter than or equal to ${String(params.limit)} characters${typeof data === 'string' ? ` (it has ${data.length})` : ''}`;
    default:
      return `${path} must be valid: ${message ?? keyword}`;
  }
}

function unknown(instancePath: string, name: string, schema: Failure['parentSchema']): string {
  const path = dotted(instancePath, name);
  const unsupported = schema?.['x-unsupported'] ?? {};
  if (Object.hasOwn(unsupported, name)) return `${path} ${unsupported[name]}`;
  return unknownField(path, Object.keys(schema?.properties ?? {}));
}

/** A list of 100,000 wrong items has as many failures, and nobody reads more than these. */
const MOST_SENTENCES = 50;

export function sentences(all: readonly Failure[]): string[] {
  const failures = all.slice(0, MOST_SENTENCES * 3);
  // A failed anyOf reports its branches and then itself; the branches say what to do. Where one of them takes the value's
  // type and refuses something else of it, what type another would rather have does not matter.
  const choices = failures
    .filter(({ keyword }) => keyword === 'anyOf')
    .map(({ instancePath }) => instancePath);
  const taken = choices.filter((choice) =>
    failures.some(
      ({ keyword, instancePath }) =>
        instancePath.startsWith(`${choice}/`) ||
        (instancePath === choice && keyword !== 'type' && keyword !== 'anyOf'),
    ),
  );
  const useful = failures.filter(
    ({ keyword, instancePath }) =>
      keyword !== 'anyOf' && keyword !== 'if' && !(keyword === 'type' && taken.includes(instancePath)),
  );
  return [...new Set((useful.length > 0 ? useful : failures).map(sentence))].slice(0, MOST_SENTENCES);
}

/** Deeper than any client's metadata, and far from what recursion or PostgreSQL's parser can bear. */
const MAX_DEPTH = 64;
// PostgreSQL stores neither: text has no U+0000, and half a surrogate pair is no character.
const isUnstorable = (text: string): boolean => text.includes('\0') || !text.isWellFormed();

/** What no column can hold, wherever in a JSON body (or in its part `of`) it is; the first of it, as a sentence, or null. */
export function unstorable(body: unknown, ...of: string[]): string | null {
  const trouble = troubleIn(body, of.length);
  if (trouble === null) return null;
  const path = [...of, ...trouble.path];
  const name = clipped(path.join('.')) || 'body';
  switch (trouble.kind) {
    case 'value':
      return `${name} must not contain U+0000 or half a surrogate pair`;
    case 'name':
      return `${name} must not have names that contain U+0000 or half a surrogate pair`;
    case 'depth':
      return `${clipped(String(path[0]))} must not be nested deeper than ${MAX_DEPTH} levels`;
    default:
      return trouble.kind satisfies never;
  }
}

type Trouble = { kind: 'value' | 'name' | 'depth'; path: string[] };

/** Paths are made of what is found alone: a body of 1 MB can hold half a million values. */
function troubleIn(value: unknown, depth: number): Trouble | null {
  if (typeof value === 'string') return isUnstorable(value) ? { kind: 'value', path: [] } : null;
  if (typeof value !== 'object' || value === null) return null;
  if (depth === MAX_DEPTH) return { kind: 'depth', path: [] };
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const trouble = troubleIn(value[index], depth + 1);
      if (trouble !== null) return within(index, trouble);
    }
    return null;
  }
  for (const name of Object.keys(value)) {
    if (isUnstorable(name)) return { kind: 'name', path: [] };
    const trouble = troubleIn((value as Record<string, unknown>)[name], depth + 1);
    if (trouble !== null) return within(name, trouble);
  }
  return null;
}

const within = (name: string | number, { kind, path }: Trouble): Trouble => ({
  kind,
  path: [String(name), ...path],
});
