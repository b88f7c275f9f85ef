// A small callback receiver: reads the raw body, unpacks it, verifies the signature, answers first. `listen` and `demo`
// use it.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { indented } from './body-text.ts';
import { type CheckSignature, givenSecrets, type Signature } from './signing.ts';
import { printableText } from './terminal.ts';

export type ReceivedCallback = {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  /** Unpacked; empty when it could not be read. */
  body: string;
  /** Why it could not be read, and was refused; null: it was. */
  unreadable: string | null;
  /** Null when there was nothing to check with, or there is no body to check. */
  signature: Signature | null;
  /** What it was answered. */
  status: number;
};

export type ReceiverOptions = {
  port: number;
  /** One secret, or who checks; null: nobody does. */
  secret: string | CheckSignature | null;
  /** Given one after the other; after the last, the last again. */
  status: number | readonly number[];
  /** Milliseconds before each answer. */
  delayMs?: number;
  /** Seconds, with every answer that is no 2xx. */
  retryAfter?: number;
  /** Bytes as they come; a larger body is answered 413. */
  maxBytes?: number;
  onCallback: (callback: ReceivedCallback) => void;
};

/** Bytes, packed or not. */
const MAX_BODY = 200 * 1024 * 1024;
const TOO_LARGE = { status: 413, unreadable: 'the body has more than 200 MiB' };

type Read = { json: Buffer } | { status: number; unreadable: string };

/** The signature is over the JSON: what `"compression": "gzip"` packed is unpacked first, up to a bound. */
async function unpack(encoding: string, body: Buffer): Promise<Read> {
  if (encoding === 'identity') return { json: body };
  if (encoding !== 'gzip')
    return { status: 415, unreadable: `content-encoding ${encoding} is not known here: gzip is` };
  try {
    return { json: await promisify(gunzip)(body, { maxOutputLength: MAX_BODY }) };
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') return TOO_LARGE;
    return { status: 400, unreadable: `the body is no gzip: ${(error as Error).message}` };
  }
}

export async function startReceiver(
  options: ReceiverOptions,
): Promise<{ url: string; close(): Promise<void> }> {
  const statuses = [options.status].flat();
  let answered = 0;
  const check = typeof options.secret === 'string' ? givenSecrets([options.secret]) : options.secret;
  const stopping = new AbortController();

  const take = async (request: IncomingMessage, response: ServerResponse, whole: Buffer | null) => {
    const { method = '', url: path = '', headers } = request;
    const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity';
    const read = whole === null ? tooLarge(options.maxBytes) : await unpack(encoding, whole);
    const refused = 'unreadable' in read ? read : null;
    const status = refused?.status ?? statuses[Math.min(answered++, statuses.length - 1)] ?? 200;
    if (options.delayMs) await wait(options.delayMs, undefined, { signal: stopping.signal }).catch(() => {});
    const retry = options.retryAfter !== undefined && (status < 200 || status > 299);
    response.writeHead(status, retry ? { 'retry-after': String(options.retryAfter) } : {}).end();
    const body = 'json' in read ? read.json.toString('utf8') : '';
    const signature = refused || !check ? null : await check(headers, body).catch(unchecked);
    const unreadable = refused?.unreadable ?? null;
    options.onCallback({ method, path, headers, body, unreadable, signature, status });
  };

  const server = createServer((request, response) => {
    const most = Math.min(options.maxBytes ?? MAX_BODY, MAX_BODY);
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= most) chunks.push(chunk);
    });
    request.on('end', () => void take(request, response, size > most ? null : Buffer.concat(chunks)));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        stopping.abort();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A secret that is none. */
function unchecked(error: unknown): Signature {
  return { ok: false, reason: (error as Error).message };
}

function tooLarge(maxBytes: number | undefined): Read {
  if (maxBytes === undefined || maxBytes >= MAX_BODY) return TOO_LARGE;
  return { status: 413, unreadable: `the body has more than ${maxBytes} bytes` };
}

const SHOWN = /^(content-|user-agent|webhook-|ringback-)/;

/** As a person reads it: the request line, the headers that matter, the JSON indented and cut, the signature's verdict. */
export function formatCallback(callback: ReceivedCallback, maxLines = 60): string {
  const headers = Object.entries(callback.headers)
    .filter(([name]) => SHOWN.test(name))
    .map(([name, value]) => `${name}: ${String(value)}`);
  const json = indented(callback.body).split('\n');
  const cut =
    json.length > maxLines ? [...json.slice(0, maxLines), `… ${json.length - maxLines} more lines`] : json;
  const lines = [`${callback.method} ${callback.path}`, ...headers, '', ...cut, '', verdictOf(callback)];
  return printableText(lines.join('\n'));
}

export function verdictOf({ unreadable, signature }: ReceivedCallback): string {
  if (unreadable !== null) return `REFUSED: ${unreadable}`;
  if (signature === null) return 'signature not checked: no --secret given';
  return signature.ok ? 'signature valid' : `signature INVALID: ${signature.reason}`;
}
