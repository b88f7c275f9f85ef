// One request as it came to an inbox, made again to a program on this machine: the same method, bytes and headers, but those
// of the connection; and that program's answer, for the inbox to give.
import {
  type IncomingMessage,
  request as requestHttp,
  validateHeaderName,
  validateHeaderValue,
} from 'node:http';
import { request as requestHttps } from 'node:https';
import type { ForwardedAnswer, InboxRequest } from '../client/client.ts';
import { INBOX_LIMITS } from '../inbox.ts';

export type LocalAnswer = {
  answer: { status: number; headers: Record<string, string>; body: Buffer };
  ms: number;
  /** Why the answer is ours and not the program's; null: it is its own. */
  trouble: string | null;
};

/** RFC 9110, 7.6.1; and what is said anew of this connection: its host, the length, whether to go on. */
const OF_THE_CONNECTION = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

type Pair = [name: string, value: string];

/** Those that go from end to end, in their order. */
export function endToEnd(headers: readonly (readonly string[])[]): Pair[] {
  const named = headers
    .filter(([name = '']) => name.toLowerCase() === 'connection')
    .flatMap(([, value = '']) => value.split(',').map((one) => one.trim().toLowerCase()));
  return headers
    .filter(
      ([name = '']) => !OF_THE_CONNECTION.has(name.toLowerCase()) && !named.includes(name.toLowerCase()),
    )
    .map(([name = '', value = '']) => [name, value]);
}

/** With the request's own query behind the target's. */
export function localUrl(target: URL, query: string): URL {
  const url = new URL(target);
  if (query.length > 1) url.search = url.search === '' ? query : `${url.search}&${query.slice(1)}`;
  return url;
}

/** Never rejects: what goes wrong is an answer, by which the sender tries again. */
export async function callLocal(
  target: URL,
  { method, query, headers }: Pick<InboxRequest, 'method' | 'query' | 'headers'>,
  body: Buffer,
  signal: AbortSignal,
): Promise<LocalAnswer> {
  const started = performance.now();
  const finish = (answer: LocalAnswer['answer'], trouble: string | null = null): LocalAnswer => ({
    answer,
    ms: performance.now() - started,
    trouble,
  });
  try {
    const response = await exchange(target, { method, query, headers }, body, signal);
    const status = response.statusCode ?? 0;
    const head = await readHead(response);
    if (status < 200 || status > 599)
      return finish(
        ...ours(502, `${target.origin} answered with the status ${status}, which no client takes`),
      );
    return finish({ status, headers: answerHeaders(response.rawHeaders), body: head });
  } catch (error) {
    return finish(...whyNot(error, target, signal));
  }
}

function exchange(
  target: URL,
  { method, query, headers }: Pick<InboxRequest, 'method' | 'query' | 'headers'>,
  body: Buffer,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const url = localUrl(target, query);
  const hadBody = headers.some(([name = '']) => /^(?:content-length|transfer-encoding)$/i.test(name));
  const pairs: Pair[] = [['host', url.host], ...endToEnd(headers)];
  if (hadBody || body.length > 0) pairs.push(['content-length', String(body.length)]);
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    // A list keeps order, spelling and repetitions.
    const request = send(url, { method, headers: pairs.flat(), signal, agent: false }, resolve);
    request.once('error', reject);
    request.end(body);
  });
}

/** As much as an inbox passes on; the rest is read and thrown away. */
async function readHead(response: IncomingMessage): Promise<Buffer> {
  const kept: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (bytes < INBOX_LIMITS.answerBytes) kept.push(chunk);
      bytes += chunk.length;
    }
  } catch {
    // The status line is the answer, whatever becomes of its body: the sender sees it so, too.
  }
  return Buffer.concat(kept).subarray(0, INBOX_LIMITS.answerBytes);
}

/** Of many, those that say something to the sender come first. */
const FIRST = ['retry-after', 'webhook-delivery', 'location', 'content-type', 'content-encoding'];

function answerHeaders(raw: readonly string[]): Record<string, string> {
  const pairs: Pair[] = [];
  for (let at = 0; at < raw.length; at += 2) pairs.push([raw[at] ?? '', raw[at + 1] ?? '']);
  const rank = ([name]: Pair) => (FIRST.indexOf(name.toLowerCase()) + FIRST.length + 1) % (FIRST.length + 1);
  const kept: Record<string, string> = {};
  let left: number = INBOX_LIMITS.answerHeaderBytes;
  for (const [given, value] of endToEnd(pairs).sort((a, b) => rank(a as Pair) - rank(b as Pair))) {
    const name = given.toLowerCase();
    const joined = kept[name] === undefined ? value : `${kept[name]}, ${value}`;
    const cost = name.length + joined.length + 2;
    if (name === 'set-cookie' || !isSendable(name, joined)) continue;
    if (cost > left || Object.keys(kept).length >= INBOX_LIMITS.answerHeaders) continue;
    kept[name] = joined;
    left -= cost;
  }
  return kept;
}

function isSendable(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

/** 503 with Retry-After is no failure of the endpoint: it waits a little, and its callbacks with it. */
function whyNot(error: unknown, target: URL, signal: AbortSignal): ReturnType<typeof ours> {
  if (signal.aborted)
    return signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError'
      ? ours(504, `${target.origin} did not answer in time`)
      : ours(503, 'ringback listen was stopped', 2);
  const { code, message } = causeOf(error);
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND')
    return ours(503, `nothing listens at ${target.origin} (${code}): is your program running?`, 2);
  return ours(502, `${target.origin} gave no answer (${code ?? message})`);
}

/** Of several addresses that were tried, what happened at the first. */
function causeOf(error: unknown): { code?: string; message: string } {
  const { errors } = error as { errors?: unknown[] };
  return (errors?.[0] ?? error) as { code?: string; message: string };
}

function ours(status: number, trouble: string, retryAfter?: number): [LocalAnswer['answer'], string] {
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
  };
  return [{ status, headers, body: Buffer.from(`${trouble}\n`) }, trouble];
}

export function forwarded({ status, headers, body }: LocalAnswer['answer']): ForwardedAnswer {
  return { status, headers, body_base64: body.toString('base64') };
}
