// `custom_metadata` in a query, in both spellings that clients use: JSON text, `custom_metadata={"user":"Ann"}`, and
// brackets, `custom_metadata[user]=Ann`, `custom_metadata[address][city]=Rome`, `custom_metadata[tags][]=new`. Pure.
import { parseKept, setOwn } from '../exact-json.ts';
import { type MetadataConditions, metadataConditions } from '../store/metadata.ts';
import type { Json } from '../store/schema.ts';
import { clipped } from './clip.ts';
import { unstorable } from './validation.ts';

type Bag = Record<string, Json>;

const NAME = 'custom_metadata';
const BRACKETS = /^custom_metadata((?:\[[^[\]]*\])+)$/;
/** `[]` or `[0]`; a longer number is a name, such as a year. */
const INDEX = /^\d{0,2}$/;
/** As the metadata itself may have. */
const CHARACTERS = 2_000;
/** Names in brackets, and escapes, take more than the JSON that they make. */
const RAW_CHARACTERS = 3 * CHARACTERS;
const TOO_LONG = `${NAME} must be shorter than or equal to ${CHARACTERS} characters as JSON`;
const VALUES = 50;
const DEPTH = 10;

/** What is asked for, undefined for nothing; what is wrong goes into `problems`. */
export function readMetadataQuery(
  query: Record<string, unknown>,
  problems: string[],
): MetadataConditions | undefined {
  const asked: Bag = {};
  const about = Object.entries(query).filter(([name]) => name === NAME || name.startsWith(`${NAME}[`));
  // Before anything is parsed or walked: what is too long may be nested too deep to walk, and slow to compare.
  if (about.reduce((sum, [name, value]) => sum + name.length + String(value).length, 0) > RAW_CHARACTERS) {
    problems.push(TOO_LONG);
    return undefined;
  }
  const before = problems.length;
  for (const [name, value] of about) {
    if (name === NAME) readJson(value, asked, problems);
    else readBrackets(name, value, asked, problems);
  }
  problems.push(...tooMuch(NAME, asked));
  const trouble = unstorable(asked, NAME);
  if (trouble !== null) problems.push(trouble);
  if (problems.length > before || Object.keys(asked).length === 0) return undefined;
  const conditions = metadataConditions(asked);
  if (conditions === null)
    problems.push(`${NAME} must ask for less at once: a list in it has elements with too many values`);
  return conditions ?? undefined;
}

/** What is more than a filter may ask: each of its values is compared with every job that it is asked of. */
export function tooMuch(name: string, filter: Json): string[] {
  const problems: string[] = [];
  const { values, depth } = measure(filter);
  if (JSON.stringify(filter).length > CHARACTERS)
    problems.push(`${name} must be shorter than or equal to ${CHARACTERS} characters as JSON`);
  if (values > VALUES) problems.push(`${name} must contain no more than ${VALUES} values`);
  if (depth > DEPTH) problems.push(`${name} must not be nested deeper than ${DEPTH} levels`);
  return problems;
}

function readJson(value: unknown, asked: Bag, problems: string[]): void {
  if (value === '') return;
  try {
    const parsed = parseKept(String(value));
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
      throw new TypeError('no object');
    for (const [name, inner] of Object.entries(parsed)) setOwn(asked, name, inner as Json);
  } catch {
    problems.push(
      `${NAME} must be an object: write JSON, once, such as ${NAME}={"user":"Ann"}, or ${NAME}[user]=Ann`,
    );
  }
}

function readBrackets(name: string, value: unknown, asked: Bag, problems: string[]): void {
  const [, inBrackets] = BRACKETS.exec(name) ?? [];
  const path = inBrackets?.slice(1, -1).split('][') ?? [];
  const [first] = path;
  if (first === undefined || first === '' || path.length > DEPTH) {
    problems.push(`${NAME} must be written ${NAME}[name]=value, with at most ${DEPTH} names in brackets`);
    return;
  }
  const values = [value].flat().map(String);
  if (values.includes('[object Object]')) {
    // What JavaScript makes of an object in a string; some clients do. It would find nothing, without a word.
    problems.push(
      `${NAME}.${clipped(path.join('.'))} must be a value: "[object Object]" is a lost object; write it as ${NAME}={…} in JSON`,
    );
    return;
  }
  if (!values.every((one) => put(asked, path, one)))
    problems.push(`${NAME}.${clipped(path.join('.'))} must be either a value or an object, not both`);
}

/** Lists are written `[]`, `[0]`, or by repeating the name. False when a value stands where an object has to. */
function put(bag: Bag, [name = '', ...rest]: readonly string[], value: Json): boolean {
  const there = Object.hasOwn(bag, name) ? bag[name] : undefined;
  if (rest.length === 0) {
    if (there !== undefined && typeof there === 'object' && !Array.isArray(there)) return false;
    setOwn(bag, name, there === undefined ? value : [there as Json, value].flat());
    return true;
  }
  if (rest.length === 1 && INDEX.test(rest[0] as string)) {
    if (there !== undefined && !Array.isArray(there)) return false;
    setOwn(bag, name, [...((there as Json[] | undefined) ?? []), value]);
    return true;
  }
  if (there !== undefined && (typeof there !== 'object' || there === null || Array.isArray(there)))
    return false;
  const inner = (there as Bag | undefined) ?? {};
  setOwn(bag, name, inner);
  return put(inner, rest, value);
}

function measure(value: Json): { values: number; depth: number } {
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return { values: 1, depth: 0 };
  let [values, depth] = [1, 0];
  // Text of bounded length cannot be nested deeper than it is long.
  for (const inner of Object.values(value)) {
    const one = measure(inner as Json);
    values += one.values;
    depth = Math.max(depth, one.depth);
  }
  return { values, depth: depth + 1 };
}
