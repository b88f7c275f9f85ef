// Inboxes on the whole program: the real sender calls them over HTTP at the server's own address, which nothing else may.
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type App, startApp } from '../rig/app.ts';
import { eventually } from '../rig/eventually.ts';

let app: App;
beforeAll(async () => {
  app = await startApp({
    RINGBACK_ROLE: 'api,deliver',
    // Not even loopback: only the token opens the way.
    RINGBACK_ALLOW_NETWORKS: '10.99.0.0/16',
    RINGBACK_RETRY_SCHEDULE: '0s,100ms,100ms,100ms',
  });
});
afterAll(() => app.stop());

let count = 0;
async function make(fields: object = {}) {
  const { status, json } = await app.call('POST', '/api/inboxes', { name: `inbox ${++count}`, ...fields });
  expect([status, json]).toEqual([201, expect.objectContaining({ requests: 0 })]);
  return json;
}
const requests = async (id: string) => (await app.call('GET', `/api/inboxes/${id}/requests`)).json.items;
const callback = async (id: string, state: string) =>
  (
    await eventually(
      () => app.call('GET', `/api/callbacks/${id}`),
      ({ json }) => json.state === state,
    )
  ).json;

test('a sample callback arrives at the own address, signed, and is a real delivery marked as a test', async () => {
  const inbox = await make();
  expect(inbox.address).toMatch(new RegExp(`^${app.url}/inbox/[A-Za-z0-9_-]{32}$`));
  const sent = await app.call('POST', '/api/callbacks/test', { event: 'success', inbox: inbox.name });
  expect([sent.status, sent.json]).toMatchObject([202, { test: true, state: 'pending', url: inbox.address }]);
  const delivered = await callback(sent.json.id, 'delivered');
  expect(delivered).toMatchObject({ test: true, attempts: [{ status: 200, outcome: 'delivered' }] });
  const [request] = await requests(inbox.id);
  expect(request).toMatchObject({
    number: 1,
    method: 'POST',
    query: '',
    signature: 'valid',
    state: 'answered',
    answered_by: 'inbox',
    answer: { status: 200 },
  });
  const headers = Object.fromEntries(request.headers);
  expect(headers).toMatchObject({ 'webhook-id': sent.json.id, 'ringback-attempt': '1' });
  const body = JSON.parse(request.body.text);
  expect(body).toMatchObject({
    id: sent.json.transcription_id,
    event: 'success',
    payload: { transcription: { full_transcript: 'This is a test callback.' } },
    custom_metadata: { ringback_test: true },
  });
  const error = await app.call('POST', '/api/callbacks/test', {
    event: 'error',
    url: `${inbox.address}?job=7`,
    compression: 'gzip',
    method: 'PUT',
  });
  await callback(error.json.id, 'delivered');
  const [second] = await requests(inbox.id);
  expect(second).toMatchObject({
    method: 'PUT',
    query: '?job=7',
    signature: 'valid',
    body: { base64: expect.any(String) },
  });
  const unpacked = JSON.parse(String(gunzipSync(Buffer.from(second.body.base64, 'base64'))));
  expect(unpacked.error.code).toBe('audio_unreachable');
});

test('a sequence: 500, 500, 200, and the last again; Retry-After; a 413 gets the reference form through', async () => {
  const inbox = await make({ answer: [{ status: 500 }, { status: 500, body: 'no' }, { status: 200 }] });
  const sent = await app.call('POST', '/api/callbacks/test', { event: 'success', url: inbox.address });
  const delivered = await callback(sent.json.id, 'delivered');
  expect(delivered.attempts.map(({ status }: { status: number }) => status)).toEqual([500, 500, 200]);
  expect((await fetch(inbox.address)).status).toBe(200);
  await app.call('PATCH', `/api/inboxes/${inbox.id}`, {
    answer: { status: 429, headers: { 'retry-after': '77' } },
  });
  const again = await fetch(inbox.address, { method: 'POST', body: 'x' });
  expect([again.status, again.headers.get('retry-after')]).toEqual([429, '77']);

  const small = await make({ max_bytes: 600 });
  const large = await app.call('POST', '/api/callbacks/test', { event: 'success', inbox: small.id });
  const { attempts, form } = await callback(large.json.id, 'delivered');
  expect([form, ...attempts.map(({ status }: { status: number }) => status)]).toEqual([
    'reference',
    413,
    200,
  ]);
  const [, refused] = await requests(small.id);
  expect(refused).toMatchObject({ body: null, answer: { status: 413 }, state: 'answered' });
  expect(refused.bytes).toBeGreaterThan(600);
});

test('hang and cut: no answer, on record as such', async () => {
  const inbox = await make({
    answer: [{ action: 'cut' }, { action: 'hang' }, { delay_ms: 50, status: 204 }],
  });
  await expect(fetch(inbox.address)).rejects.toThrow();
  await expect(fetch(inbox.address, { signal: AbortSignal.timeout(300) })).rejects.toThrow(/timeout/);
  const slow = performance.now();
  expect((await fetch(inbox.address)).status).toBe(204);
  expect(performance.now() - slow).toBeGreaterThanOrEqual(49);
  expect((await requests(inbox.id)).map(({ state }: { state: string }) => state)).toEqual([
    'answered',
    'held',
    'cut',
  ]);
});

/** One exchange, byte by byte. */
function raw(text: string | Buffer): Promise<string> {
  const { hostname, port } = new URL(app.url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', () => {});
    socket.write(text);
  });
}

test('any method, any type, any bytes: kept exactly, headers in their order', async () => {
  const inbox = await make();
  const path = new URL(inbox.address).pathname;
  const bytes = Buffer.from([0, 255, 10, 13, 27, 0x80, 0x22]);
  const head = [
    `REPORT ${path}?a=%00&b=<script> HTTP/1.1`,
    'Host: anything',
    'X-Twice: one',
    'content-type: not/a/type; ;;',
    'X-twice: two \u00e9',
    `Content-Length: ${bytes.length}`,
    'Connection: close',
    '',
    '',
  ].join('\r\n');
  const answer = await raw(Buffer.concat([Buffer.from(head, 'latin1'), bytes]));
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  const [request] = await requests(inbox.id);
  expect(request).toMatchObject({ method: 'REPORT', query: '?a=%00&b=<script>', bytes: 7 });
  expect(request.headers).toEqual([
    ['Host', 'anything'],
    ['X-Twice', 'one'],
    ['content-type', 'not/a/type; ;;'],
    ['X-twice', 'two \u00e9'],
    ['Content-Length', '7'],
    ['Connection', 'close'],
  ]);
  expect(Buffer.from(request.body.base64, 'base64')).toEqual(bytes);
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'PROPFIND', 'TRACE']) {
    const text = await raw(`${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    expect([method, text.split('\r\n')[0]]).toEqual([method, 'HTTP/1.1 200 OK']);
  }
  // In chunks, and as a proxy asks.
  await raw(
    `POST http://elsewhere${path} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  );
  expect((await requests(inbox.id))[0]).toMatchObject({ method: 'POST', bytes: 3, body: { text: 'abc' } });
});

test('a body of 10 MB is kept to the byte; one in chunks that grows past the limit is cut off with 413', async () => {
  const inbox = await make();
  const large = Buffer.alloc(10_000_000, 'Zwölf ');
  expect((await fetch(inbox.address, { method: 'POST', body: large })).status).toBe(200);
  const [request] = await requests(inbox.id);
  expect(request).toMatchObject({ bytes: 10_000_000, body: null });
  const key = { 'x-gladia-key': 'rb_test_0123456789abcdef' };
  const kept = await fetch(`${app.url}/api/inboxes/${inbox.id}/requests/1/body`, { headers: key });
  expect(kept.headers.get('content-disposition')).toBe('attachment');
  expect(Buffer.from(await kept.arrayBuffer()).equals(large)).toBe(true);
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(1_000_000)),
  });
  const refused = await fetch(inbox.address, {
    method: 'POST',
    body: endless,
    duplex: 'half',
  } as RequestInit).then(
    ({ status }) => status,
    // The connection ends before undici has written what nobody reads.
    () => 413,
  );
  expect(refused).toBe(413);
  expect((await requests(inbox.id))[0]).toMatchObject({ body: null, answer: { status: 413 } });
});

test('an inbox gives this origin nothing that runs, and its answers nothing that smuggles', async () => {
  const page = '<script>fetch("/api/keys")</script>';
  const inbox = await make({ answer: { body: page, headers: { 'Content-Type': 'text/html' } } });
  const shown = await fetch(inbox.address);
  expect(await shown.text()).toBe(page);
  expect(Object.fromEntries(shown.headers)).toMatchObject({
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'content-security-policy': expect.stringContaining('sandbox'),
    'cross-origin-resource-policy': 'same-origin',
  });
  expect(shown.headers.get('access-control-allow-origin')).toBeNull();
  for (const type of [
    'image/svg+xml',
    'application/javascript',
    'text/css',
    'application/xhtml+xml',
    'application/pdf',
  ]) {
    await app.call('PATCH', `/api/inboxes/${inbox.id}`, { answer: { headers: { 'content-type': type } } });
    expect((await fetch(inbox.address)).headers.get('content-type')).toBe('text/plain; charset=utf-8');
  }
  for (const [name, value, says] of [
    ['transfer-encoding', 'chunked', 'answer.headers must not have transfer-encoding'],
    ['Content-Length', '5', 'answer.headers must not have content-length'],
    ['set-cookie', 'a=b', 'answer.headers must not have set-cookie'],
    ['Clear-Site-Data', '"*"', 'answer.headers must not have clear-site-data'],
    ['x-a', 'b\r\nset-cookie: c=d', 'answer.headers must have names of HTTP tokens'],
    ['x a', 'b', 'answer.headers must have names of HTTP tokens'],
  ] as const) {
    const refused = await app.call('POST', '/api/inboxes', {
      name: 'no',
      answer: { headers: { [name]: value } },
    });
    expect([refused.status, refused.json.validation_errors?.[0]]).toEqual([
      400,
      expect.stringContaining(says),
    ]);
  }
  for (const answer of [
    { status: 100 },
    { status: 600 },
    [],
    { action: 'sleep' },
    { surprise: 1 },
    { action: 'cut', status: 200 },
  ])
    expect((await app.call('POST', '/api/inboxes', { name: 'no', answer })).status).toBe(400);
});

test('no other way to this server: other paths, ports, spellings, and audio_url', async () => {
  const inbox = await make();
  const { port, pathname } = new URL(inbox.address);
  const self = `http://127.0.0.1:${port}`;
  for (const url of [
    `${self}/api/keys`,
    `${self}/inbox/`,
    `${self}/inbox/short`,
    `${self}${pathname}/`,
    `${self}${pathname}/../../api/keys`,
    `${self}${pathname}%2f..%2fapi`,
    `${self}/inbox/../api/keys`,
    `${self}/INBOX/${pathname.slice(7)}`,
    `${self}//inbox/${pathname.slice(7)}`,
    `${self}${pathname.slice(0, -1)}%41`,
    `http://127.0.0.1:${Number(port) + 1}${pathname}`,
    `http://127.0.0.2:${port}${pathname}`,
    `http://localhost:${port}${pathname}`,
    `http://[::1]:${port}${pathname}`,
    `http://[::ffff:127.0.0.1]:${port}${pathname}`,
    `https://127.0.0.1:${port}${pathname}`,
  ]) {
    const sent = await app.call('POST', '/api/callbacks/test', { event: 'error', url });
    // What is a name passes here, and is judged by its address as it is called.
    if (sent.status === 202) {
      const { attempts } = (
        await eventually(
          () => app.call('GET', `/api/callbacks/${sent.json.id}`),
          ({ json }) => json.attempts.length > 0,
        )
      ).json;
      expect([url, attempts[0].error?.class]).toEqual([url, 'blocked_address']);
      await app.call('POST', `/api/callbacks/${sent.json.id}/cancel`);
    } else expect([url, sent.status]).toEqual([url, 400]);
  }
  expect(await requests(inbox.id)).toEqual([]);
  // A transcription may name it as its callback, too.
  const job = {
    audio_url: 'https://cdn.example.org/a.mp3',
    callback: true,
    callback_config: { url: inbox.address },
  };
  expect((await app.call('POST', '/v2/pre-recorded', job)).status).toBe(201);
  // Spelled otherwise, it is the same address to the parser, and to us.
  const other = await app.call('POST', '/api/callbacks/test', {
    event: 'error',
    url: `http://0x7f000001:${port}${pathname}`,
  });
  expect((await callback(other.json.id, 'delivered')).state).toBe('delivered');
});

test('unknown tokens are 404 and say nothing of the token', async () => {
  for (const path of [`/inbox/${'A'.repeat(32)}`, '/inbox/nope']) {
    const response = await fetch(`${app.url}${path}`, { method: 'POST', body: 'x' });
    expect(response.status).toBe(404);
  }
  const inbox = await make();
  expect((await app.call('DELETE', `/api/inboxes/${inbox.id}`)).status).toBe(204);
  const gone = await fetch(inbox.address, { method: 'POST' });
  expect([gone.status, await gone.text()]).toEqual([
    404,
    expect.not.stringContaining(inbox.address.slice(-20)),
  ]);
});

test('the last 100 are kept, and no more than 50 MB of them; names are unique; inboxes are counted', async () => {
  const inbox = await make();
  for (let sent = 0; sent < 12; sent++)
    await Promise.all(Array.from({ length: 10 }, () => fetch(inbox.address, { method: 'POST', body: 'x' })));
  const numbers = (await app.call('GET', `/api/inboxes/${inbox.id}/requests?limit=1000`)).json.items.map(
    ({ number }: { number: number }) => number,
  );
  expect(numbers).toEqual(Array.from({ length: 100 }, (_, index) => 120 - index));
  const page = (await app.call('GET', `/api/inboxes/${inbox.id}/requests?limit=60`)).json;
  const rest = (await app.call('GET', `/api/inboxes/${inbox.id}/requests?limit=60&after=${page.next}`)).json;
  expect([page.items.length, rest.items.length, rest.next]).toEqual([60, 40, null]);
  for (let sent = 0; sent < 6; sent++)
    await fetch(inbox.address, { method: 'POST', body: Buffer.alloc(10_000_000) });
  expect((await requests(inbox.id)).map(({ number }: { number: number }) => number)).toEqual([
    126, 125, 124, 123, 122,
  ]);
  const again = await app.call('POST', '/api/inboxes', { name: inbox.name });
  expect([again.status, again.json.error.reason]).toEqual([409, 'inbox_name_taken']);
  for (;;) {
    const { status, json } = await app.call('POST', '/api/inboxes', { name: `many ${++count}` });
    if (status === 201) continue;
    expect([status, json.error.reason]).toEqual([409, 'inboxes_too_many']);
    break;
  }
  expect((await app.call('GET', '/api/inboxes?limit=1000')).json.items).toHaveLength(50);
}, 60_000);
