// Nothing of one account is visible to another: every route there is, collected from Fastify itself so that a new one
// cannot be forgotten, is walked without a key, with a wrong one, and with another account's key and this account's ids.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { receive } from '../../src/store/inbox-arrivals.ts';
import { finishJob, startJob } from '../../src/store/jobs.ts';
import { type Api, startApi } from '../rig/api.ts';

/** Routes that need no key, each for a reason; they know of no account. */
const PUBLIC = [
  /^\/health$/,
  /^\/healthz$/,
  /^\/readyz$/,
  /^\/metrics$/,
  // The API's description, its reference page, the dashboard's static files.
  /^\/openapi\.json$/,
  /^\/docs(\/.*)?$/,
  /^\/$/,
  /^\/assets\//,
];

let api: Api;
const routes: { method: string; url: string; schema?: FastifySchema }[] = [];
/** Ids of everything the account has, by what they are. */
const mine: Record<string, string> = {};
const SECRET = 'the-words-of-a-transcript';

beforeAll(async () => {
  const collect = (message: unknown) => {
    (message as { fastify: FastifyInstance }).fastify.addHook('onRoute', (route: RouteOptions) => {
      for (const method of [route.method].flat())
        routes.push({ method, url: route.url, ...(route.schema && { schema: route.schema }) });
    });
  };
  subscribe('fastify.initialization', collect);
  api = await startApi();
  unsubscribe('fastify.initialization', collect);

  const boundary = 'x';
  const upload = await api.server.inject({
    method: 'POST',
    url: '/v2/upload',
    headers: { 'x-gladia-key': api.key, 'content-type': `multipart/form-data; boundary=${boundary}` },
    payload: `--x\r\ncontent-disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n${SECRET}\r\n--x--\r\n`,
  });
  mine.audio = upload.json().audio_metadata.id;
  const job = await api.call({
    method: 'POST',
    url: '/v2/pre-recorded',
    body: { audio_url: upload.json().audio_url, custom_metadata: { secret: SECRET } },
  });
  mine.job = job.json.id;
  await startJob(api.db, job.json.id, 60_000);
  await finishJob(api.db, job.json.id, 1, {
    ending: {
      filename: 'a.wav',
      duration: 1,
      channels: 1,
      result: Buffer.from(JSON.stringify({ words: SECRET })),
    },
    delivery: {
      accountId: api.account,
      jobId: job.json.id,
      url: `https://app.example.org/${SECRET}`,
      method: 'POST',
      event: 'success',
      form: 'full',
      fullBody: Buffer.from(SECRET),
      referenceBody: Buffer.from(SECRET),
      waitMs: 0,
    },
  });
  const unfinished = await api.call({
    method: 'POST',
    url: '/v2/pre-recorded',
    body: { audio_url: `https://cdn.example.org/${SECRET}.mp3` },
  });
  mine.unfinished = unfinished.json.id;
  const [callback] = (await api.call({ url: '/api/callbacks' })).json.items;
  mine.callback = callback.id;
  mine.endpoint = callback.endpoint_id;
  const replay = await api.call({
    method: 'POST',
    url: '/api/replays',
    body: { filter: { state: ['failed'], endpoint: callback.endpoint_id } },
  });
  mine.replay = replay.json.id;
  const key = await api.call({ method: 'POST', url: '/api/keys', body: { name: SECRET } });
  mine.key = key.json.id;
  await api.call({ method: 'POST', url: '/api/signing-secrets/rotate', body: {} });
  const inbox = await api.call({
    method: 'POST',
    url: '/api/inboxes',
    body: { name: SECRET, forward: true },
  });
  mine.inbox = inbox.json.id;
  const webhook = await api.call({
    method: 'POST',
    url: '/api/webhooks',
    body: { url: `https://${SECRET}.example.org`, events: ['transcription.created'], description: SECRET },
  });
  mine.webhook = webhook.json.id;
  await receive(
    api.db,
    inbox.json.id,
    { method: 'POST', target: '', headers: [], body: Buffer.from(SECRET), bytes: 1, signature: null },
    1_000,
  );
  for (const id of Object.values(mine)) expect(id).toMatch(/^[0-9a-f-]{36}$/);
});
afterAll(() => api.stop());

const isPublic = (url: string) => PUBLIC.some((pattern) => pattern.test(url));
const guarded = () => routes.filter(({ method, url }) => !isPublic(url) && method !== 'OPTIONS');

/** The route with each of the account's ids in its path, and two in its query where it knows them. */
function urlsOf({ url, schema }: (typeof routes)[number]): string[] {
  const query = knowsQuery(schema) ? `?${QUERY()}` : '';
  return Object.values(mine).map((id) => `${url.replace(/:[a-z_]+/i, id).replace(':n', '1')}${query}`);
}
const QUERY = () => `transcription_id=${mine.job}&endpoint=${mine.endpoint}`;
const knowsQuery = (schema?: FastifySchema) => schema?.documented?.query?.properties.endpoint !== undefined;

/** Every field by which a body may name something of the account, of those that the route knows. */
function bodyOf({ url, schema }: (typeof routes)[number]): object {
  const all = {
    audio_url: `https://stt.example.org/file/${mine.audio}`,
    event: url.startsWith('/api/webhooks') ? 'transcription.created' : 'success',
    inbox: mine.inbox,
    filter: { state: ['failed'], endpoint: mine.endpoint },
  };
  if (!url.startsWith('/api/')) return all;
  const known = (schema?.body as { properties?: object } | undefined)?.properties ?? {};
  return Object.fromEntries(Object.entries(all).filter(([name]) => Object.hasOwn(known, name)));
}

async function ask(method: string, url: string, headers: Record<string, string>, body: object = {}) {
  const withBody = method === 'POST' || method === 'PUT' || method === 'PATCH';
  const response = await api.server.inject({
    method: method as 'GET',
    url,
    headers: { ...headers, ...(withBody && { 'content-type': 'application/json' }) },
    ...(withBody && { payload: body }),
    payloadAsStream: true,
  });
  // An event stream never ends: what it says at first has to do.
  const stream = response.stream();
  const endless = response.headers['content-type'] === 'text/event-stream';
  const chunks: Buffer[] = [];
  for await (const chunk of Readable.from(stream)) {
    chunks.push(Buffer.from(chunk as string));
    if (endless) break;
  }
  if (endless) stream.destroy();
  return { status: response.statusCode, text: Buffer.concat(chunks).toString() };
}

/** Every row of the account, as text. */
async function rows(): Promise<string> {
  const tables = [
    'job',
    'audio',
    'delivery',
    'endpoint',
    'replay',
    'signing_secret',
    'api_key',
    'idempotency_key',
    'inbox',
    'inbox_request',
  ];
  const found = [];
  for (const table of tables) {
    const { rows: all } = await sql<{ row: string }>`
      SELECT (to_jsonb(t) - 'last_used_at')::text AS row FROM ${sql.table(table)} AS t
      WHERE account_id = ${api.account} ORDER BY 1`.execute(api.db);
    found.push(table, ...all.map(({ row }) => row));
  }
  return found.join('\n');
}

test('the routes are all there to be walked', () => {
  const seen = routes.map(({ method, url }) => `${method} ${url}`);
  for (const route of [
    'GET /v2/pre-recorded/:id',
    'DELETE /v2/transcription/:id',
    'GET /v2/transcription/:id/callbacks',
    'POST /api/replays',
    'GET /api/events',
    'DELETE /api/keys/:id',
    'GET /metrics',
  ])
    expect(seen).toContain(route);
  expect(guarded().length).toBeGreaterThan(30);
});

test('without a key and with a wrong one, every route but the public ones refuses', async () => {
  for (const { method, url } of guarded()) {
    const path = url.replace(/:[a-z_]+/i, mine.job as string);
    const openai = url.startsWith('/v1/');
    for (const [headers, says] of [
      [{}, openai ? 'No API key came with this request' : 'no gladia key provided'],
      [{ 'x-gladia-key': 'wrong' }, openai ? 'not known here' : 'gladia user not found'],
    ] as [Record<string, string>, string][]) {
      const { status, text } = await ask(method, path, headers);
      expect([method, url, status]).toEqual([method, url, 401]);
      if (method !== 'HEAD') expect(text).toContain(says);
    }
  }
});

test("with another account's key, no route shows or touches anything of this one", async () => {
  const before = await rows();
  expect(before).toContain(SECRET);
  for (const route of guarded())
    for (const path of urlsOf(route)) {
      const { method, url } = route;
      const { status, text } = await ask(method, path, { 'x-gladia-key': api.stranger }, bodyOf(route));
      // Errors repeat the path, links the query, as they were asked.
      const told = text.replaceAll(path.split('?', 1)[0] as string, '').replaceAll(QUERY(), '');
      const shown = [SECRET, ...Object.values(mine)].filter((one) => told.includes(one));
      expect([method, path, shown]).toEqual([method, path, []]);
      if (url.includes(':')) expect([method, path, status]).toEqual([method, path, 404]);
      expect([method, path, status >= 500]).toEqual([method, path, false]);
    }
  expect(await rows()).toBe(before);
});

test('the public routes say nothing of any account', async () => {
  for (const { method, url } of routes.filter((route) => isPublic(route.url))) {
    const { text } = await ask(method, url, {});
    const shown = [SECRET, api.account, api.key, ...Object.values(mine)].filter((one) => text.includes(one));
    expect([method, url, shown]).toEqual([method, url, []]);
  }
});

test('the owner sees all of it: what the walk looked for is there to be found', async () => {
  const urls = [
    `/v2/pre-recorded/${mine.job}`,
    `/v2/pre-recorded/${mine.job}/file`,
    `/file/${mine.audio}`,
    '/v2/transcription',
    `/v2/transcription/${mine.job}/callbacks`,
    `/api/callbacks/${mine.callback}`,
    `/api/endpoints/${mine.endpoint}`,
    '/api/keys',
    `/api/inboxes/${mine.inbox}`,
    `/api/inboxes/${mine.inbox}/requests`,
    `/api/inboxes/${mine.inbox}/requests/1/body`,
  ];
  for (const url of urls) {
    const { status, text } = await ask('GET', url, { 'x-gladia-key': api.key });
    expect([url, status, text.includes(SECRET)]).toEqual([url, 200, true]);
  }
});
