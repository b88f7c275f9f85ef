// The headers that somebody wants their callbacks to carry: read from `callback_config.headers` and from a user name and a
// password in the URL. All of their values are secret: what is stored to be shown has none of them. Pure.
import { maskedUrl } from './mask.ts';

/** Kept apart from the request, and sent to this origin alone: a callback that is sent again elsewhere goes without. */
export type CallbackHeaders = {
  /** Scheme, name and port of the URL that they were given for. */
  origin: string;
  /** By their names in lower case. */
  values: Record<string, string>;
};

export const MOST_HEADERS = 20;
export const MOST_HEADER_BYTES = 8_192;

/** What the sender decides, and what belongs to one connection (RFC 9110, 7.6.1): nobody else may set it. */
const OURS =
  /^(?:webhook-.*|content-.*|ringback-.*|host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|http2-settings)$/;
const NAME = /^[!#$%&'*+.^_`|~\w-]+$/;
/** RFC 9110: visible characters, spaces and tabs; of Latin-1, as Node sends them. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

const said = (name: string) => JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name);

type Given = { url: string; headers?: Readonly<Record<string, string>> | undefined };

/**
 * The URL without its user, and the headers; null: none. `field` names the place of the URL and `inside` that of the
 * headers in what is said of them, which repeats no value.
 */
export function readCallbackHeaders(
  given: Given,
  { field, inside }: { field: string; inside: string },
): { url: string; headers: CallbackHeaders | null; problems: string[] } {
  const problems: string[] = [];
  const { url, authorization } = withoutUser(given.url);
  const entries = Object.entries(given.headers ?? {}).map(
    ([name, value]) => [name.toLowerCase(), value.trim()] as const,
  );
  const values: Record<string, string> = Object.create(null);
  for (const [name, value] of entries) {
    const trouble = troubleOf(name, value) ?? (name in values ? 'must not be given twice' : null);
    if (trouble !== null) problems.push(`${inside}.${said(name).slice(1, -1)} ${trouble}`);
    values[name] = value;
  }
  if (authorization !== null) {
    if ('authorization' in values)
      problems.push(
        `${field} must not hold a user name and password where ${inside} has an Authorization: leave one of them out`,
      );
    values.authorization = authorization;
  }
  const bytes = Object.entries(values).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (entries.length > MOST_HEADERS)
    problems.push(`${inside} must contain no more than ${MOST_HEADERS} headers`);
  if (bytes > MOST_HEADER_BYTES)
    problems.push(
      `${inside} must be shorter than or equal to ${MOST_HEADER_BYTES} bytes, names and values together (it has ${bytes})`,
    );
  if (Object.keys(values).length === 0 || problems.length > 0 || !URL.canParse(url))
    return { url, headers: null, problems };
  return { url, headers: { origin: new URL(url).origin, values: { ...values } }, problems };
}

function troubleOf(name: string, value: string): string | null {
  if (!NAME.test(name)) return 'must be a header name: letters, digits and hyphens';
  if (OURS.test(name))
    return 'must not be set: Ringback writes webhook-*, content-*, ringback-*, host and the headers of a connection itself';
  if (!VALUE.test(value))
    return 'must be a header value: one line of Latin-1 characters without control characters';
  return null;
}

const AUTHORITY = /^([a-z][a-z\d+.-]*:\/\/)([^/?#\\]*)@/i;

/** `https://user:password@host/` as `https://host/` and `Basic …`. Anything else as it is, to be judged as it is. */
export function withoutUser(url: string): { url: string; authorization: string | null } {
  // The parser drops line breaks, which would then be refused no more.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(url) || !URL.canParse(url)) return { url, authorization: null };
  const { username, password } = new URL(url);
  if ((username === '' && password === '') || !AUTHORITY.test(url)) return { url, authorization: null };
  const pair = Buffer.from(`${decoded(username)}:${decoded(password)}`);
  return { url: url.replace(AUTHORITY, '$1'), authorization: `Basic ${pair.toString('base64')}` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that escapes nothing is one.
    return text;
  }
}

/** Those that go along to this URL. */
export function headersFor(url: string, headers: CallbackHeaders | null): Record<string, string> {
  return headers !== null && URL.canParse(url) && new URL(url).origin === headers.origin
    ? headers.values
    : {};
}

/** Everything in them that nobody may read, in the words in which a far end may repeat it. */
export function secretsIn(headers: CallbackHeaders | null): string[] {
  return Object.values(headers?.values ?? {}).flatMap((value) => {
    const [, scheme = '', rest = ''] = /^([\w-]+)\s+(.*)$/s.exec(value) ?? [];
    const parts = rest === '' ? [value] : [value, rest];
    if (scheme.toLowerCase() !== 'basic') return parts;
    const pair = Buffer.from(rest, 'base64').toString();
    return [...parts, pair, pair.slice(pair.indexOf(':') + 1)];
  });
}

/** In place of every secret. */
const HIDDEN = '…';

/** The same without their values. */
export const namesOf = (headers: CallbackHeaders | null): CallbackHeaders | null =>
  headers && { ...headers, values: hidden(headers.values) };

const hidden = (values: object) =>
  Object.fromEntries(Object.keys(values).map((name) => [name, HIDDEN] as const));

/** A request as it is stored to be shown: without a value of its headers, and without users in its URLs to call back. */
export function withoutSecrets<T extends object>(request: T): T {
  const { callback_url: older, callback_config: config } = request as {
    callback_url?: unknown;
    callback_config?: unknown;
  };
  const inner =
    typeof config === 'object' && config !== null ? (config as { url?: unknown; headers?: unknown }) : {};
  if (typeof older !== 'string' && typeof inner.url !== 'string' && !isObject(inner.headers)) return request;
  return {
    ...request,
    ...(typeof older === 'string' && { callback_url: userMasked(older) }),
    ...((typeof inner.url === 'string' || isObject(inner.headers)) && {
      callback_config: {
        ...inner,
        ...(typeof inner.url === 'string' && { url: userMasked(inner.url) }),
        ...(isObject(inner.headers) && {
          headers: hidden(inner.headers),
        }),
      },
    }),
  };
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** The query stays: it is masked where it is shown. */
function userMasked(url: string): string {
  return withoutUser(url).authorization === null
    ? url
    : maskedUrl(url.split(/[?#]/, 1)[0] ?? '') + url.slice(url.search(/[?#]|$/));
}
