// `/api/replays` and the pages of `/api/callbacks`, on a real database.
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKey } from '../../src/store/keys.ts';
import { stepReplay } from '../../src/store/replays.ts';
import { type Api, startApi } from '../rig/api.ts';
import { openAnyDelivery } from '../rig/delivery.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

async function open(accountId: string, url = 'https://app.example.org/hooks?token=secret') {
  const jobId = randomUUID();
  return { id: await openAnyDelivery(api.db, accountId, url, { jobId }), jobId };
}

const replay = (body: object, as = api.key) => api.call({ method: 'POST', url: '/api/replays', body, as });

test('a replay is made, watched, listed and called off by its owner alone', async () => {
  const { id } = await open(api.account);
  await sql`UPDATE delivery SET state = 'failed', reason = 'x', due_at = NULL, final_at = now()`.execute(
    api.db,
  );
  const made = await replay({
    filter: { state: ['failed'], created_after: '2026-01-01T01:00+01:00' },
    rate: 5,
  });
  expect(made.status).toBe(201);
  expect(made.json).toEqual({
    id: made.json.id,
    state: 'running',
    filter: { state: ['failed'], created_after: '2026-01-01T00:00:00.000Z' },
    rate: 5,
    matched: 0,
    expected: 1,
    resent: 0,
    skipped: { in_flight: 0, body_gone: 0 },
    created_at: expect.any(String),
    completed_at: null,
  });
  await stepReplay(api.db);
  const url = `/api/replays/${made.json.id}`;
  const seen = await api.call({ url });
  expect(seen.json).toMatchObject({ state: 'done', matched: 1, resent: 1, completed_at: expect.any(String) });
  expect((await api.call({ url: `/api/callbacks/${id}` })).json).toMatchObject({ state: 'pending' });

  const second = await replay({ filter: { event: 'error' } });
  expect(second.json).toMatchObject({ rate: 50, state: 'running' });
  const mine = `/api/replays/${second.json.id}`;
  const first = await api.call({ url: '/api/replays?limit=1' });
  expect(first.json.items).toEqual([second.json]);
  const rest = await api.call({ url: `/api/replays?limit=1&after=${first.json.next}` });
  expect(rest.json).toEqual({ items: [seen.json], next: null });
  for (const method of ['GET', 'DELETE'] as const)
    expect(await api.call({ method, url: mine, as: api.stranger })).toMatchObject({
      status: 404,
      json: { error: { reason: 'replay_unknown' } },
    });
  const cancelled = await api.call({ method: 'DELETE', url: mine });
  expect(cancelled).toMatchObject({ status: 200, json: { state: 'cancelled' } });
  // What has ended stays as it ended.
  expect((await api.call({ method: 'DELETE', url: mine })).json).toEqual(cancelled.json);
  expect((await api.call({ method: 'DELETE', url })).json.state).toBe('done');
  expect((await api.call({ url: '/api/replays', as: api.stranger })).json).toEqual({ items: [], next: null });
  expect((await api.call({ url: '/api/replays/nonsense' })).status).toBe(404);
});

test('what would replay something else than was meant is refused, each by its path', async () => {
  const unknown = randomUUID();
  for (const [body, sentence] of [
    [{}, 'filter is required'],
    [
      { filter: {} },
      'filter.state is required when nothing else narrows the filter: name at least the states',
    ],
    [
      { filter: { staet: ['failed'] } },
      'filter.staet is not a known field; known are state, endpoint, event, transcription_id, webhook_id, created_after, created_before',
    ],
    [{ filter: { state: ['failed'] }, speed: 1 }, 'speed is not a known field; known are filter, rate'],
    [{ filter: { state: [] } }, 'filter.state must contain at least 1 elements'],
    [
      { filter: { state: ['lost'] } },
      'filter.state.0 must be one of the following values: pending, delivering, delivered, failed, cancelled',
    ],
    [{ filter: { event: 'success' }, rate: 0 }, 'rate must not be less than 1'],
    [{ filter: { event: 'success' }, rate: 1_001 }, 'rate must not be greater than 1000'],
    [{ filter: { endpoint: 'https://app.example.org' } }, 'filter.endpoint must be an id (UUID)'],
    [
      { filter: { endpoint: unknown } },
      'filter.endpoint must be the id of one of your endpoints: there is none with this id',
    ],
    [{ filter: { transcription_id: 'x' } }, 'filter.transcription_id must be an id (UUID)'],
    [
      { filter: { created_after: 'yesterday' } },
      'filter.created_after must be a date and time with its zone, such as 2026-11-22T09:30:00Z',
    ],
    [
      { filter: { created_before: '2026-02-30T00:00:00Z' } },
      'filter.created_before must be a date and time with its zone, such as 2026-11-22T09:30:00Z',
    ],
    [
      { filter: { created_after: '2026-01-02T00:00:00Z', created_before: '2026-01-02T00:00:00Z' } },
      'filter.created_before must be later than filter.created_after',
    ],
  ] as const)
    expect(await replay(body)).toMatchObject({ status: 400, json: { validation_errors: [sentence] } });
});

test('callbacks in pages: newest first, each once, also those of one microsecond; the query of a URL is not shown', async () => {
  const { accountId, key } = await createKey(api.db, 'pages');
  const made: { id: string; jobId: string }[] = [];
  for (let n = 0; n < 7; n++) made.push(await open(accountId, `https://${n % 2}.example.org/?token=secret`));
  await sql`UPDATE delivery SET created_at = '2026-03-01T10:00:00.123456Z' WHERE account_id = ${accountId}
    AND id IN (SELECT id FROM delivery WHERE account_id = ${accountId} LIMIT 4)`.execute(api.db);
  await sql`UPDATE delivery SET created_at = '2026-03-01T10:00:00.123789Z' WHERE id = ${made[6]?.id}`.execute(
    api.db,
  );

  const seen: { id: string; created_at: string }[] = [];
  for (let after = ''; ; ) {
    const { json, text } = await api.call({ url: `/api/callbacks?limit=2&after=${after}`, as: key });
    expect(json.items.length).toBeLessThanOrEqual(2);
    expect(text).not.toContain('secret');
    seen.push(...json.items);
    if (json.next === null) break;
    after = json.next;
  }
  expect(seen.map(({ id }) => id).sort()).toEqual(made.map(({ id }) => id).sort());
  expect(seen.map(({ created_at }) => created_at)).toEqual(
    seen
      .map(({ created_at }) => created_at)
      .toSorted()
      .reverse(),
  );
  expect(seen[0]).toMatchObject({ state: 'pending', attempt_count: 0, url: expect.stringMatching(/\?…$/) });
  expect(seen[0]).not.toHaveProperty('attempts');

  const of = async (query: string, as = key) =>
    (await api.call({ url: `/api/callbacks?${query}`, as })).json.items.length;
  expect(await of(`transcription_id=${made[0]?.jobId}`)).toBe(1);
  const { endpoint_id } = (await api.call({ url: `/api/callbacks/${made[0]?.id}`, as: key })).json;
  expect(await of(`endpoint=${endpoint_id}`)).toBe(4);
  expect(await of('state=failed')).toBe(0);
  expect(await of('state=failed&state=pending')).toBe(7);
  expect(await of(`endpoint=${endpoint_id}`, api.stranger)).toBe(0);
});

test('a query that cannot be meant is refused', async () => {
  const { status, json } = await api.call({
    url: '/api/callbacks?state=lost&limit=0&endpoint=x&transcription_id=y&after=z',
  });
  expect([status, json.validation_errors]).toEqual([
    400,
    [
      'limit must not be less than 1',
      'after must be the next of an earlier page',
      'state must be one of the following values: pending, delivering, delivered, failed, cancelled',
      'endpoint must be an id (UUID)',
      'transcription_id must be an id (UUID)',
    ],
  ]);
});

test('five replays of an account run at a time, however many are asked for at once; one that ends makes room', async () => {
  const { key: as } = await createKey(api.db, 'eager');
  const asked = await Promise.all(
    Array.from({ length: 20 }, () => replay({ filter: { event: 'error' } }, as)),
  );
  const made = asked.filter(({ status }) => status === 201);
  expect(made).toHaveLength(5);
  for (const { headers, json } of asked.filter(({ status }) => status !== 201))
    expect([headers['retry-after'], json.error.reason]).toEqual(['30', 'replays_too_many']);
  expect((await replay({ filter: { event: 'error' } }, api.stranger)).status).toBe(201);
  await api.call({ method: 'DELETE', url: `/api/replays/${made[0]?.json.id}`, as });
  expect((await replay({ filter: { event: 'error' } }, as)).status).toBe(201);
});

test('a preview counts what a replay would send again, and sends nothing', async () => {
  const { accountId, key: as } = await createKey(api.db, 'careful');
  const ids = [];
  for (const url of ['https://a.example.org/', 'https://a.example.org/', 'https://b.example.org/'])
    ids.push((await open(accountId, url)).id);
  await sql`UPDATE delivery SET state = 'failed', reason = 'x', due_at = NULL, final_at = now()
    WHERE account_id = ${accountId}`.execute(api.db);
  await sql`UPDATE delivery SET full_body = NULL, reference_body = NULL WHERE id = ${ids[0]}`.execute(api.db);
  const preview = (body: object, key = as) =>
    api.call({ method: 'POST', url: '/api/replays/preview', body, as: key });
  expect((await preview({ filter: { state: ['failed'] }, rate: 1 })).json).toEqual({
    matched: 3,
    at_least: false,
    resendable: 2,
    skipped: { in_flight: 0, body_gone: 1 },
    endpoints: 2,
    seconds: 2,
  });
  expect((await preview({ filter: { state: ['delivered'] } })).json).toMatchObject({
    matched: 0,
    seconds: 0,
  });
  expect((await preview({ filter: {} })).status).toBe(400);
  expect((await preview({ filter: { state: ['failed'] } }, api.stranger)).json.matched).toBe(0);
  for (const id of ids)
    expect((await api.call({ url: `/api/callbacks/${id}`, as })).json).toMatchObject({ state: 'failed' });
});
