// Callers who keep a connection and give nothing for it: bodies that never come, answers that nobody takes, headers that
// drip. On real sockets, with short limits.
import { writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Patience } from '../../src/http/patience.ts';
import { type Api, startApi } from '../rig/api.ts';
import { openRaw } from '../rig/raw.ts';

const PATIENCE: Patience = {
  headersMs: 1_000,
  bodyMs: 500,
  bodyRate: 1_000,
  answerMs: 1_000,
  lingerMs: 400,
  lingerBytes: 8_000_000,
};
/** On a busy machine. */
const SOON = 5_000;

let api: Api;
let url: string;
beforeAll(async () => {
  api = await startApi({ front: { connections: 100, patience: PATIENCE } });
  url = await api.server.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => api.stop());

const head = (line: string, ...headers: string[]) => [line, 'host: x', ...headers, '', ''].join('\r\n');
const withKey = () => `x-gladia-key: ${api.key}`;
const multipart = 'content-type: multipart/form-data; boundary=b';
const json = 'content-type: application/json';
const PART =
  '--b\r\ncontent-disposition: form-data; name="audio"; filename="a.wav"\r\ncontent-type: audio/wav\r\n\r\n';

const connections = async () =>
  new Promise<number>((resolve) => api.server.server.getConnections((_error, count) => resolve(count)));

test.each([
  ['JSON', () => head('POST /v2/pre-recorded HTTP/1.1', withKey(), json, 'content-length: 100'), 408],
  [
    'JSON in chunks',
    () => head('POST /v2/pre-recorded HTTP/1.1', withKey(), json, 'transfer-encoding: chunked'),
    408,
  ],
  ['an upload', () => head('POST /v2/upload HTTP/1.1', withKey(), multipart, 'content-length: 100000'), 408],
  [
    'an upload that has begun',
    () => head('POST /v2/upload HTTP/1.1', withKey(), multipart, 'content-length: 100000') + PART,
    408,
  ],
  ['JSON without a key', () => head('POST /v2/pre-recorded HTTP/1.1', json, 'content-length: 100'), 401],
  [
    'an upload without a key',
    () => head('POST /v2/upload HTTP/1.1', multipart, 'content-length: 100000'),
    401,
  ],
  [
    'a body for a route that is none',
    () => head('POST /nope HTTP/1.1', withKey(), json, 'content-length: 100'),
    404,
  ],
  [
    'a body of no known type',
    () => head('POST /v2/pre-recorded HTTP/1.1', withKey(), 'content-type: text/html', 'content-length: 100'),
    415,
  ],
  [
    'a body that is too large',
    () => head('POST /v2/pre-recorded HTTP/1.1', withKey(), json, 'content-length: 99000000'),
    413,
  ],
  ['the body of a GET', () => head('GET /v2/pre-recorded HTTP/1.1', withKey(), 'content-length: 100'), 200],
])('%s that never comes: answered, and the connection is closed', async (_what, request, status) => {
  const raw = await openRaw(url);
  raw.socket.write(request());
  const answer = await raw.closed(SOON);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  expect(answer).toMatch(/\{"(?:timestamp|first)":/);
});

test('a client that stays connected after the refusal is cut off', async () => {
  const { socket } = await openRaw(url, { halfOpen: true });
  socket.write(head('POST /v2/upload HTTP/1.1', multipart, 'content-length: 100000'));
  await expect.poll(connections, { timeout: SOON }).toBe(0);
  socket.destroy();
});

test.each([10, 60])('an upload that drips %d bytes every 100 ms is refused as too slow', async (bytes) => {
  const raw = await openRaw(url);
  raw.socket.write(head('POST /v2/upload HTTP/1.1', withKey(), multipart, 'content-length: 100000') + PART);
  const drip = setInterval(() => raw.socket.writable && raw.socket.write('x'.repeat(bytes)), 100);
  expect(await raw.closed(SOON)).toMatch(/^HTTP\/1.1 408 [\s\S]*"reason":"request_too_slow"/);
  clearInterval(drip);
});

test('a slow upload that keeps to the rate is taken', async () => {
  const raw = await openRaw(url);
  const body = `${PART}${'x'.repeat(3_000)}\r\n--b--\r\n`;
  raw.socket.write(
    head(
      'POST /v2/upload HTTP/1.1',
      withKey(),
      multipart,
      `content-length: ${body.length}`,
      'connection: close',
    ),
  );
  for (let at = 0; at < body.length; at += 200) {
    raw.socket.write(body.slice(at, at + 200));
    await pause(100);
  }
  expect(await raw.closed(SOON)).toMatch(/^HTTP\/1.1 200 /);
});

test('the refusal reaches a client that is still sending, and its connection is closed', async () => {
  const raw = await openRaw(url, { halfOpen: true });
  const bytes = 6_000_000;
  raw.socket.write(head('POST /v2/upload HTTP/1.1', multipart, `content-length: ${bytes}`));
  for (let sent = 0; sent < bytes; sent += 100_000)
    if (!raw.socket.write(Buffer.alloc(100_000)))
      await new Promise((drained) => raw.socket.once('drain', drained));
  const answer = await raw.closed(SOON);
  expect(answer).toMatch(/^HTTP\/1.1 401 /);
  expect(answer).toContain('key_missing');
});

test('headers that drip are refused in their time, and a connection that says nothing is closed', async () => {
  const silent = await openRaw(url);
  const dripping = await openRaw(url);
  dripping.socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n');
  const drip = setInterval(() => dripping.socket.writable && dripping.socket.write('a: b\r\n'), 100);
  expect(await dripping.closed(SOON)).toMatch(/^HTTP\/1.1 408 /);
  clearInterval(drip);
  expect(await silent.closed(SOON)).not.toBeNull();
});

test('a download that nobody takes is given up', async () => {
  const id = '3f0d2f4e-0000-4000-8000-000000000001';
  await api.db
    .insertInto('audio')
    .values({
      id,
      account_id: api.account,
      filename: 'a',
      extension: 'wav',
      bytes: 30_000_000,
      source_url: null,
      duration: 1,
      channels: 1,
    })
    .execute();
  await writeFile(api.audio.incoming(id), Buffer.alloc(30_000_000));
  await api.audio.keep(id);
  const { socket } = await openRaw(url, { reads: false });
  socket.write(head(`GET /file/${id} HTTP/1.1`, withKey()));
  await expect.poll(connections).toBe(1);
  await expect.poll(connections, { timeout: SOON }).toBe(0);
});

test('an event stream that nobody reads is given up', async () => {
  const { socket } = await openRaw(url, { reads: false });
  socket.write(head('GET /api/events HTTP/1.1', withKey()));
  await expect.poll(() => api.listeners.streams).toBe(1);
  const change = {
    kind: 'job',
    accountId: api.account,
    id: 'x'.repeat(60_000),
    at: 1,
    status: 'queued',
  } as const;
  const flood = setInterval(() => api.listeners.heard(change), 1);
  await expect.poll(() => api.listeners.streams, { timeout: SOON }).toBe(0);
  clearInterval(flood);
  await expect.poll(connections, { timeout: SOON }).toBe(0);
});

test('a request that waits for us is not taken for one that is idle', async () => {
  const insert = await api.call({
    method: 'POST',
    url: '/v2/pre-recorded',
    body: { audio_url: 'https://cdn.example.org/a.mp3' },
  });
  const answer = await fetch(`${url}/v2/pre-recorded/${insert.json.id}?wait=3`, {
    headers: { 'x-gladia-key': api.key },
  });
  expect(answer.status).toBe(200);
});
