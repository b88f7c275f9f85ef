// The figures of an account, its search and what it sent: right, bounded, and nobody else's.
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { claimEndpoints, record } from '../../src/store/leases.ts';
import { type Api, startApi } from '../rig/api.ts';
import { CLAIM } from '../rig/claim.ts';
import { openAnyDelivery } from '../rig/delivery.ts';
import { recorded } from '../rig/recorded.ts';

const BODY = '{"id":"x","n":9007199254740993}';
let api: Api;
let job: string;
let callback: string;
beforeAll(async () => {
  api = await startApi();
  const made = await api.call({
    method: 'POST',
    url: '/v2/pre-recorded',
    body: {
      audio_url: 'https://cdn.example.org/calls/100%25_A.wav',
      custom_metadata: { order: 'A-17', n: 7 },
    },
  });
  job = made.json.id;
  callback = await openAnyDelivery(api.db, api.account, 'https://shop.example.org/hooks?key=s3cret', {
    jobId: job,
    fullBody: Buffer.from(BODY),
  });
  const { claimed } = await claimEndpoints(api.db, CLAIM);
  await record(
    api.db,
    claimed.map((one) => recorded(one)),
    { endpoints: [], hosts: [] },
  );
});
afterAll(() => api.stop());

const found = async (q: string, as?: string) =>
  (await api.call({ url: `/api/search?q=${encodeURIComponent(q)}`, ...(as !== undefined && { as }) })).json
    .items;

test.each([
  ['order=A-17', 'transcription', 'metadata'],
  ['n=7', 'transcription', 'metadata'],
  ['a-17', 'transcription', 'metadata'],
  ['100%25_a', 'transcription', 'file_name'],
  ['shop.example', 'endpoint', 'url'],
  ['200', 'callback', 'status'],
])('%s finds a %s by %s, and nothing of another account', async (q, kind, matched) => {
  expect(await found(q)).toContainEqual(expect.objectContaining({ kind, matched }));
  expect(await found(q, api.stranger)).toEqual([]);
});

test('an id is found by its beginning, and says how its callback stands', async () => {
  for (const beginning of [job.slice(0, 8), job.slice(0, 13), job])
    expect(await found(beginning)).toContainEqual(
      expect.objectContaining({ id: job, matched: 'id', callback_state: 'delivered' }),
    );
  expect(await found(callback.slice(0, 8))).toContainEqual(
    expect.objectContaining({ id: callback, kind: 'callback' }),
  );
  expect(await found(job.slice(0, 8), api.stranger)).toEqual([]);
});

test('what a URL hides is neither shown nor found, and signs of patterns mean themselves', async () => {
  expect(JSON.stringify(await found('shop.example'))).not.toContain('s3cret');
  for (const q of ['s3cret', 'key=s3cret', '%%%', '____', "'; DROP TABLE job; --"])
    expect(await found(q)).toEqual([]);
});

test('a search without words, or for too long ones, is refused by name', async () => {
  for (const query of ['', 'q=', `q=${'a'.repeat(201)}`, 'q=a&limit=0', 'q=%00'])
    expect([query, (await api.call({ url: `/api/search?${query}` })).status]).toEqual([query, 400]);
});

test('figures count what ended, of one endpoint too, and are nobody else’s', async () => {
  const { json } = await api.call({ url: '/api/stats' });
  expect(json.total.callbacks).toEqual({ delivered: 1, failed: 0, cancelled: 0 });
  expect(json.total.attempts.count).toBe(1);
  expect(json.now).toMatchObject({ waiting: 0, queued: 1 });
  expect(json.steps.length).toBeLessThanOrEqual(49);
  const sum = json.steps.reduce((sum: number, step: typeof json.total) => sum + step.callbacks.delivered, 0);
  expect(sum).toBe(1);
  const [endpoint] = (await api.call({ url: '/api/endpoints' })).json.items;
  const of = (id: string) => api.call({ url: `/api/stats?endpoint=${id}` });
  expect((await of(endpoint.id)).json.total.callbacks.delivered).toBe(1);
  expect((await of(job)).json.total.callbacks.delivered).toBe(0);
  const theirs = await api.call({ url: `/api/stats?endpoint=${endpoint.id}`, as: api.stranger });
  expect(theirs.json.total.callbacks.delivered).toBe(0);
  expect((await api.call({ url: '/api/stats', as: api.stranger })).json.now.queued).toBe(0);
});

test.each([
  'from=yesterday',
  'step=1',
  'step=60&from=2026-01-01T00:00:00Z&to=2026-01-31T00:00:00Z',
  'endpoint=x',
])('figures of %s are refused by name', async (query) => {
  const { status, json } = await api.call({ url: `/api/stats?${query}` });
  expect(status).toBe(400);
  expect(json.validation_errors[0]).toMatch(/^(from|step|endpoint) must/);
});

test('the request of a callback is shown as it was sent, byte for byte, to its owner alone', async () => {
  const at = `/api/callbacks/${callback}/request`;
  const { json, text } = await api.call({ url: at });
  expect(json).toMatchObject({ method: 'POST', url: 'https://shop.example.org/hooks?…', attempt: 1 });
  expect(json.headers).toMatchObject({ 'webhook-id': callback, 'ringback-attempt': '1' });
  expect(text).not.toContain('s3cret');
  const own = {
    origin: 'https://shop.example.org',
    values: { authorization: 'Bearer hunter2', 'x-team': 'a' },
  };
  await sql`UPDATE delivery SET headers = ${JSON.stringify(own)} WHERE id = ${callback}`.execute(api.db);
  expect((await api.call({ url: at })).json.headers).toMatchObject({ authorization: '…', 'x-team': '…' });
  expect((await api.call({ url: `${at}/body` })).text).toBe(BODY);
  for (const url of [at, `${at}/body`]) expect((await api.call({ url, as: api.stranger })).status).toBe(404);
  await sql`UPDATE delivery SET full_body = NULL, reference_body = NULL WHERE id = ${callback}`.execute(
    api.db,
  );
  expect((await api.call({ url: at })).json.bytes).toBeNull();
  expect((await api.call({ url: `${at}/body` })).status).toBe(409);
});
