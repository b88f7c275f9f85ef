// Secrets ride in the queries of URLs, and far ends repeat them: in a redirect, in an error page, in JSON. What is shown or
// written down goes through here. Pure.

const MASK = '…';

/** A URL, whole or relative, with nothing of what its query, its fragment and its user say. Text that is no URL as well. */
export function maskedUrl(text: string): string {
  const end = text.search(/[?#]/);
  const place = end === -1 ? text : text.slice(0, end);
  const shown = place.replace(/^([a-z][a-z\d+.-]*:)?\/\/[^/\\]*@/i, `$1//${MASK}@`);
  return end === -1 ? shown : `${shown}${text[end]}${MASK}`;
}

/** Text of a far end, without what it repeats of this URL's query. `isCut`: its end was not kept. */
export function masker(url: string): (text: string, isCut?: boolean) => string {
  const secrets = secretsOf(url);
  if (secrets === null) return (text) => text;
  const { whole, long, pairs } = secrets;
  const wholeQuery = new RegExp(`\\?${encoded(whole)}`, 'g');
  // The longest first: one may be the beginning of another.
  const longest = long.toSorted((a, b) => b.length - a.length);
  const values = longest.length > 0 ? new RegExp(longest.map(encoded).join('|'), 'g') : null;
  const named = pairs.map(
    ([name, value]) =>
      new RegExp(
        `((?<![A-Za-z0-9_])${encoded(name)}["']?\\s*(?:[=:]|%3[dD])\\s*\\[?\\s*["']?)${encoded(value)}${NO_MORE}`,
        'g',
      ),
  );
  return (text, isCut = false) => {
    let masked = text.replace(wholeQuery, `?${MASK}`);
    if (values) masked = masked.replace(values, MASK);
    for (const pair of named) masked = masked.replace(pair, `$1${MASK}`);
    return isCut ? withoutBeginning(masked, longest) : masked;
  };
}

/** The same for bytes that are no text. */
export function maskedBytes(
  bytes: Buffer,
  mask: (text: string, isCut?: boolean) => string,
  isCut: boolean,
): Buffer {
  const text = bytes.toString('latin1');
  const masked = mask(text, isCut);
  return masked === text ? bytes : Buffer.from(masked.replaceAll(MASK, '...'), 'latin1');
}

/** Shorter values are everywhere in any text (`1`, `en`): they are masked where their name stands before them. */
const SHORT = 4;
const NO_MORE = '(?![A-Za-z0-9_-])';

type Secrets = {
  /** The query as it is written, without its question mark. */
  whole: string;
  long: string[];
  /** Name and short value. */
  pairs: [string, string][];
};

function secretsOf(url: string): Secrets | null {
  if (!URL.canParse(url)) return null;
  const { search, searchParams } = new URL(url);
  if (search.length < 2) return null;
  const long = new Set<string>();
  const pairs = new Map<string, [string, string]>();
  for (const [name, value] of searchParams) {
    // `?s3cret`: the name is the value.
    const [key, said] = value === '' ? ['', name] : [name, value];
    if (said.length >= SHORT) long.add(said);
    else if (key !== '') pairs.set(`${key}=${said}`, [key, said]);
  }
  return { whole: search.slice(1), long: [...long], pairs: [...pairs.values()] };
}

/** A pattern of this text however it is written: as it is, percent-encoded (again and again), in JSON, in HTML. */
function encoded(text: string): string {
  return [...text].map(anyWriting).join('');
}

const NAMED: Readonly<Record<string, string>> = {
  '&': 'amp',
  '<': 'lt',
  '>': 'gt',
  '"': 'quot',
  "'": 'apos',
};

function anyWriting(character: string): string {
  const plain = character.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
  const utf8 = [...Buffer.from(character)].map((byte) => `%(?:25)*${eitherCase(byte, 2)}`).join('');
  const utf16 = [...Array(character.length).keys()]
    .map((at) => `\\\\+u${eitherCase(character.charCodeAt(at), 4)}`)
    .join('');
  const point = character.codePointAt(0) ?? 0;
  const writings = [
    plain,
    utf8,
    utf16,
    `&#(?:0*${point}|[xX]0*${eitherCase(point, 1)});`,
    // As each byte of UTF-8 reads in Latin-1: bytes that are no text are looked through so.
    ...(point > 0x7f ? [Buffer.from(character).toString('latin1')] : []),
    ...('"\\/\''.includes(character) ? [`\\\\+${plain}`] : []),
    ...(character in NAMED ? [`&${NAMED[character]};`] : []),
    ...(character === ' ' ? ['\\+'] : []),
  ];
  return `(?:${writings.join('|')})`;
}

function eitherCase(number: number, digits: number): string {
  return number
    .toString(16)
    .padStart(digits, '0')
    .replaceAll(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
}

/** What was cut may have cut a value in two: the beginning of one, at the end of the text, tells as much. */
function withoutBeginning(text: string, values: readonly string[]): string {
  for (const value of values)
    for (let length = value.length - 1; length >= SHORT; length--)
      if (text.endsWith(value.slice(0, length))) return `${text.slice(0, -length)}${MASK}`;
  return text;
}

/** What was asked for, as it is shown: the URLs to call back without their queries. */
export function maskedRequest<T extends object>(request: T): T {
  const { callback_url: url, callback_config: config } = request as {
    callback_url?: unknown;
    callback_config?: { url?: unknown } | null;
  };
  const inner = typeof config === 'object' && config !== null ? config.url : undefined;
  if (typeof url !== 'string' && typeof inner !== 'string') return request;
  return {
    ...request,
    ...(typeof url === 'string' && { callback_url: maskedUrl(url) }),
    ...(typeof inner === 'string' && { callback_config: { ...config, url: maskedUrl(inner) } }),
  };
}
