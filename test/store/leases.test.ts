import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cancelDeliveries, listAttempts, openDelivery, resend } from '../../src/store/deliveries.ts';
import { enableEndpoint } from '../../src/store/endpoints.ts';
import {
  ANY_HOST,
  type Claimed,
  claimDeliveries,
  claimEndpoints,
  endAllLeases,
  freeDisabledEndpoints,
  handBack,
  type LeasedEndpoint,
  readBody,
  record,
  releaseEndpoints,
  remindEndpoints,
} from '../../src/store/leases.ts';
import type { News } from '../../src/store/news.ts';
import { onlyAccount } from '../rig/account.ts';
import { anyDelivery, openAnyDelivery } from '../rig/delivery.ts';
import { eventually } from '../rig/eventually.ts';
import { healthy } from '../rig/health.ts';
import { migratedDatabase } from '../rig/postgres.ts';
import { recorded } from '../rig/recorded.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let account: string;
beforeAll(async () => {
  database = await migratedDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  account = await onlyAccount(database.db);
});

function open(url: string): Promise<string> {
  return openAnyDelivery(database.db, account, url);
}

const CLAIM = { endpoints: 10, room: () => 4, leaseMs: 60_000, told: [], hosts: ANY_HOST };
const NO_HEALTHS = { endpoints: [], hosts: [] };

const stateOf = (id: string) =>
  database.db
    .selectFrom('delivery')
    .select(['state', 'attempts', 'step', 'form', 'reason'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
const endpoints = () => database.db.selectFrom('endpoint').selectAll().orderBy('url').execute();

test('the query of a URL neither splits an endpoint nor is in its name', async () => {
  await open('https://app.example.org/hooks?key=1');
  await open('https://app.example.org/hooks?key=2');
  expect((await endpoints()).map((row) => row.url)).toEqual(['https://app.example.org/hooks']);
});

test('an endpoint is leased once, with at most room deliveries; the rest is claimed under the same lease', async () => {
  const ids = await Promise.all(Array.from({ length: 6 }, () => open('https://one.example.org/')));
  const first = await claimEndpoints(database.db, CLAIM);
  const second = await claimEndpoints(database.db, CLAIM);
  expect(first.leases).toHaveLength(1);
  expect(first.claimed).toHaveLength(4);
  expect(second).toMatchObject({ leases: [], claimed: [] });
  const lease = first.leases[0] as { endpointId: string; token: number };
  const more = await claimDeliveries(database.db, [{ ...lease, room: 4 }]);
  expect([...first.claimed, ...more].map((item) => item.id).sort()).toEqual(ids.sort());
  expect(more.every((item) => item.attempt === 1 && item.body?.toString() === '{"full":1}')).toBe(true);
});

test('a recorded answer ends the delivery and is on record', async () => {
  const id = await open('https://one.example.org/');
  const { claimed } = await claimEndpoints(database.db, CLAIM);
  expect(
    await record(
      database.db,
      claimed.map((item) => recorded(item, {})),
      NO_HEALTHS,
    ),
  ).toMatchObject([{ id: id }]);
  expect(await stateOf(id)).toMatchObject({ state: 'delivered', attempts: 1 });
  const attempts = await database.db.selectFrom('attempt').selectAll().execute();
  expect(attempts).toMatchObject([
    {
      delivery_id: id,
      number: 1,
      duration_ms: 12,
      status: 200,
      phases: { dns: 1 },
      answer_head: Buffer.from('ok'),
    },
  ]);
});

test('a failed attempt is due again after its wait, and the endpoint is looked at then', async () => {
  const id = await open('https://one.example.org/');
  const { leases, claimed } = await claimEndpoints(database.db, CLAIM);
  await record(
    database.db,
    [recorded(claimed[0] as Claimed, { state: 'pending', waitMs: 3_600_000 })],
    NO_HEALTHS,
  );
  await releaseEndpoints(database.db, leases);
  expect(await stateOf(id)).toMatchObject({ state: 'pending', attempts: 1, step: 1 });
  const [endpoint] = await endpoints();
  expect(Number(endpoint?.next_due) - Date.now()).toBeGreaterThan(3_500_000);
  expect((await claimEndpoints(database.db, CLAIM)).leases).toEqual([]);
});

test('413: the same delivery goes on at once in reference form, without using up the schedule', async () => {
  const id = await open('https://one.example.org/');
  const { leases, claimed } = await claimEndpoints(database.db, CLAIM);
  await record(
    database.db,
    [recorded(claimed[0] as Claimed, { state: 'pending', form: 'reference', waitMs: 0, refund: true })],
    NO_HEALTHS,
  );
  await releaseEndpoints(database.db, leases);
  expect(await stateOf(id)).toMatchObject({ state: 'pending', form: 'reference', attempts: 1, step: 0 });
  const again = await claimEndpoints(database.db, CLAIM);
  expect(again.claimed[0]).toMatchObject({ id, attempt: 2, step: 1, form: 'reference' });
  expect(again.claimed[0]?.body?.toString()).toBe('{"reference":1}');
});

test('a health is written with the answers: Retry-After and an open breaker hold the whole endpoint back', async () => {
  await open('https://one.example.org/');
  await open('https://one.example.org/');
  const { leases, claimed } = await claimEndpoints(database.db, { ...CLAIM, room: () => 1 });
  const leased = leases[0] as LeasedEndpoint;
  expect(leased.health).toMatchObject({ state: 'closed', failures: 0, failingSince: null, rampFrom: null });
  const soon = new Date(Date.now() + 60_000);
  const later = new Date(Date.now() + 90_000);
  const health = {
    ...leased.health,
    state: 'open',
    failures: 5,
    trips: 1,
    openUntil: later,
    pausedUntil: soon,
  } as const;
  await record(database.db, [recorded(claimed[0] as Claimed, { state: 'pending', waitMs: 5_000 })], {
    endpoints: [{ ...leased, health }],
    hosts: [],
  });
  await releaseEndpoints(database.db, leases);
  await open('https://one.example.org/');
  const [endpoint] = await endpoints();
  expect(endpoint).toMatchObject({
    breaker: 'open',
    failures: 5,
    trips: 1,
    paused_until: soon,
    open_until: later,
  });
  expect(endpoint?.next_due).toEqual(later);
});

test('a disabled endpoint is not claimed, not even for a resend; what a dead holder left there is put back', async () => {
  const id = await open('https://one.example.org/');
  const { leases } = await claimEndpoints(database.db, CLAIM);
  const leased = leases[0] as LeasedEndpoint;
  const health = { ...leased.health, state: 'disabled', disabledReason: 'gone' } as const;
  await record(database.db, [], { endpoints: [{ ...leased, health }], hosts: [] });
  expect(await claimDeliveries(database.db, [{ ...leased, room: 4 }])).toEqual([]);
  expect(await freeDisabledEndpoints(database.db)).toBe(0);
  await endAllLeases(database.db);
  expect((await claimEndpoints(database.db, CLAIM)).leases).toEqual([]);
  expect(await freeDisabledEndpoints(database.db)).toBe(1);
  expect(await stateOf(id)).toMatchObject({ state: 'pending', attempts: 1 });
  expect(await resend(database.db, account, id)).toBe('resent');
  expect(await remindEndpoints(database.db)).toBe(0);
  expect((await claimEndpoints(database.db, CLAIM)).leases).toEqual([]);
  expect((await endpoints())[0]).toMatchObject({
    next_due: null,
    leased_until: null,
    disabled_reason: 'gone',
  });
});

test('a dead holder: its lease runs out, what it had in flight is due again and says so; its late answer changes nothing but the record', async () => {
  const id = await open('https://one.example.org/');
  const dead = await claimEndpoints(database.db, CLAIM);
  await endAllLeases(database.db);
  const heir = await claimEndpoints(database.db, CLAIM);
  expect(heir.claimed[0]).toMatchObject({ id, attempt: 2, step: 2 });
  const attempts = () => database.db.selectFrom('attempt').selectAll().orderBy('number').execute();
  expect(await attempts()).toMatchObject([{ number: 1, outcome: 'unknown', error_class: 'interrupted' }]);

  expect(await record(database.db, [recorded(dead.claimed[0] as Claimed, {})], NO_HEALTHS)).toEqual([]);
  expect(await stateOf(id)).toMatchObject({ state: 'delivering' });
  expect(await attempts()).toMatchObject([{ number: 1, outcome: 'delivered', status: 200 }]);

  expect(await record(database.db, [recorded(heir.claimed[0] as Claimed, {})], NO_HEALTHS)).toMatchObject([
    { id },
  ]);
  expect(await stateOf(id)).toMatchObject({ state: 'delivered', attempts: 2 });
});

test('what a dead holder left is told as it is put back, of an endpoint that is disabled too', async () => {
  const told: News[] = [];
  const deaf = database.db.teller.hear((news) => told.push(news));
  try {
    const heard = (id: string) => told.filter((news) => 'id' in news && news.id === id);
    const alive = await open('https://one.example.org/');
    const disabled = await open('https://two.example.org/');
    await claimEndpoints(database.db, CLAIM);
    await endAllLeases(database.db);
    await sql`UPDATE endpoint SET disabled_at = now(), disabled_reason = 'gone', next_due = NULL
      WHERE url LIKE '%two%'`.execute(database.db);
    await claimEndpoints(database.db, CLAIM);
    await freeDisabledEndpoints(database.db);
    for (const id of [alive, disabled])
      expect(
        await eventually(
          () => heard(id),
          (changes) => changes.length === 2,
        ),
      ).toMatchObject([
        { state: 'pending', attempts: 0 },
        { kind: 'delivery', accountId: account, jobId: expect.any(String), state: 'pending', attempts: 1 },
      ]);
  } finally {
    deaf();
  }
});

test('a delivery that commits while its endpoint is being released is not forgotten', async () => {
  await open('https://one.example.org/');
  const { leases, claimed } = await claimEndpoints(database.db, CLAIM);
  await record(
    database.db,
    claimed.map((item) => recorded(item, {})),
    NO_HEALTHS,
  );
  const arrived = Promise.withResolvers<void>();
  const mayCommit = Promise.withResolvers<void>();
  const opening = database.db.commit(async (trx) => {
    const id = await openDelivery(
      trx,
      anyDelivery(account, 'https://one.example.org/', { method: 'PUT', event: 'error' }),
    );
    arrived.resolve();
    await mayCommit.promise;
    return id;
  });
  await arrived.promise;
  const releasing = releaseEndpoints(database.db, leases);
  mayCommit.resolve();
  const id = await opening;
  await releasing;
  expect((await claimEndpoints(database.db, CLAIM)).claimed.map((item) => item.id)).toEqual([id]);
});

test('the reminder marks an endpoint that says nothing while a delivery waits, and leaves the others alone', async () => {
  const id = await open('https://one.example.org/');
  expect(await remindEndpoints(database.db)).toBe(0);
  await database.db.updateTable('endpoint').set({ next_due: null }).execute();
  expect((await claimEndpoints(database.db, CLAIM)).leases).toEqual([]);
  expect(await remindEndpoints(database.db)).toBe(1);
  expect((await claimEndpoints(database.db, CLAIM)).claimed.map((item) => item.id)).toEqual([id]);
});

test('the reminder frees a delivery in flight that its endpoint says nothing of', async () => {
  const id = await open('https://one.example.org/');
  const { leases } = await claimEndpoints(database.db, CLAIM);
  await releaseEndpoints(database.db, leases);
  expect(await stateOf(id)).toMatchObject({ state: 'delivering' });
  await sql`UPDATE endpoint SET leased_until = NULL, next_due = NULL`.execute(database.db);
  expect(await remindEndpoints(database.db)).toBe(1);
  expect((await claimEndpoints(database.db, CLAIM)).claimed[0]).toMatchObject({ id, attempt: 2 });
});

test('resend: due now, with a full schedule and the form first asked for; not while it is being sent', async () => {
  const id = await open('https://one.example.org/');
  const { leases, claimed } = await claimEndpoints(database.db, CLAIM);
  expect(await resend(database.db, account, id)).toBe('in_flight');
  await record(
    database.db,
    [recorded(claimed[0] as Claimed, { state: 'failed', form: 'reference', reason: 'used up' })],
    NO_HEALTHS,
  );
  await releaseEndpoints(database.db, leases);
  expect(await resend(database.db, randomUUID(), id)).toBe('unknown');
  expect(await resend(database.db, account, id)).toBe('resent');
  expect(await stateOf(id)).toEqual({ state: 'pending', attempts: 1, step: 0, form: 'full', reason: null });
  expect((await claimEndpoints(database.db, CLAIM)).claimed[0]).toMatchObject({
    id,
    attempt: 2,
    step: 1,
    trigger: 'resend',
  });
});

test('a claim whose answer was lost: what it took is put back by the next claim, however busy the endpoint is', async () => {
  const id = await open('https://one.example.org/');
  await open('https://one.example.org/');
  const { leases, claimed } = await claimEndpoints(database.db, { ...CLAIM, room: () => 1 });
  const [lease] = leases as [LeasedEndpoint];
  const lost = await claimDeliveries(database.db, [{ ...lease, room: 1 }]);
  expect(claimed[0]?.id).toBe(id);
  await record(database.db, [recorded(claimed[0] as Claimed, {})], NO_HEALTHS);
  await releaseEndpoints(database.db, leases);
  // Given back, claimed again at once: no reminder ever sees it at rest.
  await open('https://one.example.org/');
  const next = await claimEndpoints(database.db, CLAIM);
  expect(next.claimed.map((item) => item.id)).toContain(lost[0]?.id);
  expect(next.claimed.find((item) => item.id === lost[0]?.id)?.attempt).toBe(2);
});

test('what a claim lost on an idle endpoint is due again within the reminder, without one', async () => {
  await open('https://one.example.org/');
  const { leases } = await claimEndpoints(database.db, CLAIM);
  await releaseEndpoints(database.db, leases);
  const [endpoint] = await endpoints();
  expect(Number(endpoint?.next_due) - Date.now()).toBeGreaterThan(5_000);
  expect(Number(endpoint?.next_due) - Date.now()).toBeLessThan(20_000);
  await sql`UPDATE endpoint SET next_due = now()`.execute(database.db);
  expect((await claimEndpoints(database.db, CLAIM)).claimed).toMatchObject([{ attempt: 2 }]);
});

test('the database itself refuses states that cannot be', async () => {
  const id = await open('https://one.example.org/');
  const set = (assignment: string) =>
    sql`UPDATE delivery SET ${sql.raw(assignment)} WHERE id = ${id}`.execute(database.db);
  await expect(set(`state = 'delivered', due_at = NULL`)).rejects.toThrow('delivery_final_has_time');
  await expect(set(`due_at = NULL`)).rejects.toThrow('delivery_pending_has_due');
  await expect(set(`token = 3`)).rejects.toThrow('delivery_delivering_has_token');
  await expect(set(`state = 'failed', due_at = NULL, final_at = now()`)).rejects.toThrow(
    'delivery_refused_has_reason',
  );
  await expect(set(`full_body = NULL`)).rejects.toThrow('delivery_open_has_body');
});

test('a claim carries no large body; it is read when it is sent, and no more once its delivery was cancelled', async () => {
  const big = Buffer.alloc(1_000_000, 'x');
  const { db } = database;
  const jobs = Array.from({ length: 6 }, () => randomUUID());
  for (const jobId of jobs)
    await openAnyDelivery(db, account, 'https://one.example.org/', { jobId, fullBody: big });
  const { claimed } = await claimEndpoints(db, { ...CLAIM, room: () => 6 });
  expect(claimed.map(({ bytes, body }) => [bytes, body])).toEqual(jobs.map(() => [big.length, null]));
  const [first, second] = claimed as [Claimed, Claimed];
  expect((await readBody(db, first))?.equals(big)).toBe(true);
  const { job_id } = await db
    .selectFrom('delivery')
    .select('job_id')
    .where('id', '=', second.id)
    .executeTakeFirstOrThrow();
  await db.commit((trx) => cancelDeliveries(trx, job_id as string, 'the transcription was deleted'));
  expect(await readBody(db, second)).toBeNull();
});

describe('called off while a sender has it', () => {
  /** Two in hand of one job that is deleted. */
  async function calledOff() {
    const { db } = database;
    const jobId = randomUUID();
    for (let n = 0; n < 2; n++) await openAnyDelivery(db, account, 'https://one.example.org/', { jobId });
    const { leases, claimed } = await claimEndpoints(db, CLAIM);
    const news: News[] = [];
    const deaf = db.teller.hear((one) => news.push(one));
    await db.commit((trx) => cancelDeliveries(trx, jobId, 'the transcription was deleted'));
    deaf();
    expect(news.map(({ kind }) => kind)).toEqual(['called_off', 'called_off']);
    expect(news).toContainEqual({
      kind: 'called_off',
      endpointId: claimed[0]?.endpointId,
      deliveryId: claimed[0]?.id,
    });
    return { leases, claimed: claimed as [Claimed, Claimed] };
  }
  const CANCELLED = { state: 'cancelled', reason: 'the transcription was deleted' };

  test('not begun, it is cancelled as it is handed back, with no attempt on record', async () => {
    const { claimed } = await calledOff();
    expect(await handBack(database.db, claimed)).toMatchObject([
      { kind: 'delivery', state: 'cancelled' },
      { kind: 'delivery', state: 'cancelled' },
    ]);
    expect(await stateOf(claimed[0].id)).toMatchObject({ ...CANCELLED, attempts: 0 });
    expect(await listAttempts(database.db, [claimed[0].id])).toEqual([]);
  });

  test('begun, its answer is the truth: delivered when it was taken, cancelled when it would be tried again', async () => {
    const { claimed } = await calledOff();
    const changes = await record(
      database.db,
      [recorded(claimed[0], {}), recorded(claimed[1], { state: 'pending', waitMs: 5_000 })],
      NO_HEALTHS,
    );
    expect(changes.map(({ id, state }) => [id, state]).sort()).toEqual(
      [
        [claimed[0].id, 'delivered'],
        [claimed[1].id, 'cancelled'],
      ].sort(),
    );
    expect(await stateOf(claimed[0].id)).toMatchObject({ state: 'delivered', reason: null });
    expect(await stateOf(claimed[1].id)).toMatchObject({ ...CANCELLED, attempts: 1 });
    const [attempt] = await listAttempts(database.db, [claimed[1].id]);
    expect(attempt?.next_at, 'there is no next one').toBeNull();
  });

  test('its sender died: it is cancelled, with an attempt of which nothing is known', async () => {
    const { claimed } = await calledOff();
    await endAllLeases(database.db);
    await claimEndpoints(database.db, CLAIM);
    expect(await stateOf(claimed[0].id)).toMatchObject({ ...CANCELLED, attempts: 1 });
    const [attempt] = await listAttempts(database.db, [claimed[0].id]);
    expect(attempt).toMatchObject({ outcome: 'unknown', next_at: null });
  });
});

test('a probe is the newest and the oldest that is due, by turns', async () => {
  const { db } = database;
  const ids = [];
  for (let n = 0; n < 3; n++) ids.push(await open('https://one.example.org/'));
  await sql`UPDATE delivery SET due_at = now() - (10 - array_position(${ids}::uuid[], id)) * interval '1 second'`.execute(
    db,
  );
  const probes = [];
  for (let trips = 1; trips <= 2; trips++) {
    await sql`UPDATE endpoint SET breaker = 'open', open_until = now(), trips = ${trips}`.execute(db);
    const { leases, claimed } = await claimEndpoints(db, { ...CLAIM, room: () => 1 });
    expect(leases[0]?.health.state).toBe('half_open');
    probes.push(...claimed.map(({ id }) => id));
    await handBack(db, claimed);
    await sql`UPDATE delivery SET due_at = now() - (10 - array_position(${ids}::uuid[], id)) * interval '1 second'`.execute(
      db,
    );
    await releaseEndpoints(db, leases);
  }
  expect(probes).toEqual([ids[2], ids[0]]);
});

test('enabled meanwhile: what its holder knows is of the time before, and is not written', async () => {
  const { db } = database;
  await open('https://one.example.org/');
  const { leases, claimed } = await claimEndpoints(db, CLAIM);
  const [lease] = leases as [LeasedEndpoint];
  await enableEndpoint(db, account, lease.endpointId);
  const failing = { ...healthy, failures: 7, failingSince: new Date(), failedAt: new Date() };
  const tripped = { ...failing, state: 'open' as const, trips: 1, openUntil: new Date(Date.now() + 30_000) };
  const write = (health: LeasedEndpoint['health']) =>
    record(db, [recorded(claimed[0] as Claimed, { state: 'pending', waitMs: 0 })], {
      endpoints: [{ ...lease, health }],
      hosts: [],
    });
  await write(tripped);
  const [after] = await endpoints();
  expect(after).toMatchObject({ breaker: 'closed', failures: 0, open_until: null });
  await write({ ...tripped, countsFrom: after?.counts_from ?? null });
  expect((await endpoints())[0], 'known of the time since').toMatchObject({ breaker: 'open', failures: 7 });
});
