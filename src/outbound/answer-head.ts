// The head of an answer: read as leniently as curl, Python and browsers read it, so that a status that arrived is known;
// judged strictly for what is built on it: where the body ends, and whether the connection may be used again. Pure.

export type Head = {
  readonly status: number;
  /** Lower-case names; a header that came twice is an array. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
};

/** Where the body ends: at once, after so many bytes, with the last chunk, or when the far end closes. */
export type Framing =
  | { readonly kind: 'none' | 'chunked' | 'close' }
  | { readonly kind: 'length'; readonly bytes: number };

export type AnswerHead = Head & {
  readonly framing: Framing;
  /** The end of the body that `framing` gives is the end: its headers are well formed and do not contradict one another. */
  readonly isCertain: boolean;
  /** Milliseconds for which the connection may be kept when the answer has been read; 0: not at all. */
  readonly keepMs: number;
};

/** Idle connections are closed after this (see connections.ts), or a second before the far end would, if that is sooner. */
const KEEP_MS = 1_000;

/** RFC 9112 to the letter, but for obs-text and HTTP/1.0, after which no connection is kept either. */
const STRICT = /^HTTP\/1\.1 [2-5]\d\d [\t\x20-\x7e]*\r\n(?:[\w!#$%&'*+.^`|~-]+:[\t\x20-\x7e]*\r\n)*\r\n$/;
const STATUS_LINE = /^HTTP\/\d+(?:\.\d+)?[ \t]+([1-9]\d\d)(?!\d)/i;
const STATUS_SO_FAR = /^HTTP\/\d+(?:\.\d+)?[ \t]+([1-9]\d\d)[ \t\r]/i;
const FRAMING_FIELD = /^(?:content-length|transfer-encoding):[^\r]*$/i;

/** The status in the first line of an answer, which `isWhole` or still growing; null: it names none, or not yet. */
export function statusOf(line: string, isWhole: boolean): number | null {
  const status = (isWhole ? STATUS_LINE : STATUS_SO_FAR).exec(line)?.[1];
  return status === undefined ? null : Number(status);
}

/** `text` (latin1) from the status line on, to the empty line or as far as it came; a last line without an end is left out. */
export function parseHead(text: string, status: number): AnswerHead {
  const isStrict = STRICT.test(text);
  const headers: Record<string, string | string[] | undefined> = Object.create(null);
  let last: string | null = null;
  let oddFraming = !isStrict && /\r(?!\n)|\0/.test(text);
  const lines = text.split('\n');
  for (let index = 1; index < lines.length - 1; index++) {
    // RFC 9110 5.5: a NUL or a CR inside a value is read as a space. No database keeps a NUL in a text.
    const line = (lines[index] ?? '').replace(/\r$/, '').replace(/[\0\r]/g, ' ');
    const colon = line.indexOf(':');
    if (last !== null && (line.startsWith(' ') || line.startsWith('\t'))) {
      // obs-fold: the value goes on.
      appendTo(headers, last, line.trim());
      oddFraming ||= isFraming(last);
    } else if (colon > 0) {
      last = line.slice(0, colon).trim().toLowerCase();
      add(headers, last, line.slice(colon + 1).trim());
      oddFraming ||= isFraming(last) && !FRAMING_FIELD.test(line);
    }
  }
  const { framing, isCertain } = framingOf(status, headers);
  const keepMs = isStrict && isCertain && framing.kind !== 'close' ? keepFor(headers) : 0;
  return { status, headers, framing, isCertain: isCertain && !oddFraming, keepMs };
}

function isFraming(name: string): boolean {
  return name === 'content-length' || name === 'transfer-encoding';
}

type Headers = Record<string, string | string[] | undefined>;

function add(headers: Headers, name: string, value: string): void {
  const before = headers[name];
  if (before === undefined) headers[name] = value;
  else if (typeof before === 'string') headers[name] = [before, value];
  else before.push(value);
}

function appendTo(headers: Headers, name: string, more: string): void {
  const before = headers[name] ?? '';
  const values = Array.isArray(before) ? before : [before];
  values.push(`${values.pop()} ${more}`.trim());
  headers[name] = values.length > 1 ? values : values[0];
}

/** The members of a list header, however many lines it came in. */
function members(headers: Headers, name: string): string[] {
  const value = headers[name];
  if (value === undefined) return [];
  return String(value)
    .split(',')
    .map((member) => member.trim().toLowerCase());
}

/** RFC 9112 6.3, where a length said twice alike is that length; what it calls an error is read for the record, and not certain. */
function framingOf(status: number, headers: Headers): { framing: Framing; isCertain: boolean } {
  const lengths = members(headers, 'content-length');
  const codings = members(headers, 'transfer-encoding');
  const [length = ''] = lengths;
  const isLength = /^\d{1,15}$/.test(length) && lengths.every((other) => other === length);
  if (status < 200 || status === 204 || status === 304)
    return {
      framing: { kind: 'none' },
      isCertain: codings.length === 0 && (lengths.length === 0 || Number(length) === 0),
    };
  if (codings.length > 0)
    return {
      framing: { kind: codings.at(-1) === 'chunked' ? 'chunked' : 'close' },
      isCertain: codings.length === 1 && codings[0] === 'chunked' && lengths.length === 0,
    };
  if (lengths.length === 0) return { framing: { kind: 'close' }, isCertain: true };
  return {
    framing: isLength ? { kind: 'length', bytes: Number(length) } : { kind: 'close' },
    isCertain: isLength,
  };
}

function keepFor(headers: Headers): number {
  if (Array.isArray(headers['content-length'])) return 0;
  if (headers.connection !== undefined && members(headers, 'connection').includes('close')) return 0;
  const timeout =
    headers['keep-alive'] === undefined
      ? null
      : /timeout\s*=\s*(\d{1,9})/i.exec(String(headers['keep-alive']));
  return timeout === null ? KEEP_MS : Math.max(0, Math.min(KEEP_MS, Number(timeout[1]) * 1_000 - 1_000));
}
