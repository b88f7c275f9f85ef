// What a filter on custom_metadata means: "contains", at any depth, and loosely, since a query knows text alone: a
// stored 42 or true is found by "42" or "true", and the other way round. Numbers are compared by their value, however many
// digits they have. Pure.
import { asWritten, decimalOf, isSameValue } from '../exact-json.ts';
import type { Json } from './schema.ts';

/** All must hold: of each, the metadata contains (jsonb `@>`) at least one document. */
export type MetadataConditions = Json[][];

/** More spellings than this of one array's element are not tried. */
const MOST_SPELLINGS = 64;

/**
 * An object's fields are conditions of their own; an array's elements as well, each taken whole: it is one element that
 * has to fit. Null when that makes too many combinations.
 */
export function metadataConditions(filter: Json): MetadataConditions | null {
  const found = conditions(filter, (inner) => inner);
  return found.some((documents) => documents.length > MOST_SPELLINGS) ? null : found;
}

function conditions(value: Json, within: (inner: Json) => Json): MetadataConditions {
  if (Array.isArray(value) && value.length > 0)
    return value.map((element) => spellings(element).map((spelling) => within([spelling])));
  if (isObject(value) && Object.keys(value).length > 0)
    return Object.entries(value).flatMap(([name, inner]) =>
      conditions(inner, (deeper) => within({ [name]: deeper })),
    );
  return [spellings(value).map(within)];
}

/** Every stored value that this one may mean; one more than are tried where there are more. */
function spellings(value: Json): Json[] {
  if (typeof value === 'string') return [value, ...meantBy(value)];
  if (JSON.isRawJSON(value)) return [value, ...textsOf(value.rawJSON)];
  if (typeof value !== 'object' || value === null) return [value, String(value)];
  const parts = Object.entries(value).map(([name, inner]) => [name, spellings(inner)] as const);
  let combined: [name: string, spelling: Json][][] = [[]];
  for (const [name, options] of parts)
    combined = combined
      .flatMap((before) => options.map((option) => [...before, [name, option] satisfies [string, Json]]))
      .slice(0, MOST_SPELLINGS + 1);
  return combined.map((entries) =>
    Array.isArray(value) ? entries.map(([, spelling]) => spelling) : Object.fromEntries(entries),
  );
}

/** As a text may have it: as it was written, and as JavaScript writes it. */
const textsOf = (number: string): string[] =>
  isSameValue(number) ? [number, String(Number(number))] : [number];

const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;
/** No number in JSON begins with them, but one in a text may. */
const LEADING_ZEROS = /^(-?)0+(?=\d)/;

function meantBy(text: string): Json[] {
  if (text === 'true' || text === 'false') return [text === 'true'];
  if (text === 'null') return [null];
  return NUMBER.test(text) ? [asWritten(text.replace(LEADING_ZEROS, '$1'))] : [];
}

/** Of a job's request, as it was sent; null: it has none. */
export function metadataOf(request: { [key: string]: Json }): { [key: string]: Json } | null {
  return (request.custom_metadata as { [key: string]: Json } | null | undefined) ?? null;
}

/** Of JavaScript's numbers: beyond it, PostgreSQL's take up to 131,072 digits in a row, or are refused. */
const LARGEST_POWER = 308;

/**
 * Metadata, or a filter, as PostgreSQL compares it: its numbers have all their digits. One that is very large or very
 * small is compared as a text, the same for each of its spellings.
 */
export function indexed(value: Json): Json {
  if (JSON.isRawJSON(value)) {
    const decimal = decimalOf(value.rawJSON);
    const [digits = '', power = '0'] = decimal.split('e');
    return Math.abs(digits.length + Number(power)) > LARGEST_POWER ? decimal : JSON.rawJSON(decimal);
  }
  if (Array.isArray(value)) return value.map(indexed);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, indexed(inner)]));
}

function isObject(value: Json): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}
