// `/api/endpoints`: pages in every order, filters, health in one word, and removal, on a real database.
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { sweepRemoved } from '../../src/store/endpoint-removal.ts';
import { claimEndpoints } from '../../src/store/leases.ts';
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

const open = (url: string, accountId = api.account) => openAnyDelivery(api.db, accountId, url);
const get = async (query = '') => api.call({ url: `/api/endpoints${query}` });
const idOf = async (url: string): Promise<string> =>
  (await get()).json.items.find((one: { url: string }) => one.url === url).id;
const set = (url: string, what: string) =>
  sql`UPDATE endpoint SET ${sql.raw(what)} WHERE url = ${url}`.execute(api.db);
const [A, B, C, D, E] = ['a', 'b', 'c', 'd', 'e'].map((name) => `https://${name}.example.org/Hooks`) as [
  string,
  string,
  string,
  string,
  string,
];

/** The URLs of all pages of two. */
async function walk(query: string): Promise<string[]> {
  const urls: string[] = [];
  for (let after = ''; ; ) {
    const { status, json } = await get(`?limit=2&${query}&after=${after}`);
    expect(status).toBe(200);
    urls.push(...json.items.map(({ url }: { url: string }) => url));
    if (json.next === null) return urls;
    after = json.next;
  }
}

test('pages in every order, each endpoint once', async () => {
  for (const url of [C, A, E, B, D]) await open(url);
  await open(B);
  await open(B);
  await open(D);
  await sql`UPDATE endpoint SET created_at = now() - ascii(substr(url, 9, 1)) * interval '1 minute'`.execute(
    api.db,
  );
  await sql`UPDATE delivery SET created_at = now() - interval '1 day' WHERE url = ${E}`.execute(api.db);
  await set(C, 'failures = 3');
  await set(A, 'failures = 1');
  await sql`INSERT INTO endpoint_hour SELECT id, date_trunc('hour', now()), 3, CASE url WHEN ${D} THEN 5 ELSE 1 END
    FROM endpoint WHERE url IN (${D}, ${C})`.execute(api.db);
  await sql`UPDATE delivery SET state = 'delivered', due_at = NULL, final_at = now() WHERE url = ${A}`.execute(
    api.db,
  );

  expect(await walk('')).toEqual([A, B, C, D, E]);
  expect(await walk('sort=url')).toEqual([A, B, C, D, E]);
  expect(await walk('sort=created')).toEqual([A, B, C, D, E]);
  const byUndelivered = await walk('sort=undelivered');
  expect(byUndelivered.slice(0, 2)).toEqual([B, D]);
  expect(byUndelivered.at(-1)).toBe(A);
  const byOldest = await walk('sort=oldest');
  expect([byOldest[0], byOldest.at(-1)]).toEqual([E, A]);
  expect((await walk('sort=success')).slice(0, 2)).toEqual([D, C]);
  expect((await walk('sort=failing')).slice(0, 2)).toEqual([C, A]);
  for (const sort of ['undelivered', 'oldest', 'success', 'failing'])
    expect((await walk(`sort=${sort}`)).toSorted()).toEqual([A, B, C, D, E]);
});

test('health in one word, the state in the words of the breaker, and both as filters', async () => {
  for (const url of [A, B, C, D, E]) await open(url);
  await set(B, 'failures = 2, failing_since = now()');
  await set(C, `breaker = 'open', failures = 5, open_until = now() + interval '30 s'`);
  await set(D, `paused_until = now() + interval '1 hour', failures = 1`);
  await set(E, `disabled_at = now(), disabled_reason = 'x', breaker = 'half_open', next_due = NULL`);
  const seen = async (query: string) =>
    (await get(query)).json.items.map(({ url, health, state }: Record<string, string>) => [
      url,
      health,
      state,
    ]);
  expect(await seen('')).toEqual([
    [A, 'healthy', 'closed'],
    [B, 'failing', 'closed'],
    [C, 'resting', 'open'],
    [D, 'paused', 'closed'],
    [E, 'disabled', 'disabled'],
  ]);
  // A host that rests holds back its endpoints, whatever their own breaker says.
  await sql`UPDATE host SET breaker = 'half_open', silent = 9, open_until = now() WHERE origin = 'https://a.example.org'`.execute(
    api.db,
  );
  expect((await seen('?search=A.EXAMPLE'))[0]).toEqual([A, 'resting', 'closed']);
  expect((await seen('?health=resting')).map(([url]: string[]) => url)).toEqual([A, C]);
  expect((await seen('?health=failing&health=disabled')).map(([url]: string[]) => url)).toEqual([B, E]);
  expect((await seen('?health[]=failing&health[]=paused')).map(([url]: string[]) => url)).toEqual([B, D]);
  expect((await seen('?state=closed')).map(([url]: string[]) => url)).toEqual([A, B, D]);
  expect((await seen('?state=open,disabled')).map(([url]: string[]) => url)).toEqual([C, E]);
  // An answer that has come, and patience that is over.
  await set(D, `paused_until = now() - interval '1 s', failures = 0`);
  expect((await seen('?search=d.example'))[0]).toEqual([D, 'healthy', 'closed']);
  expect(await seen('?search=%25')).toEqual([]);
});

test('a query that is wrong is refused with what is allowed', async () => {
  const cursor = (
    await (async () => {
      await open(A);
      await open(B);
      return get('?limit=1');
    })()
  ).json.next;
  for (const [query, sentence] of [
    [
      '?sort=name',
      'sort must be one of the following values: url, created, undelivered, oldest, success, failing',
    ],
    ['?state=failing', 'state must be one of the following values: closed, open, half_open, disabled'],
    [
      '?health=open',
      'health must be one of the following values: healthy, failing, resting, paused, disabled',
    ],
    ['?limit=0', 'limit must not be less than 1'],
    ['?limit=1001', 'limit must not be greater than 1000'],
    ['?after=nonsense', 'after must be the next of an earlier page in the same order'],
    [`?sort=created&after=${cursor}`, 'after must be the next of an earlier page in the same order'],
    [`?search=${'x'.repeat(201)}`, 'search must be shorter than or equal to 200 characters'],
    ['?search=%00', 'search must not contain U+0000 or half a surrogate pair'],
    [
      '?filter=open',
      'filter is not a known query parameter; known are sort, state, health, search, limit, after',
    ],
    [
      '?limit[]=5',
      'limit[] is not a known query parameter; known are sort, state, health, search, limit, after',
    ],
  ] as const)
    expect(await get(query)).toMatchObject({ status: 400, json: { validation_errors: [sentence] } });
  expect((await get(`?after=${cursor}`)).json.items).toMatchObject([{ url: B }]);
});

test('when something may be sent next is told as host and endpoint have it', async () => {
  await open(A);
  await sql`UPDATE host SET breaker = 'open', silent = 8, open_until = now() + interval '5 min'`.execute(
    api.db,
  );
  const [shown] = (await get()).json.items;
  expect(Date.parse(shown.next_attempt_at) - Date.now()).toBeGreaterThan(290_000);
  await set(A, `disabled_at = now(), disabled_reason = 'x', next_due = NULL`);
  expect((await get()).json.items[0].next_attempt_at).toBeNull();
});

test('removed: what waits is cancelled, the record stays, and a later callback makes a new endpoint', async () => {
  const [waiting, delivered, other] = [await open(`${A}?key=s3cret`), await open(A), await open(B)];
  await sql`UPDATE delivery SET state = 'delivered', due_at = NULL, final_at = now() WHERE id = ${delivered}`.execute(
    api.db,
  );
  const id = await idOf(A);
  await sql`INSERT INTO endpoint_hour SELECT id, date_trunc('hour', now()), 3, 1 FROM endpoint`.execute(
    api.db,
  );
  for (const url of [`/api/endpoints/${id}`, '/api/endpoints/nonsense', `/api/endpoints/${randomUUID()}`])
    expect(await api.call({ method: 'DELETE', url, as: api.stranger })).toMatchObject({ status: 404 });
  expect(await api.call({ method: 'DELETE', url: `/api/endpoints/${id}` })).toMatchObject({
    status: 200,
    json: { id, url: A, cancelled: 1, in_flight: 0 },
  });
  for (const method of ['GET', 'DELETE'] as const)
    expect(await api.call({ method, url: `/api/endpoints/${id}` })).toMatchObject({
      status: 404,
      json: { error: { reason: 'endpoint_unknown' } },
    });
  expect((await get()).json.items).toMatchObject([{ url: B, undelivered: 1 }]);
  const callback = async (of: string) => (await api.call({ url: `/api/callbacks/${of}` })).json;
  expect(await callback(waiting)).toMatchObject({
    state: 'cancelled',
    reason: 'its endpoint was removed by its owner',
    endpoint_id: null,
    url: `${A}?…`,
    completed_at: expect.any(String),
  });
  expect(await callback(delivered)).toMatchObject({ state: 'delivered', endpoint_id: null });
  expect(await callback(other)).toMatchObject({ state: 'pending', endpoint_id: await idOf(B) });
  // Its history can still be asked for by its id.
  const listed = await api.call({ url: `/api/callbacks?endpoint=${id}` });
  expect(listed.json.items.map((one: { id: string }) => one.id).toSorted()).toEqual(
    [waiting, delivered].toSorted(),
  );

  await open(A);
  const anew = await idOf(A);
  expect(anew).not.toBe(id);
  // Sent again, a record of before goes by the new one.
  const resent = await api.call({ method: 'POST', url: `/api/callbacks/${delivered}/resend` });
  expect(resent).toMatchObject({ status: 202, json: { state: 'pending', endpoint_id: anew } });
  expect((await api.call({ url: `/api/endpoints/${anew}` })).json).toMatchObject({
    undelivered: 2,
    health: 'healthy',
  });
});

test('removed while something is being sent there: marked, seen by nobody, and gone once that has ended', async () => {
  const [begun, waiting] = [await open(A), await open(A)];
  const { claimed } = await claimEndpoints(api.db, { ...CLAIM, room: () => 1 });
  expect(claimed).toHaveLength(1);
  const id = await idOf(A);
  const told: unknown[] = [];
  const deaf = api.db.teller.hear((news) => told.push(news));
  const removed = await api.call({ method: 'DELETE', url: `/api/endpoints/${id}` });
  deaf();
  expect(removed.json).toMatchObject({ cancelled: 1, in_flight: 1 });
  const [sent, left] = claimed[0]?.id === begun ? [begun, waiting] : [waiting, begun];
  expect(told).toContainEqual({ kind: 'disabled', endpointId: id });
  expect(told).toContainEqual({ kind: 'called_off', endpointId: id, deliveryId: sent });
  expect(told).toContainEqual(expect.objectContaining({ kind: 'delivery', id: left, state: 'cancelled' }));
  expect((await get()).json.items).toEqual([]);
  for (const change of ['enable', 'disable'])
    expect((await api.call({ method: 'POST', url: `/api/endpoints/${id}/${change}` })).status).toBe(404);
  expect((await api.call({ url: `/api/callbacks/${sent}` })).json).toMatchObject({
    state: 'delivering',
    reason: 'its endpoint was removed by its owner: the attempt under way is its last',
    endpoint_id: null,
  });
  const rows = async () => (await sql`SELECT FROM endpoint WHERE id = ${id}`.execute(api.db)).rows.length;
  expect([await sweepRemoved(api.db), await rows()]).toEqual([0, 1]);
  // As its sender writes the end.
  await sql`UPDATE delivery SET state = 'delivered', token = NULL, claimed_at = NULL, cancel_reason = NULL,
    final_at = now() WHERE id = ${sent}`.execute(api.db);
  expect([await sweepRemoved(api.db), await rows()]).toEqual([1, 0]);
});

test('a large backlog is cancelled in batches: 20,000 callbacks, and every one is told of or missed', async () => {
  await open(A);
  await sql`
    INSERT INTO delivery (id, account_id, job_id, endpoint_id, url, method, event, form, asked_form, full_body,
      reference_body, due_at)
    SELECT gen_random_uuid(), account_id, gen_random_uuid(), endpoint_id, url, method, event, form, asked_form, full_body,
      reference_body, now() FROM delivery, generate_series(1, 19999)`.execute(api.db);
  const id = await idOf(A);
  const removed = await api.call({ method: 'DELETE', url: `/api/endpoints/${id}` });
  expect(removed.json).toMatchObject({ cancelled: 20_000, in_flight: 0 });
  const { rows } = await sql`SELECT FROM endpoint`.execute(api.db);
  expect(rows).toEqual([]);
}, 60_000);
