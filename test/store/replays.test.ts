import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { CallbackFilter, DeliveryState } from '../../src/delivery.ts';
import { findDelivery, listDeliveries } from '../../src/store/deliveries.ts';
import {
  cancelReplay,
  createReplay,
  findReplay,
  stepReplay,
  untilNextReplay,
} from '../../src/store/replays.ts';
import { onlyAccount } from '../rig/account.ts';
import { openAnyDelivery } from '../rig/delivery.ts';
import { migratedDatabase } from '../rig/postgres.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let account: string;
beforeAll(async () => {
  database = await migratedDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  account = await onlyAccount(database.db);
});

type Made = { state?: DeliveryState; url?: string; event?: 'success' | 'error'; body?: boolean; at?: string };

async function make({
  state = 'failed',
  url = 'https://one.example.org/',
  ...made
}: Made = {}): Promise<string> {
  const jobId = randomUUID();
  const id = await openAnyDelivery(database.db, account, url, {
    jobId,
    event: made.event ?? 'success',
    waitMs: 3_600_000,
  });
  const final = state === 'delivered' || state === 'failed' || state === 'cancelled';
  await database.db
    .updateTable('delivery')
    .set({
      state,
      // A 413 had moved it to the smaller form, and its schedule was used up.
      form: 'reference',
      attempts: 12,
      step: 12,
      ...(made.at !== undefined && { created_at: sql`${made.at}::timestamptz` }),
      ...(state !== 'pending' && { due_at: null }),
      ...(state === 'delivering' && { token: 1, claimed_at: sql`now()` }),
      ...(final && { final_at: sql`now()` }),
      ...((state === 'failed' || state === 'cancelled') && { reason: 'gone wrong' }),
      ...(made.body === false && { full_body: null, reference_body: null }),
    })
    .where('id', '=', id)
    .execute();
  return id;
}

async function start(filter: CallbackFilter, rate = 1_000): Promise<string> {
  const made = await createReplay(database.db, account, filter, { rate });
  return (made as NonNullable<typeof made>).id;
}

/** Steps as often as there is something to do, without waiting for the rate. */
async function run(id: string): Promise<void> {
  while ((await see(id)).state === 'running') {
    await database.db.updateTable('replay').set({ next_at: sql`now()` }).execute();
    await stepReplay(database.db);
  }
}

async function see(id: string) {
  const row = await findReplay(database.db, account, id);
  if (!row) throw new Error('no such replay');
  return row;
}

async function deliveries() {
  const rows = await listDeliveries(database.db, account, { limit: 1_000 });
  return new Map(rows.map((row) => [row.id, row]));
}

const endpoint = () => database.db.selectFrom('endpoint').selectAll().executeTakeFirstOrThrow();

test('each one named by the filter is due now with a full schedule, in the form first asked for; the rest is left alone', async () => {
  const failed = await make();
  const others = [
    await make({ state: 'delivered' }),
    await make({ event: 'error' }),
    await make({ url: 'https://two.example.org/' }),
    await make({ at: '2026-01-01T00:00:00Z' }),
  ];
  const before = await deliveries();
  const { id: endpointId } = await database.db
    .selectFrom('endpoint')
    .select('id')
    .where('url', '=', 'https://one.example.org/')
    .executeTakeFirstOrThrow();
  const filter = {
    state: ['failed' as const],
    event: 'success' as const,
    endpoint: endpointId,
    created_after: '2026-01-02T00:00:00Z',
  };
  const id = await start(filter);
  const newer = await make();
  await run(id);
  expect(await see(id)).toMatchObject({
    state: 'done',
    filter,
    matched: 1,
    resent: 1,
    finished_at: expect.any(Date),
  });
  const after = await deliveries();
  expect(after.get(failed)).toMatchObject({
    state: 'pending',
    trigger: 'replay',
    step: 0,
    attempts: 12,
    form: 'full',
    reason: null,
    final_at: null,
  });
  for (const other of others) expect(after.get(other)).toEqual(before.get(other));
  expect(after.get(newer)?.state).toBe('failed');
});

test('of one transcription, whatever its state', async () => {
  const id = await make({ state: 'delivered' });
  await make({ state: 'delivered' });
  const job = (await deliveries()).get(id)?.job_id as string;
  const replay = await start({ transcription_id: job });
  await run(replay);
  expect(await see(replay)).toMatchObject({ matched: 1, resent: 1 });
  expect((await deliveries()).get(id)?.state).toBe('pending');
});

test('one being sent and one whose body is gone are skipped and counted', async () => {
  const sending = await make({ state: 'delivering' });
  const bare = await make({ state: 'cancelled', body: false });
  await make();
  const id = await start({ state: ['failed', 'delivering', 'cancelled'] });
  await run(id);
  expect(await see(id)).toMatchObject({ matched: 3, resent: 1, in_flight: 1, body_gone: 1 });
  const after = await deliveries();
  expect([after.get(sending)?.state, after.get(bare)?.state]).toEqual(['delivering', 'cancelled']);
});

test('one that somebody holds at this moment is not waited for', async () => {
  const held = await make();
  const id = await start({ state: ['failed'] });
  await database.db.transaction().execute(async (trx) => {
    await trx.selectFrom('delivery').select('id').where('id', '=', held).forUpdate().execute();
    await run(id);
  });
  expect(await see(id)).toMatchObject({ state: 'done', matched: 1, resent: 0, in_flight: 1 });
});

test('the place is exact: deliveries of one millisecond, and of one microsecond, are met once each', async () => {
  for (const at of ['100', '300', '300', '500', '700']) await make({ at: `2026-03-01T10:00:00.123${at}Z` });
  const id = await start({ state: ['failed', 'pending'] }, 4);
  await run(id);
  // Pending ones match as well: a place cut to milliseconds would meet those of the same millisecond again and again.
  expect(await see(id)).toMatchObject({ state: 'done', matched: 5, resent: 5 });
});

test('what matches behind ten thousand that do not is found, a look of bounded length at a time', async () => {
  const first = await make({ at: '2026-01-01T00:00:00Z' });
  await sql`
    INSERT INTO delivery (id, account_id, job_id, endpoint_id, url, method, event, form, asked_form, state, final_at,
      created_at)
    SELECT gen_random_uuid(), ${account}, gen_random_uuid(), endpoint_id, url, method, event, form, form, 'delivered',
      now(), '2026-02-01T00:00:00Z' FROM delivery, generate_series(1, 10500)`.execute(database.db);
  const last = await make();
  const id = await start({ state: ['failed'] });
  expect(await stepReplay(database.db)).toMatchObject({ state: 'running', matched: 1 });
  await run(id);
  expect(await see(id)).toMatchObject({ state: 'done', matched: 2, resent: 2 });
  for (const one of [first, last])
    expect(await findDelivery(database.db, account, one)).toMatchObject({
      state: 'pending',
      trigger: 'replay',
    });
});

test('the rate: a quarter of a second of it at a time, and the next is not due before', async () => {
  for (let n = 0; n < 6; n++) await make();
  const id = await start({ state: ['failed'] }, 10);
  // Late by nothing: what it may catch up with is used up.
  await sql`UPDATE replay SET next_at = now()`.execute(database.db);
  expect(await stepReplay(database.db)).toMatchObject({ id, matched: 3, resent: 3, state: 'running' });
  expect(await stepReplay(database.db)).toBeUndefined();
  const wait = (await untilNextReplay(database.db)) as number;
  expect(wait).toBeGreaterThan(100);
  expect(wait).toBeLessThanOrEqual(300);
  // Away for an hour: it catches up with one second, not with an hour.
  await sql`UPDATE replay SET next_at = now() - interval '1 hour'`.execute(database.db);
  await stepReplay(database.db);
  expect(await untilNextReplay(database.db)).toBeGreaterThan(-1_000);
});

test('processes side by side send nothing twice and leave nothing out', async () => {
  for (let n = 0; n < 120; n++) await make({ url: `https://${n % 7}.example.org/` });
  const ids = [await start({ state: ['failed', 'pending'] }, 40), await start({ event: 'success' }, 40)];
  const worker = async () => {
    while ((await untilNextReplay(database.db)) !== null) {
      await sql`UPDATE replay SET next_at = now() WHERE state = 'running' AND id IN
        (SELECT id FROM replay FOR UPDATE SKIP LOCKED)`.execute(database.db);
      await stepReplay(database.db);
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  for (const id of ids) {
    const row = await see(id);
    expect(row).toMatchObject({ state: 'done', matched: 120, body_gone: 0 });
    // Two replays over the same deliveries may find one locked by the other.
    expect(row.resent + row.in_flight).toBe(120);
  }
  expect([...(await deliveries()).values()].every(({ state }) => state === 'pending')).toBe(true);
});

test('a batch that breaks off before its end is undone whole, and is done whole the next time', async () => {
  for (let n = 0; n < 3; n++) await make();
  const id = await start({ state: ['failed'] }, 8);
  await sql`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'power cut'; END $$`.execute(
    database.db,
  );
  await sql`CREATE TRIGGER power_cut BEFORE UPDATE ON replay FOR EACH ROW EXECUTE FUNCTION fail()`.execute(
    database.db,
  );
  await expect(stepReplay(database.db)).rejects.toThrow('power cut');
  await sql`DROP FUNCTION fail CASCADE`.execute(database.db);
  expect([...(await deliveries()).values()].map(({ state }) => state)).toEqual([
    'failed',
    'failed',
    'failed',
  ]);
  expect(await see(id)).toMatchObject({ matched: 0, resent: 0 });
  await run(id);
  expect(await see(id)).toMatchObject({ state: 'done', matched: 3, resent: 3 });
});

test('cancelled: nothing more is sent again, and the counts stay', async () => {
  for (let n = 0; n < 4; n++) await make();
  const id = await start({ state: ['failed'] }, 8);
  await stepReplay(database.db);
  await cancelReplay(database.db, account, id);
  expect(await see(id)).toMatchObject({ state: 'cancelled', matched: 2, resent: 2 });
  expect(await untilNextReplay(database.db)).toBeNull();
  await sql`UPDATE replay SET next_at = now()`.execute(database.db);
  expect(await stepReplay(database.db)).toBeUndefined();
  const states = [...(await deliveries()).values()].map(({ state }) => state).sort();
  expect(states).toEqual(['failed', 'failed', 'pending', 'pending']);
});

test('the endpoint is due at once and approached gently, from the first batch on, not anew with each', async () => {
  for (let n = 0; n < 4; n++) await make();
  await sql`UPDATE endpoint SET next_due = NULL, ramp_from = now() - interval '1 hour'`.execute(database.db);
  await start({ state: ['failed'] }, 8);
  await stepReplay(database.db);
  const first = await endpoint();
  expect(first.next_due?.getTime()).toBeLessThanOrEqual(Date.now());
  expect(Date.now() - (first.ramp_from?.getTime() ?? 0)).toBeLessThan(60_000);
  await sql`UPDATE replay SET next_at = now()`.execute(database.db);
  expect(await stepReplay(database.db)).toMatchObject({ resent: 2 });
  expect((await endpoint()).ramp_from).toEqual(first.ramp_from);
});

test('a disabled endpoint stays at rest, a paused one waits for its time', async () => {
  const id = await make();
  await sql`UPDATE endpoint SET next_due = NULL, disabled_at = now(), disabled_reason = 'x'`.execute(
    database.db,
  );
  await run(await start({ state: ['failed'] }));
  expect((await deliveries()).get(id)?.state).toBe('pending');
  expect((await endpoint()).next_due).toBeNull();
  await sql`UPDATE endpoint SET disabled_at = NULL, disabled_reason = NULL, paused_until = now() + interval '1 hour'`.execute(
    database.db,
  );
  await run(await start({ state: ['pending'] }));
  const { next_due, paused_until } = await endpoint();
  expect(next_due).toEqual(paused_until);
});
