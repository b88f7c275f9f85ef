// Callbacks that are wanted no more: one by its id, many by filter, on a real database.
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { cancelByFilter } from '../../src/store/cancel-deliveries.ts';
import { claimEndpoints, readBody } from '../../src/store/leases.ts';
import { type Api, startApi } from '../rig/api.ts';
import { CLAIM } from '../rig/claim.ts';
import { openAnyDelivery } from '../rig/delivery.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());
beforeEach(async () => {
  await sql`TRUNCATE delivery, endpoint, host CASCADE`.execute(api.db);
});

const A = 'https://a.example.org/hooks';
const B = 'https://b.example.org/hooks';
const open = (url = A, particular = {}, accountId = api.account) =>
  openAnyDelivery(api.db, accountId, url, particular);
const cancel = (id: string, as = api.key) =>
  api.call({ method: 'POST', url: `/api/callbacks/${id}/cancel`, as });
const cancelMany = (body: object, as = api.key) =>
  api.call({ method: 'POST', url: '/api/callbacks/cancel', body, as });
const show = async (id: string) => (await api.call({ url: `/api/callbacks/${id}` })).json;
const finish = (id: string, state: string, reason: string | null) =>
  sql`UPDATE delivery SET state = ${state}, reason = ${reason}, due_at = NULL, final_at = now() WHERE id = ${id}`.execute(
    api.db,
  );
const states = async (): Promise<Record<string, number>> => {
  const { rows } = await sql<{ state: string; n: number }>`
    SELECT state, count(*) AS n FROM delivery GROUP BY state`.execute(api.db);
  return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
};

test('one that waits is cancelled at once, and told of; one that has ended is a 409 that says how', async () => {
  const id = await open();
  const told: unknown[] = [];
  const deaf = api.db.teller.hear((news) => told.push(news));
  expect(await cancel(id)).toMatchObject({
    status: 200,
    json: { id, state: 'cancelled', reason: 'cancelled by its owner', next_attempt_at: null, attempts: [] },
  });
  deaf();
  expect(told).toEqual([expect.objectContaining({ kind: 'delivery', id, state: 'cancelled' })]);
  const { due_at, final_at, cancel_reason } = await api.db
    .selectFrom('delivery')
    .select(['due_at', 'final_at', 'cancel_reason'])
    .executeTakeFirstOrThrow();
  expect([due_at, cancel_reason, final_at]).toEqual([null, null, expect.any(Date)]);
  for (const state of ['delivered', 'failed', 'cancelled'] as const) {
    const ended = await open();
    await finish(ended, state, state === 'delivered' ? null : 'x');
    expect(await cancel(ended)).toMatchObject({
      status: 409,
      json: {
        message: `This callback is ${state} already: there is nothing left to cancel.`,
        error: { reason: 'callback_ended' },
      },
    });
    expect(await show(ended)).toMatchObject({ state });
  }
  for (const one of [randomUUID(), 'nonsense']) expect((await cancel(one)).status).toBe(404);
  const theirs = await open(A, {});
  expect((await cancel(theirs, api.stranger)).status).toBe(404);
  expect((await show(theirs)).state).toBe('pending');
  // Sent again, it is as if nothing had been.
  expect((await api.call({ method: 'POST', url: `/api/callbacks/${id}/resend` })).json).toMatchObject({
    state: 'pending',
    reason: null,
  });
});

test('one that is being sent is marked, and its sender told; asked twice it is the same', async () => {
  const id = await open(A, { fullBody: Buffer.alloc(100_000, 'x') });
  const { claimed } = await claimEndpoints(api.db, CLAIM);
  const told: unknown[] = [];
  const deaf = api.db.teller.hear((news) => told.push(news));
  for (const _ of [1, 2])
    expect(await cancel(id)).toMatchObject({
      status: 202,
      json: {
        state: 'delivering',
        reason: 'cancelled by its owner: the attempt under way is its last',
        next_attempt_at: null,
      },
    });
  deaf();
  expect(told).toEqual([{ kind: 'called_off', endpointId: claimed[0]?.endpointId, deliveryId: id }]);
  // What was not begun finds no body to send.
  expect(await readBody(api.db, claimed[0] as NonNullable<(typeof claimed)[0]>)).toBeNull();
  expect((await api.call({ method: 'POST', url: `/api/callbacks/${id}/resend` })).status).toBe(409);
});

test('a filter that is empty, unknown or malformed is refused, as that of a replay is', async () => {
  await open();
  for (const [body, sentence] of [
    [{}, 'filter is required'],
    [
      { filter: {} },
      'filter.state is required when nothing else narrows the filter: name at least the states',
    ],
    [
      { filter: { staet: ['pending'] } },
      'filter.staet is not a known field; known are state, endpoint, event, transcription_id, webhook_id, created_after, created_before',
    ],
    [{ filter: { state: ['pending'] }, rate: 5 }, 'rate is not a known field; known are filter'],
    [{ filter: { endpoint: 'x' } }, 'filter.endpoint must be an id (UUID)'],
    [
      { filter: { endpoint: randomUUID() } },
      'filter.endpoint must be the id of one of your endpoints: there is none with this id',
    ],
    [
      { filter: { created_after: 'x' } },
      'filter.created_after must be a date and time with its zone, such as 2026-11-22T09:30:00Z',
    ],
  ] as const)
    expect(await cancelMany(body)).toMatchObject({ status: 400, json: { validation_errors: [sentence] } });
  expect(await states()).toEqual({ pending: 1 });
});

test('many by filter: each condition narrows, only its owner is concerned, what has ended stays', async () => {
  const jobId = randomUUID();
  const [one, two, old, error, sending, done] = [
    await open(A, { jobId }),
    await open(B),
    await open(B),
    await open(B, { event: 'error' }),
    await open('https://c.example.org/'),
    await open(A),
  ];
  await finish(done, 'failed', 'x');
  await sql`UPDATE delivery SET created_at = '2026-01-01T00:00:00Z' WHERE id = ${old}`.execute(api.db);
  await sql`UPDATE endpoint SET next_due = NULL WHERE url <> 'https://c.example.org/'`.execute(api.db);
  await claimEndpoints(api.db, CLAIM);
  const of = async (filter: object, as = api.key) => (await cancelMany({ filter }, as)).json;
  const nothing = { cancelled: 0, in_flight: 0, done: true };
  expect(await of({ state: ['pending', 'delivering'] }, api.stranger)).toEqual(nothing);
  expect(await of({ state: ['failed', 'delivered', 'cancelled'] })).toEqual(nothing);
  expect(await of({ transcription_id: jobId, event: 'error' })).toEqual(nothing);
  expect(await of({ transcription_id: jobId })).toEqual({ ...nothing, cancelled: 1 });
  expect((await show(one)).state).toBe('cancelled');
  expect(await of({ created_before: '2026-01-01T00:00:00Z' })).toEqual(nothing);
  expect(await of({ created_before: '2026-01-01T01:00:01+01:00' })).toEqual({ ...nothing, cancelled: 1 });
  expect((await show(old)).state).toBe('cancelled');
  expect(await of({ event: 'error', created_after: '2026-01-02T00:00:00Z' })).toEqual({
    ...nothing,
    cancelled: 1,
  });
  expect((await show(error)).state).toBe('cancelled');
  const { endpoint_id } = await show(two);
  expect(await of({ endpoint: endpoint_id, state: ['delivering'] })).toEqual(nothing);
  expect(await of({ endpoint: endpoint_id })).toEqual({ ...nothing, cancelled: 1 });
  expect(await of({ state: ['pending'] })).toEqual(nothing);
  expect(await of({ state: ['pending', 'delivering'] })).toEqual({ ...nothing, in_flight: 1 });
  expect(await show(sending)).toMatchObject({ state: 'delivering' });
  // Marked once.
  expect(await of({ state: ['pending', 'delivering'] })).toEqual(nothing);
  expect(await states()).toEqual({ cancelled: 4, delivering: 1, failed: 1 });
});

test('100,000 that wait, at 1,000 endpoints, while others are claimed: all within 20 s, and nobody waits for long', async () => {
  await sql`
    INSERT INTO endpoint (account_id, url, next_due)
    SELECT ${api.account}, 'https://many.example.org/' || n, now() FROM generate_series(1, 1000) AS n`.execute(
    api.db,
  );
  await sql`
    INSERT INTO delivery (id, account_id, job_id, endpoint_id, url, method, event, form, asked_form, full_body,
      reference_body, due_at)
    SELECT gen_random_uuid(), ${api.account}, gen_random_uuid(), endpoint.id, url, 'POST', 'success', 'full', 'full', '{}', '{}',
      now() FROM endpoint, generate_series(1, 100)`.execute(api.db);
  await sql`ANALYZE delivery, endpoint`.execute(api.db);
  let over = false;
  let slowest = 0;
  let claims = 0;
  const claiming = (async () => {
    while (!over) {
      const started = performance.now();
      claims += (await claimEndpoints(api.db, CLAIM)).claimed.length;
      slowest = Math.max(slowest, performance.now() - started);
    }
  })();
  const { json } = await cancelMany({ filter: { state: ['pending', 'delivering'] } });
  over = true;
  await claiming;
  expect(json.done).toBe(true);
  expect(json.cancelled + json.in_flight).toBeGreaterThan(99_000);
  expect(slowest).toBeLessThan(1_000);
  // What was claimed behind its back, a second look finds.
  await cancelMany({ filter: { state: ['pending', 'delivering'] } });
  const { rows } = await sql<{ n: number }>`
    SELECT count(*) AS n FROM delivery WHERE state = 'pending' OR (state = 'delivering' AND cancel_reason IS NULL)`.execute(
    api.db,
  );
  expect([rows[0]?.n, claims > 0]).toEqual([0, true]);
}, 120_000);

test('what its time does not suffice for is said, and left for another call', async () => {
  await open();
  const filter = { state: ['pending' as const] };
  expect(
    await cancelByFilter(api.db, api.account, filter, { reason: 'x', untilMs: performance.now() - 1 }),
  ).toEqual({ cancelled: 0, inFlight: 0, done: false });
  expect(await states()).toEqual({ pending: 1 });
});
