// One request to Ringback: the key, the deadline, the caller's signal, the answer or its error.
import { exactJson, parseExact, parseKept } from '../exact-json.ts';
import { notOurs, type Reason, RingbackError, refusal } from './error.ts';

export type ConnectionOptions = {
  /** Where Ringback is, such as `https://stt.example.org`; a path it is served under is kept. */
  url: string | URL;
  /** An API key. */
  key: string;
  /** Milliseconds for a whole request and its answer; 30 s. Uploads and downloads have 15 min. */
  timeoutMs?: number;
  /** In place of Node's own, for a proxy or a test. */
  fetch?: typeof fetch;
  /**
   * How numbers of answers come. `exact`, the default: as numbers, but those whose value JavaScript cannot hold as
   * `JSON.rawJSON`, whose text is in `rawJSON`. `kept`: so comes every number that JavaScript would write otherwise, 1.0
   * too.
   */
  numbers?: 'exact' | 'kept';
};

/** For one call. */
export type CallOptions = { signal?: AbortSignal; timeoutMs?: number };

export type Outgoing = CallOptions & {
  query?: Readonly<Record<string, unknown>>;
  /** Sent as JSON. */
  json?: object;
  /** Sent as it is. */
  body?: { type: string; stream: ReadableStream<Uint8Array> };
  idempotencyKey?: string;
  /** A field that the answer must have, `id` unless told; without it, it is none of Ringback's. Null: it must be empty. */
  has?: string | null;
  /** The content type that a stream must have. */
  type?: string;
  headers?: Readonly<Record<string, string>>;
};

const USUAL_MS = 30_000;
export const TRANSFER_MS = 900_000;

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** What has no `id` must say what it has: null for nothing. */
type Expecting<T> = T extends { id: unknown }
  ? [outgoing?: Outgoing]
  : [outgoing: Outgoing & { has: (keyof T & string) | null }];

export type Connection = {
  /** The parsed body of a 2xx; throws {@link RingbackError}. */
  json<T>(method: Method, path: string, ...outgoing: Expecting<T>): Promise<T>;
  /** The body of a 2xx as it arrives. */
  stream(path: string, outgoing?: Outgoing): Promise<ReadableStream<Uint8Array>>;
};

export function connect({
  url,
  key,
  timeoutMs = USUAL_MS,
  fetch = globalThis.fetch,
  numbers = 'exact',
}: ConnectionOptions): Connection {
  const parse = numbers === 'kept' ? parseKept : parseExact;
  const parsed = (text: string): unknown => {
    try {
      return parse(text);
    } catch {
      return undefined;
    }
  };
  const base = new URL(url);
  const prefix = base.pathname.replace(/\/+$/, '');

  async function send<T>(
    method: Method,
    path: string,
    outgoing: Outgoing,
    read: (response: Response, what: string) => Promise<T>,
  ): Promise<T> {
    const target = new URL(prefix + path, base);
    target.search = search(outgoing.query ?? {});
    const deadlineMs = outgoing.timeoutMs ?? timeoutMs;
    const deadline = Number.isFinite(deadlineMs) ? AbortSignal.timeout(deadlineMs) : null;
    const signals = [deadline, outgoing.signal].filter((signal) => signal != null);
    const { json, body } = outgoing;
    const what = `${method} ${target.origin}${target.pathname}`;
    try {
      const response = await fetch(target, {
        method,
        // A redirect would take the key along to wherever it points.
        redirect: 'error',
        signal: AbortSignal.any(signals),
        headers: {
          'x-gladia-key': key,
          ...outgoing.headers,
          ...(json && { 'content-type': 'application/json' }),
          ...(body && { 'content-type': body.type }),
          ...(outgoing.idempotencyKey !== undefined && { 'idempotency-key': outgoing.idempotencyKey }),
        },
        ...(json && { body: exactJson(json) }),
        ...(body && { body: body.stream, duplex: 'half' as const }),
      });
      if (!response.ok) throw refusal(what, response.status, await response.text());
      return await read(response, what);
    } catch (error) {
      // The caller's own abort is theirs to recognise.
      if (error instanceof RingbackError || outgoing.signal?.aborted) throw error;
      if (deadline?.aborted)
        throw new RingbackError('timeout', `${what} was not answered within ${deadlineMs} ms`, {
          cause: error,
        });
      throw new RingbackError(...whyOf(what, error), { cause: error });
    }
  }

  return {
    json: (method, path, outgoing: Outgoing = {}) =>
      send(method, path, outgoing, async (response, what) => {
        const text = await response.text();
        const { has = 'id' } = outgoing;
        const body = text === '' ? null : parsed(text);
        if (has === null ? body === null : isOurs(body, has)) return (body ?? undefined) as never;
        throw notOurs(what, response.status);
      }),
    stream: (path, outgoing = {}) =>
      send('GET', path, outgoing, async ({ body, headers, status }, what) => {
        const { type } = outgoing;
        if (type === undefined || headers.get('content-type')?.startsWith(type))
          return body ?? new Blob([]).stream();
        // Nobody reads it, and it may have no end.
        await body?.cancel();
        throw notOurs(what, status);
      }),
  };
}

/** A list becomes its name repeated, an object JSON; what is undefined is left out. */
function search(query: Readonly<Record<string, unknown>>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const one of [value].flat())
      if (one !== undefined) params.append(name, typeof one === 'object' ? exactJson(one) : String(one));
  return params.toString();
}

/** It has the field that is asked for; a list holds nothing but objects. */
function isOurs(body: unknown, has: string): boolean {
  if (!isObject(body) || !(has in body)) return false;
  return !('items' in body) || (Array.isArray(body.items) && body.items.every(isObject));
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** fetch says "fetch failed"; what happened is in its cause. */
function whyOf(what: string, error: unknown): [reason: Reason, sentence: string] {
  const { cause, message } = error as { cause?: { code?: string; message?: string }; message: string };
  const said = cause?.code ?? cause?.message ?? message;
  const failed = (why: string) => `${what} failed: ${why}`;
  // Something answers there, and will be no Ringback the next time either.
  if (/redirect/.test(said))
    return ['answer_unknown', failed('it answers with a redirect: give the address it leads to')];
  if (said.startsWith('HPE_') || said.includes('does not match the HTTP'))
    return ['answer_unknown', failed('what answers there does not speak HTTP: check the port')];
  return ['unreachable', failed(`${said}${CURES[said] ?? ''}`)];
}

const NO_ADDRESS = ': the host has no address (DNS)';
const NO_TLS = ': what answers there does not speak TLS; is it http://?';
const CURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: ': nothing listens there; is the server running?',
  ENOTFOUND: NO_ADDRESS,
  EAI_AGAIN: NO_ADDRESS,
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  // The Fetch standard keeps a list of ports that other services have.
  'bad port': ': fetch makes no requests to this port; run the server on another',
};

export type Page<T> = { items: T[]; next: string | null };

/** Every item of a list in cursor pages; `limit` is the size of a page. */
export async function* pages<T>(
  connection: Connection,
  path: string,
  { query = {}, ...call }: Outgoing,
): AsyncGenerator<T, void, void> {
  let after: string | null | undefined;
  do {
    const page: Page<T> = await connection.json('GET', path, {
      ...call,
      has: 'items',
      query: after === undefined ? query : { ...query, after },
    });
    yield* page.items;
    after = page.next;
  } while (after !== null);
}

/** Rejects with the signal's reason. Without Node's timers: our dashboard runs this in a browser. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
