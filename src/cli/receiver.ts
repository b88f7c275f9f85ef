// A small callback receiver: reads the raw body, unpacks it, verifies the signature, answers first. `listen` and `demo`
// use it.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { parseKept } from '../exact-json.ts';
import { verify } from '../signature.ts';

export type ReceivedCallback = {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  /** Unpacked; empty when it could not be read. */
  body: string;
  /** Why it could not be read, and was refused; null: it was. */
  unreadable: string | null;
  /** Null when no secret was given to check with, or there is no body to check. */
  signature: { ok: true } | { ok: false; reason: string } | null;
};

type Options = {
  port: number;
  secret: string | null;
  status: number;
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

export async function startReceiver({
  port,
  secret,
  status,
  onCallback,
}: Options): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY) chunks.push(chunk);
    });
    request.on('end', async () => {
      const { method = '', url: path = '', headers } = request;
      const encoding = headers['content-encoding']?.toLowerCase() ?? 'identity';
      const read = size > MAX_BODY ? TOO_LARGE : await unpack(encoding, Buffer.concat(chunks));
      if ('unreadable' in read) {
        response.writeHead(read.status).end();
        onCallback({ method, path, headers, body: '', unreadable: read.unreadable, signature: null });
        return;
      }
      response.writeHead(status).end();
      const body = read.json.toString('utf8');
      const signature = secret === null ? null : verify(secret, headers, body);
      onCallback({ method, path, headers, body, unreadable: null, signature });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
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
  return [`${callback.method} ${callback.path}`, ...headers, '', ...cut, '', verdictOf(callback)].join('\n');
}

function verdictOf({ unreadable, signature }: ReceivedCallback): string {
  if (unreadable !== null) return `REFUSED: ${unreadable}`;
  if (signature === null) return 'signature not checked: no --secret given';
  return signature.ok ? 'signature valid' : `signature INVALID: ${signature.reason}`;
}

function indented(body: string): string {
  try {
    return JSON.stringify(parseKept(body), null, 2);
  } catch {
    return body;
  }
}
