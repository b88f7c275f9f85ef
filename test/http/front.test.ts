// Callers who keep a connection and give nothing for it: bodies that never come, answers that nobody takes, headers that
// drip. On real sockets, with short limits.
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BodyRoom } from '../../src/http/body-room.ts';
import type { Patience } from '../../src/http/patience.ts';
import { type Api, startApi } from '../rig/api.ts';
import { insertLargeFile } from '../rig/large-file.ts';
import { openRaw } from '../rig/raw.ts';

const PATIENCE: Patience = {
  headersMs: 1_000,
  bodyMs: 500,
  bodyRate: 1_000,
  answerMs: 1_000,
  servedMs: 1_000,
  lingerMs: 400,
  lingerBytes: 8_000_000,
  closeMs: 1_000,
};
/** On a busy machine. */
const SOON = 5_000;

const PLACES = 4;

let api: Api;
let url: string;
beforeAll(async () => {
  api = await startApi({
    front: { connections: 100, patience: PATIENCE },
    bodies: new BodyRoom({ places: PLACES, waitMs: 3_000 }),
  });
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
  const path = await insertLargeFile(api);
  const { socket } = await openRaw(url, { reads: false });
  socket.write(head(`GET ${path} HTTP/1.1`, withKey()));
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

const BODY = `{"audio_url":"https://cdn.example.org/a.mp3","x":"${'x'.repeat(800_000)}"}`;
const large = (key: string, body = `content-length: ${BODY.length}`) =>
  head('POST /v2/pre-recorded HTTP/1.1', `x-gladia-key: ${key}`, json, body, 'connection: close');

/** Begins a large body, and then keeps to the rate that is asked of it. */
async function dripping(key: string, body?: string) {
  const raw = await openRaw(url);
  raw.socket.write(large(key, body));
  const drip = setInterval(
    () => raw.socket.writable && raw.socket.write(`c8\r\n${' '.repeat(200)}\r\n`),
    100,
  );
  raw.socket.once('close', () => clearInterval(drip));
  return raw;
}

test('large bodies are read in a few places, fair by account; who waits is not too slow, and a leaver makes room', async () => {
  // Half of the places; the third waits.
  const holders = [await dripping(api.key), await dripping(api.key)];
  await pause(100);
  const third = await openRaw(url);
  third.socket.write(large(api.key) + BODY);
  const small = await fetch(`${url}/v2/pre-recorded`, {
    method: 'POST',
    headers: { 'x-gladia-key': api.key, 'content-type': 'application/json' },
    body: '{"audio_url":"https://cdn.example.org/a.mp3"}',
  });
  expect(small.status).toBe(201);
  const stranger = await openRaw(url);
  stranger.socket.write(large(api.stranger) + BODY);
  expect(await stranger.closed(SOON)).toMatch(/^HTTP\/1.1 201 /);
  // Longer than a body may bring nothing.
  await pause(3 * PATIENCE.bodyMs);
  expect(third.text()).toBe('');
  // What it wrote lies in the system, and no more of it here than the first packet.
  expect(third.socket.bytesWritten).toBeGreaterThan(BODY.length);
  holders[0]?.socket.destroy();
  expect(await third.closed(SOON)).toMatch(/^HTTP\/1.1 201 /);
  holders[1]?.socket.destroy();
});

test('a large body that waits in vain is refused for the moment, and its connection is closed', async () => {
  const holders = [
    await dripping(api.key, 'transfer-encoding: chunked'),
    await dripping(api.key, 'transfer-encoding: chunked'),
  ];
  await pause(100);
  const third = await openRaw(url);
  third.socket.write(large(api.key) + BODY.slice(0, 500_000));
  const answer = await third.closed(2 * SOON);
  expect(answer).toMatch(/^HTTP\/1.1 503 [\s\S]*"reason":"overloaded"/);
  expect(answer).toMatch(/\r\nretry-after: 5\r\n/i);
  expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  for (const { socket } of holders) socket.destroy();
});

test('small bodies in chunks, one after the other on a connection, are answered', async () => {
  const raw = await openRaw(url);
  const body = '{"audio_url":"https://cdn.example.org/a.mp3"}';
  const chunked = head('POST /v2/pre-recorded HTTP/1.1', withKey(), json, 'transfer-encoding: chunked');
  const one = `${chunked}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const created = () => raw.text().split('HTTP/1.1 201 ').length - 1;
  for (const count of [1, 2]) {
    raw.socket.write(one);
    await expect.poll(created).toBe(count);
  }
  raw.socket.write(one.repeat(3));
  await expect.poll(created).toBe(5);
});

test('another expectation than 100-continue is refused, and the connection is closed', async () => {
  const raw = await openRaw(url);
  raw.socket.write(`${head('POST /v2/upload HTTP/1.1', 'expect: x', 'content-length: 100000')}abc`);
  const answer = await raw.closed(SOON);
  expect(answer).toMatch(/^HTTP\/1.1 417 /);
  expect(answer).toMatch(/\r\nconnection: close\r\n/i);
});

const get = (...headers: string[]) => head('GET /healthz HTTP/1.1', ...headers);
const upgrade = ['connection: upgrade', 'upgrade: websocket'];
const post = (...headers: string[]) => {
  const body = '{"audio_url":"https://cdn.example.org/a.mp3"}';
  const length = `content-length: ${body.length}`;
  return head('POST /v2/pre-recorded HTTP/1.1', withKey(), json, length, ...headers) + body;
};
const chunkedPost = (...headers: string[]) =>
  `${head('POST /v2/pre-recorded HTTP/1.1', withKey(), json, 'transfer-encoding: chunked', ...headers)}2\r\n{}\r\n0\r\n\r\n`;
test.each([
  ['after an upgrade', () => get(...upgrade) + get() + get('connection: close'), [200, 200, 200]],
  ['around an upgrade', () => get() + get(...upgrade) + get('connection: close'), [200, 200, 200]],
  ['after an upgrade with a body', () => post(...upgrade) + get('connection: close'), [201, 200]],
  ['after an upgrade with a body in chunks: none', () => chunkedPost(...upgrade) + get(), [400]],
  ['before what is no HTTP', () => `${get()}${get()}BAD BAD\r\n\r\n`, [200, 200, 400]],
  ['of a body before what is no HTTP', () => `${post()}BAD BAD\r\n\r\n`, [201, 400]],
  ['of a body in chunks before what is no HTTP', () => `${chunkedPost()}BAD BAD\r\n\r\n`, [400, 400]],
  ['before a tunnel', () => `${get()}${get()}${head('CONNECT a:1 HTTP/1.1')}`, [200, 200, 405]],
  ['before another expectation', () => `${get()}${get()}${get('expect: x')}`, [200, 200, 417]],
  [
    'around empty lines',
    () => `\r\n\r\n${get()}\r\n\r\n${post()}\r\n${get('connection: close')}`,
    [200, 201, 200],
  ],
])('every answer that is owed %s', async (_what, requests, statuses) => {
  // At once, and cut wherever packets may end.
  for (const size of [100_000, 7, 1]) {
    const raw = await openRaw(url);
    const bytes = requests();
    for (let at = 0; at < bytes.length; at += size) {
      raw.socket.write(bytes.slice(at, at + size));
      if (size < bytes.length) await new Promise(setImmediate);
    }
    const answer = (await raw.closed(SOON)) ?? 'open';
    expect([...answer.matchAll(/HTTP\/1.1 (\d{3}) /g)].map(([, status]) => Number(status))).toEqual(statuses);
  }
});

test('a large body whose client asks whether to send it is asked for, and read', async () => {
  const raw = await openRaw(url);
  raw.socket.write(
    head(
      'POST /v2/pre-recorded HTTP/1.1',
      withKey(),
      json,
      `content-length: ${BODY.length}`,
      'expect: 100-continue',
      'connection: close',
    ),
  );
  await expect.poll(raw.text).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\n$/);
  raw.socket.write(BODY);
  expect(await raw.closed(SOON)).toMatch(/HTTP\/1.1 201 /);
});
