// What is bounded at inboxes, and turning them off.
import { execFile } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { headerProblems, safeHeaders } from '../../src/http/inbox-answer.ts';
import { readBody } from '../../src/http/inbox-body.ts';
import { type Api, NO_LIMITS, startApi } from '../rig/api.ts';
import { API_KEY, type App, startApp } from '../rig/app.ts';
import { eventually } from '../rig/eventually.ts';
import { openRaw } from '../rig/raw.ts';

const BINARY = fileURLToPath(new URL('../../src/cli/ringback.ts', import.meta.url));

let api: Api;
let url: string;
beforeAll(async () => {
  api = await startApi();
  url = await api.server.listen({ port: 0 });
});
afterAll(() => api.stop());

/** The address as it is reached here. */
async function make(fields: object): Promise<{ id: string; address: string }> {
  const { json } = await api.call({ method: 'POST', url: '/api/inboxes', body: fields });
  return { id: json.id, address: `${url}${new URL(json.address).pathname}` };
}

test('with a hundred under way, the next is asked to come again', async () => {
  const { id, address } = await make({ name: 'slow', answer: { action: 'hang' } });
  const leaving = new AbortController();
  const hanging = Array.from({ length: 100 }, () =>
    fetch(address, { method: 'POST', body: 'x', signal: leaving.signal }).catch(() => {}),
  );
  await eventually(
    async () => (await api.call({ url: `/api/inboxes/${id}` })).json.last_number,
    (number) => number === 100,
  );
  const next = await fetch(address, { method: 'POST', body: 'x' });
  expect([next.status, next.headers.get('retry-after')]).toEqual([503, '2']);
  leaving.abort();
  await Promise.all(hanging);
}, 60_000);

test('senders that leave in the middle of a body, or before anybody reads it, leave nothing behind', async () => {
  const { id, address } = await make({ name: 'left' });
  const { pathname } = new URL(address);
  for (let round = 0; round < 3; round++)
    await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const raw = await openRaw(url);
        raw.socket.write(`POST ${pathname} HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\nbeginning`);
        if (index % 2 === 0) await new Promise((resolve) => setTimeout(resolve, index));
        raw.socket.resetAndDestroy();
      }),
    );
  const next = await fetch(address, { method: 'POST', body: 'whole' });
  expect(next.status).toBe(200);
  const { items } = (await api.call({ url: `/api/inboxes/${id}/requests` })).json;
  expect(items).toMatchObject([{ number: 1, body: { text: 'whole' } }]);
  // Gone already as its body is asked for: nobody waits for it.
  const gone = Object.assign(new PassThrough(), { headers: {} });
  gone.destroy();
  await new Promise((resolve) => gone.once('close', resolve));
  await expect(readBody(gone as never, 10)).rejects.toThrow('the sender left');
}, 30_000);

test('an account has so many a minute, by itself', async () => {
  const few = await startApi({ limits: { ...NO_LIMITS, requestsPerMinute: 20 } });
  const base = await few.server.listen({ port: 0 });
  const make = async (as: string) => {
    const { json } = await few.call({ method: 'POST', url: '/api/inboxes', body: { name: 'many' }, as });
    return `${base}${new URL(json.address).pathname}`;
  };
  const [mine, theirs] = [await make(few.key), await make(few.stranger)];
  // A minute may begin meanwhile.
  let refused: Response | undefined;
  for (let sent = 0; sent < 60 && refused === undefined; sent++) {
    const response = await fetch(mine);
    if (response.status === 429) refused = response;
  }
  expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await fetch(theirs)).status).toBe(200);
  await few.stop();
}, 30_000);

test('an account has so many streams; the next is refused until one is closed', async () => {
  const { id } = await make({ name: 'watched' });
  const open = () => {
    const leaving = new AbortController();
    return fetch(`${url}/api/inboxes/${id}/stream?forward=true`, {
      headers: { 'x-gladia-key': api.key },
      signal: leaving.signal,
    }).then((response) => ({ response, leave: () => leaving.abort() }));
  };
  const [first, second, third] = [await open(), await open(), await open()];
  expect([first.response.status, second.response.status, third.response.status]).toEqual([200, 200, 429]);
  first.leave();
  for (;;) {
    const again = await open();
    again.leave();
    if (again.response.status === 200) break;
  }
  second.leave();
});

test('headers that are told: what is never sent is named, whatever its spelling', () => {
  expect(headerProblems({ 'X-Ok': 'ä', 'retry-after': '5', Location: 'https://x' }, 'h')).toEqual([]);
  expect(headerProblems({ 'Service-Worker-Allowed': '/' }, 'h')[0]).toMatch(
    /^h must not have service-worker-allowed/,
  );
  const many = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`x-${index}`, 'a']));
  expect(headerProblems(many, 'h')).toEqual(['h must have no more than 50 headers']);
  expect(headerProblems({ 'x-a': 'a'.repeat(9_000) }, 'h')[0]).toMatch(/shorter than or equal to 8192/);
  expect(
    safeHeaders({ 'Content-Type': 'text/html', 'content-security-policy': '', 'X-A': '1' }),
  ).toMatchObject({
    'content-type': 'text/plain; charset=utf-8',
    'content-security-policy': expect.stringContaining('sandbox'),
    'x-a': '1',
  });
  for (const type of [
    'application/json',
    'application/problem+json; charset=utf-8',
    'text/plain',
    'image/png',
  ])
    expect(safeHeaders({ 'content-type': type })['content-type']).toBe(type);
  for (const type of [
    'text/html',
    'image/svg+xml',
    'text/xml',
    'application/json, text/html',
    'text/plainhtml',
  ])
    expect(safeHeaders({ 'content-type': type })['content-type']).toBe('text/plain; charset=utf-8');
});

test('a server that stops ends what hangs, what waits and what streams at once', async () => {
  const app = await startApp({ RINGBACK_ROLE: 'api,deliver' });
  const client = createClient({ url: app.url, key: API_KEY });
  const hanging = await client.inboxes.create({ name: 'hang', answer: { action: 'hang' } });
  const late = await client.inboxes.create({ name: 'late', answer: { delay_ms: 60_000, status: 201 } });
  const forwarded = await client.inboxes.create({ name: 'forwarded' });
  const opened = Promise.withResolvers<void>();
  const stream = (async () => {
    for await (const _ of client.inboxes.stream(forwarded.id, { forward: true, onOpen: opened.resolve }));
  })();
  await opened.promise;
  const outcomes = [hanging, late, forwarded].map(({ address }) =>
    fetch(address, { method: 'POST', body: 'x' }).then(
      ({ status }) => status,
      () => 'cut',
    ),
  );
  for (const { id } of [hanging, late, forwarded])
    await eventually(
      () => client.inboxes.get(id),
      ({ requests }) => requests === 1,
    );
  const started = performance.now();
  await app.stop();
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(await Promise.all(outcomes)).toEqual(['cut', 201, 503]);
  await stream;
}, 60_000);

test('turned off, every route of theirs says so, no address is there, and the sender calls none', async () => {
  const app: App = await startApp({
    RINGBACK_ROLE: 'api,deliver',
    RINGBACK_INBOXES: 'off',
    RINGBACK_RETRY_SCHEDULE: '0s',
  });
  try {
    const client = createClient({ url: app.url, key: API_KEY });
    for (const work of [
      () => client.inboxes.create({ name: 'x' }),
      () => client.inboxes.list().next(),
      () => client.callbacks.test({ event: 'success', inbox: 'x' }),
    ])
      await expect(work()).rejects.toMatchObject({ reason: 'inboxes_off', status: 404 });
    const path = `/inbox/${'A'.repeat(32)}`;
    expect((await fetch(`${app.url}${path}`, { method: 'POST' })).status).toBe(404);
    const self = await app.call('POST', '/api/callbacks/test', {
      event: 'success',
      url: `${app.url}${path}`,
    });
    expect([self.status, self.json.validation_errors[0]]).toEqual([
      400,
      expect.stringContaining('points back at this server'),
    ]);
    const said = await new Promise((resolve) =>
      execFile(
        process.execPath,
        [BINARY, 'listen', '--forward', '3000'],
        { env: { PATH: process.env.PATH, RINGBACK_URL: app.url, RINGBACK_API_KEY: API_KEY } },
        (_error, _out, err) => resolve(err),
      ),
    );
    expect(said).toBe(
      'ringback: Inboxes are turned off on this server: its operator can turn them on with RINGBACK_INBOXES=on.\n',
    );
  } finally {
    await app.stop();
  }
}, 60_000);
