// A small callback receiver: reads the raw body, verifies the signature, answers first. `listen` and `demo` use it.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseKept } from '../exact-json.ts';
import { verify } from '../signature.ts';

export type ReceivedCallback = {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  /** Null when no secret was given to check with. */
  signature: { ok: true } | { ok: false; reason: string } | null;
};

type Options = {
  port: number;
  secret: string | null;
  status: number;
  onCallback: (callback: ReceivedCallback) => void;
};

const MAX_BODY = 200 * 1024 * 1024;

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
    request.on('end', () => {
      response.writeHead(size > MAX_BODY ? 413 : status).end();
      const body = Buffer.concat(chunks).toString('utf8');
      onCallback({
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body,
        signature: secret === null ? null : verify(secret, request.headers, body),
      });
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
  const verdict =
    callback.signature === null
      ? 'signature not checked: no --secret given'
      : callback.signature.ok
        ? 'signature valid'
        : `signature INVALID: ${callback.signature.reason}`;
  return [`${callback.method} ${callback.path}`, ...headers, '', ...cut, '', verdict].join('\n');
}

function indented(body: string): string {
  try {
    return JSON.stringify(parseKept(body), null, 2);
  } catch {
    return body;
  }
}
