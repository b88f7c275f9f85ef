// JSON whose numbers stay what somebody wrote. JavaScript knows 53 bits of a number and one way to write it: read and
// written again, 9007199254740993 is another number, 1e400 is null and 1.0 is 1. Here a number that would come out
// otherwise is kept as `JSON.rawJSON`, which JSON.stringify writes as it stands; every other is a number as ever. Pure.

/** What `JSON.rawJSON` makes. TypeScript's own libraries do not have it yet. */
export type RawJson = { readonly rawJSON: string };

declare global {
  interface JSON {
    rawJSON(text: string): RawJson;
    isRawJSON(value: unknown): value is RawJson;
  }
}

/**
 * Where numbers stand that may come out otherwise: a negative zero, 16 digits or more, a fraction that ends in 0, an
 * exponent, or less than a millionth. Anything else JavaScript writes as it was.
 */
const SUSPECT =
  /(?:^|[:,[])[ \t\n\r]*(?:-0(?![.\d])|-?(?:[\d.]{16}|\d+(?:\.\d*0(?!\d)|(?:\.\d+)?[eE])|0\.000000))/g;
const TOKEN = /-?\d[\d.eE+-]*/y;

/**
 * Whether JSON text has a number that would be written otherwise. Sometimes true without need, where a string looks like
 * it: that costs time alone. Of 1 MB it takes 1 to 7 ms, 0.6 to 2.4 times as long as JSON.parse.
 */
export function changesNumbers(text: string): boolean {
  SUSPECT.lastIndex = 0;
  for (let match = SUSPECT.exec(text); match !== null; match = SUSPECT.exec(text)) {
    TOKEN.lastIndex = match.index + match[0].search(/[-\d]/);
    const [token = ''] = TOKEN.exec(text) ?? [];
    if (!isKept(token)) return true;
    SUSPECT.lastIndex = Math.max(SUSPECT.lastIndex, match.index + 1 + token.length);
  }
  return false;
}

/** Whether JavaScript writes the number as it stands here. */
const isKept = (token: string): boolean => String(Number(token)) === token;

/** Whether JavaScript's number has the same value, however it is written. */
export const isSameValue = (token: string): boolean =>
  isKept(token) || decimalOf(String(Number(token))) === decimalOf(token);

/** A number as it is written in JSON: a JavaScript number where that is written alike. */
export const asWritten = (token: string): number | RawJson =>
  isKept(token) ? Number(token) : JSON.rawJSON(token);

/** The same, but a JavaScript number wherever its value is the same: 1.0 is 1. */
export const asValue = (token: string): number | RawJson =>
  isSameValue(token) ? Number(token) : JSON.rawJSON(token);

const PARTS = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** One text for each value, digits and a power of ten: `1.50`, `15e-1` and `0.15E1` are all `15e-1`. */
export function decimalOf(token: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = PARTS.exec(token) ?? [];
  const digits = whole + fraction;
  // Counted, not matched: a pattern for zeros at the end takes time by the square of a long number.
  let [from, to] = [0, digits.length];
  while (from < to && digits[from] === '0') from++;
  while (to > from && digits[to - 1] === '0') to--;
  if (from === to) return '0';
  const power = Number(exponent) - fraction.length + (digits.length - to);
  // An exponent of more than 15 digits cannot be counted with: only the same spelling is the same number then.
  return Number.isSafeInteger(power) ? `${sign}${digits.slice(from, to)}e${power}` : token.toLowerCase();
}

/** JSON.parse, with numbers kept to the letter; throws what that throws. */
export function parseKept(text: string): unknown {
  const plain: unknown = JSON.parse(text);
  return changesNumbers(text) ? drained(readNumbers(text, asWritten)) : plain;
}

/** JSON.parse, with numbers of the same value, or kept where JavaScript has none; throws what that throws. */
export function parseExact(text: string): unknown {
  const plain: unknown = JSON.parse(text);
  return changesNumbers(text) ? drained(readNumbers(text, asValue)) : plain;
}

/** JSON.stringify, which takes a bigint for the number that it is. */
export function exactJson(value: unknown): string {
  return JSON.stringify(value, (_name, one) => (typeof one === 'bigint' ? JSON.rawJSON(`${one}`) : one));
}

function drained<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Values between two pauses of {@link readNumbers}: well below a millisecond. */
const STEP = 1_000;

/**
 * Reads text that JSON.parse has taken, which is what makes it right; it pauses now and then, so that a megabyte can be
 * read in turns. (JSON.parse with a reviver does the same at one go: 200 ms of half a million values.)
 */
export function* readNumbers(
  text: string,
  number: (token: string) => unknown = asWritten,
): Generator<undefined, unknown> {
  const open: (unknown[] | Record<string, unknown>)[] = [];
  let root: unknown;
  let name: string | undefined;
  const place = (value: unknown) => {
    const into = open.at(-1);
    if (into === undefined) root = value;
    else if (Array.isArray(into)) into.push(value);
    else setOwn(into, name as string, value);
    name = undefined;
  };
  let steps = 0;
  for (let at = nextToken(text, 0); at < text.length; at = nextToken(text, at)) {
    if (++steps % STEP === 0) yield;
    const first = text[at] as string;
    if (first === '{' || first === '[') {
      const container = first === '{' ? {} : [];
      place(container);
      open.push(container);
      at++;
    } else if (first === '}' || first === ']') {
      open.pop();
      at++;
    } else {
      const end = first === '"' ? endOfString(text, at) : endOfLiteral(text, at);
      const token = text.slice(at, end);
      at = end;
      const into = open.at(-1);
      const isName = into !== undefined && !Array.isArray(into) && name === undefined;
      if (isName) name = JSON.parse(token);
      else place(/^[-\d]/.test(token) ? number(token) : JSON.parse(token));
    }
  }
  return root;
}

/** Whatever the name, `__proto__` too: a field like any other. */
export function setOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  else object[name] = value;
}

const BETWEEN = /[^\s,:]/g;
function nextToken(text: string, at: number): number {
  BETWEEN.lastIndex = at;
  return BETWEEN.exec(text)?.index ?? text.length;
}

const AFTER_LITERAL = /[\s,\]}]/g;
function endOfLiteral(text: string, at: number): number {
  AFTER_LITERAL.lastIndex = at;
  return AFTER_LITERAL.exec(text)?.index ?? text.length;
}

function endOfString(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return end + 1;
  }
}

/** With JavaScript's numbers for those that were kept, for who counts with them. What has none is returned as it is. */
export function plainNumbers<T>(value: T): T {
  return hasKept(value) ? JSON.parse(JSON.stringify(value)) : value;
}

function hasKept(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return JSON.isRawJSON(value) || Object.values(value).some(hasKept);
}
