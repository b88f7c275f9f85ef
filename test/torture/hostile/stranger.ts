// What somebody without a key, or with one and no good intentions, sends: requests that nobody reads the answers of, bodies
// that never come, bodies that are expensive to refuse, and what is no request at all.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Ground } from './ground.ts';

export type StrangerOptions = { connections: number; requests: number };

export type StrangerFigures = {
  memory_growth_mb: number;
  /** While nobody does anything: what the machine makes of it. */
  healthz_alone_ms: number;
  worst_healthz_ms: number;
  descriptors_more: number;
  /** Of requests that make no sense, answers of 500 and above. */
  server_errors: number;
};

const PATHS = [
  '/openapi.json',
  '/docs/',
  '/docs/static/swagger-ui-bundle.js',
  '/',
  '/metrics',
  '/no/such/route',
  '/v2/pre-recorded',
];

const ALONE_MS = 3_000;

const MALFORMED = [
  'GET http://other.example.org/healthz HTTP/1.1\r\nhost: other.example.org\r\n\r\n',
  'GET /v2/pre-recorded/%E0%A4%A HTTP/1.1\r\nhost: x\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\n',
  'POST /v2/upload HTTP/1.1\r\nhost: x\r\nx-gladia-key: KEY\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 7\r\n\r\n--b--\r\n',
  'POST /v2/upload HTTP/1.1\r\nhost: x\r\nx-gladia-key: KEY\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 60\r\n\r\n--b\r\ncontent-disposition: form-data; name="audio"; filena\r\n\r\n',
  'POST /v2/upload HTTP/1.1\r\nhost: x\r\nx-gladia-key: KEY\r\ncontent-type: multipart/form-data\r\ncontent-length: 2\r\n\r\n{}',
  'GET /v2/pre-recorded?limit[$gt]=1&limit=x HTTP/1.1\r\nhost: x\r\nx-gladia-key: KEY\r\n\r\n',
  'NONSENSE\r\n\r\n',
];

/** Nothing is ever read from it. */
async function deaf(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on('error', () => {});
  socket.pause();
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => {});
  return socket;
}

export async function stranger(
  { url, attacker, watched }: Ground,
  { connections, requests }: StrangerOptions,
): Promise<StrangerFigures> {
  const alone = await watched(() => new Promise((resolve) => setTimeout(resolve, ALONE_MS)));
  const { result, worstHealthMs, growthMb, descriptors } = await watched(async () => {
    for (const path of PATHS) {
      const sockets = await Promise.all(Array.from({ length: connections }, () => deaf(url)));
      const flood = `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`.repeat(requests);
      for (const socket of sockets) socket.write(flood);
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      for (const socket of sockets) socket.destroy();
    }
    const bodiless = await Promise.all(Array.from({ length: connections * 5 }, () => deaf(url)));
    for (const socket of bodiless)
      socket.write('POST /v2/upload HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n');
    // 490,000 items, each of the wrong type.
    const wrong = { audio_url: 'https://example.org/a.wav', custom_vocabulary: Array(490_000).fill(1) };
    await Promise.all(
      Array.from({ length: 4 }, () => attacker.call('POST', '/v2/pre-recorded', wrong).catch(() => null)),
    );
    const statuses = await Promise.all(
      MALFORMED.map((text) => statusOf(url, text.replace('KEY', 'rb_hostile_attacker_0123'))),
    );
    for (const socket of bodiless) socket.destroy();
    return statuses;
  });
  return {
    memory_growth_mb: growthMb,
    healthz_alone_ms: alone.worstHealthMs,
    worst_healthz_ms: worstHealthMs,
    descriptors_more: descriptors,
    server_errors: result.filter((status) => status !== null && status >= 500).length,
  };
}

/** Null: the connection was closed without an answer. */
async function statusOf(url: string, text: string): Promise<number | null> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  let answer = '';
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    answer += chunk;
    socket.end();
  });
  socket.write(text);
  const timer = setTimeout(() => socket.destroy(), 5_000);
  await once(socket, 'close');
  clearTimeout(timer);
  const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1];
  return status === undefined ? null : Number(status);
}
