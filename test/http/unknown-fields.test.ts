// What a route of ours does not know is refused by name instead of ignored; the hosted API's own routes take what its clients
// send, but for what would change a callback in silence.
import { randomUUID } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DELIVERY_EVENTS } from '../../src/delivery.ts';
import { type Api, startApi } from '../rig/api.ts';
import { openAnyDelivery } from '../rig/delivery.ts';

let api: Api;
const routes: { method: string; url: string; schema?: FastifySchema }[] = [];
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
});
afterAll(() => api.stop());

const AUDIO = { audio_url: 'https://cdn.example.org/a.mp3' };
const create = (body: object) => api.call({ method: 'POST', url: '/v2/pre-recorded', body });
const sentences = ({ json }: { json: { validation_errors?: string[] } | null }) => json?.validation_errors;

test('every route under /api refuses a parameter it does not know, and names those it does', async () => {
  const ours = routes.filter(({ method, url }) => url.startsWith('/api/') && method !== 'HEAD');
  expect(ours.length).toBeGreaterThan(20);
  for (const { method, url, schema } of ours) {
    const path = url.replace(/:\w+/, randomUUID());
    const withBody = method === 'POST';
    const { status, json } = await api.call({
      method: method as 'GET',
      url: `${path}?creatd_after=2026-01-01T00:00:00Z`,
      ...(withBody && { body: {} }),
    });
    const known = Object.keys(schema?.documented?.query?.properties ?? {});
    const cure = known.length === 0 ? 'this route takes none' : `known are ${known.join(', ')}`;
    expect([method, url, status, json?.validation_errors?.[0]]).toEqual([
      method,
      url,
      400,
      `creatd_after is not a known query parameter; ${cure}`,
    ]);
  }
});

test('every route under /api refuses a field it does not know, in a body that it takes and where it takes none', async () => {
  for (const { method, url, schema } of routes) {
    if (!url.startsWith('/api/') || (method !== 'POST' && method !== 'DELETE')) continue;
    const path = url.replace(/:\w+/, randomUUID());
    const answer = await api.call({ method, url: path, body: { surprise: 1 } });
    const known = Object.keys((schema?.body as { properties?: object } | undefined)?.properties ?? {});
    const cure = known.length === 0 ? 'this route takes none' : `known are ${known.join(', ')}`;
    expect([method, url, answer.status]).toEqual([method, url, 400]);
    expect(sentences(answer)).toContain(`surprise is not a known field; ${cure}`);
    // A null says nothing; an empty object neither.
    for (const body of [{ surprise: null }, {}])
      expect(sentences(await api.call({ method, url: path, body })) ?? []).not.toContainEqual(
        expect.stringMatching(/surprise/),
      );
  }
});

test('a body where none is taken may be empty, and no list', async () => {
  const url = `/api/endpoints/${randomUUID()}/enable`;
  expect((await api.call({ method: 'POST', url })).status).toBe(404);
  expect(sentences(await api.call({ method: 'POST', url, body: '[1]' }))).toEqual([
    'body must be empty: this route takes no fields',
  ]);
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`x${n}`, 1]));
  expect(sentences(await api.call({ method: 'POST', url, body: many }))).toHaveLength(50);
});

test('the lists of transcriptions refuse what they do not know, and take each spelling of what they do', async () => {
  const known = 'known are offset, limit, status, date, after_date, before_date, custom_metadata, result';
  for (const base of ['/v2/pre-recorded', '/v2/pre-recorded/', '/v2/transcription']) {
    const ask = (query: string) => api.call({ url: `${base}?${query}` });
    expect(sentences(await ask('created_after=2026-01-01T00:00:00Z'))).toEqual([
      `created_after is not a known query parameter; ${known}`,
    ]);
    expect(sentences(await ask('Status=done&stat[]=x'))).toEqual([
      `Status is not a known query parameter; ${known}`,
      `stat[] is not a known query parameter; ${known}`,
    ]);
    for (const query of [
      'status=done&status=error',
      'status[]=done&status[]=error',
      'status[0]=done&status[1]=error',
      'status=done,error',
      'status=',
      'custom_metadata[user]=Ann&custom_metadata[tags][]=new',
      'custom_metadata={"user":"Ann"}',
      'result=false&limit=1&offset=0&date=2026-01-01',
      '',
    ])
      expect([query, (await ask(query)).status]).toEqual([query, 200]);
  }
  expect((await create(AUDIO)).status).toBe(201);
  const of = async (query: string) =>
    (await api.call({ url: `/v2/pre-recorded?${query}` })).json.items.length;
  for (const query of ['status[]=error', 'status[0]=error', 'status=done,error'])
    expect([query, await of(query)]).toEqual([query, 0]);
  expect(await of('status[]=queued')).toBe(1);
  // The callbacks of one are ours.
  const { id } = (await create(AUDIO)).json;
  expect((await api.call({ url: `/v2/pre-recorded/${id}/callbacks?state=failed` })).status).toBe(400);
  expect((await api.call({ url: `/v2/pre-recorded/${id}?wait=0&anything=1` })).status).toBe(200);
});

test('an unknown field of callback_config is refused with those that are known', async () => {
  const url = 'https://app.example.org/hooks';
  for (const [config, sentence] of [
    [
      { url, foo: 1 },
      /^callback_config\.foo is not a known field; known are url, method, payload, compression, headers, format$/,
    ],
    [
      { url, Method: 'PUT' },
      /^callback_config\.Method is not a known field; known are url, method, payload, compression, headers, format$/,
    ],
  ] as const)
    for (const callback of [true, false]) {
      const answer = await create({ ...AUDIO, callback, callback_config: config });
      expect(answer.status).toBe(400);
      expect(sentences(answer)).toEqual([expect.stringMatching(sentence)]);
      expect(answer.text).not.toContain('s3cret');
    }
  // What says nothing is nothing.
  expect((await create({ ...AUDIO, callback: true, callback_config: { url, headers: null } })).status).toBe(
    201,
  );
  // Beside it, unknown fields are kept, shown and said to be unknown.
  const other = await create({ ...AUDIO, surprise: 1, summarization_config: { surprise: 2 } });
  const record = (await api.call({ url: `/v2/pre-recorded/${other.json.id}` })).json;
  expect(record.request_notes).toEqual([
    'summarization_config was not read: summarization is not true',
    'surprise is not a known field: it was kept, and is not read',
  ]);
  expect(record.request_params).toMatchObject({
    surprise: 1,
    summarization_config: { surprise: 2 },
  });
});

test('callbacks are listed by time and event as well', async () => {
  await sql`TRUNCATE delivery, endpoint CASCADE`.execute(api.db);
  const url = 'https://app.example.org/hooks';
  const [old, young] = [
    await openAnyDelivery(api.db, api.account, url),
    await openAnyDelivery(api.db, api.account, url, { event: 'error' }),
  ];
  await sql`UPDATE delivery SET created_at = '2026-01-01T00:00:00Z' WHERE id = ${old}`.execute(api.db);
  const ids = async (query: string) =>
    (await api.call({ url: `/api/callbacks?${query}` })).json.items.map(({ id }: { id: string }) => id);
  expect(await ids('created_after=2026-01-02T00:00:00Z')).toEqual([young]);
  expect(await ids('created_before=2026-01-01T01:00:01%2B01:00')).toEqual([old]);
  expect(await ids('created_after=2026-01-01T00:00:00Z&created_before=2026-01-01T00:00:01Z')).toEqual([old]);
  expect(await ids('event=error')).toEqual([young]);
  expect(await ids('state=pending,failed&state[]=delivered')).toEqual([young, old]);
  for (const [query, sentence] of [
    [
      'created_after=yesterday',
      'created_after must be a date and time with its zone, such as 2026-11-22T09:30:00Z (in a URL + is written %2B)',
    ],
    [
      'created_after=2026-01-02T00:00:00Z&created_before=2026-01-02T00:00:00Z',
      'created_before must be later than created_after',
    ],
    ['event=done', `event must be one of the following values: ${DELIVERY_EVENTS.join(', ')}`],
    [
      'state=lost',
      'state must be one of the following values: pending, delivering, delivered, failed, cancelled',
    ],
  ] as const)
    expect(sentences(await api.call({ url: `/api/callbacks?${query}` }))).toEqual([sentence]);
});
