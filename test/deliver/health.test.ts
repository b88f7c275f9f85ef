// Endpoint health through the whole deliver role. Waiting times are shortened by moving them in the database, whose
// clock is the one that counts.
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startDeliver } from '../../src/deliver/start.ts';
import { parseNetworks } from '../../src/outbound/address.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { generateSecret } from '../../src/signature.ts';
import { listDeliveries, openDelivery } from '../../src/store/deliveries.ts';
import { listEndpoints } from '../../src/store/endpoint-list.ts';
import { disableEndpoint, enableEndpoint } from '../../src/store/endpoints.ts';
import { insertAccount } from '../rig/account.ts';
import { ANY_DELIVER } from '../rig/deliver-deps.ts';
import { anyDelivery } from '../rig/delivery.ts';
import { eventually } from '../rig/eventually.ts';
import { migratedDatabase } from '../rig/postgres.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const secret = generateSecret();
let database: Awaited<ReturnType<typeof migratedDatabase>>;
let outbound: Outbound;
let account: string;
let receiver: Receiver;
let stop: () => Promise<void>;

beforeAll(async () => {
  database = await migratedDatabase();
  outbound = new Outbound({ policy: { allow: parseNetworks(['127.0.0.0/8']), own: [] } });
});
afterAll(async () => {
  outbound.close();
  await database.drop();
});
beforeEach(async () => {
  const { db } = database;
  account = await insertAccount(db);
  receiver = await startReceiver();
  stop = await startDeliver({
    ...ANY_DELIVER,
    database,
    outbound,
    secretsOf: async () => [secret],
    schedule: [0, 60_000, 60_000],
    deadlineMs: 5_000,
  });
});
afterEach(async () => {
  await stop();
  await receiver.close();
});

async function open(count: number): Promise<void> {
  await database.db.commit(async (trx) => {
    for (let n = 0; n < count; n++) await openDelivery(trx, anyDelivery(account, `${receiver.url}/hooks`));
  });
}

const endpoint = async () => (await listEndpoints(database.db, account))[0];
const inState = (states: readonly string[]) =>
  eventually(endpoint, (row) => states.includes(row?.disabled_at ? 'disabled' : (row?.breaker ?? '')));
const count = async () => {
  const { rows } = await sql<{ state: string; attempts: number; n: number }>`
    SELECT state, attempts, count(*)::bigint AS n FROM delivery WHERE account_id = ${account}
    GROUP BY state, attempts ORDER BY state, attempts`.execute(database.db);
  return rows.map((row) => `${row.n} ${row.state} after ${row.attempts}`);
};
/** As if its waiting time were over. */
const pass = () =>
  sql`UPDATE endpoint SET open_until = least(open_until, now()), paused_until = least(paused_until, now()),
    ramp_from = least(ramp_from, now()), next_due = least(next_due, now()) WHERE account_id = ${account}`.execute(
    database.db,
  );

test('failures open the breaker; the backlog waits without attempts; one delivery probes; then all go, slowly', async () => {
  receiver.setResponse({ status: 500 });
  await open(30);
  const opened = await inState(['open']);
  expect(opened?.failures).toBeGreaterThanOrEqual(5);
  await eventually(count, (seen) => !seen.some((line) => line.includes('delivering')));
  const burnt = receiver.requests.length;
  expect(burnt).toBeLessThanOrEqual(5 + 3);
  expect(await count()).toEqual([`${30 - burnt} pending after 0`, `${burnt} pending after 1`]);

  await pass();
  await receiver.next(burnt + 1);
  await eventually(endpoint, (row) => row?.trips === 2 && row.breaker === 'open');
  expect(receiver.requests).toHaveLength(burnt + 1);

  const times: number[] = [];
  receiver.setResponse(() => {
    times.push(performance.now());
    return { status: 200 };
  });
  await pass();
  await eventually(count, (seen) => seen[0]?.startsWith(`${30 - burnt - 1} delivered`) ?? false, 20_000);
  expect(await endpoint()).toMatchObject({ breaker: 'closed', failures: 0, trips: 0 });
  // 5 a second at first: what is left could not all have come at once.
  expect((times.at(-1) as number) - (times[0] as number)).toBeGreaterThan(1_000);
}, 40_000);

test('three 410s in a row disable the endpoint; the rest waits with the reason; enabling sends it', async () => {
  receiver.setResponse({ status: 410 });
  await open(20);
  const disabled = await inState(['disabled']);
  expect(disabled).toMatchObject({
    disabled_reason: 'the receiver answered 410 3 times in a row',
    next_due: null,
  });
  await eventually(count, (seen) => !seen.some((line) => line.includes('delivering')));
  const failed = receiver.requests.length;
  expect(failed).toBeLessThanOrEqual(3 + 3);
  expect(await count()).toEqual([`${failed} failed after 1`, `${20 - failed} pending after 0`]);
  const [waiting] = await listDeliveries(database.db, account, { states: ['pending'], limit: 1 });
  expect(waiting?.waits_for).toBe('its endpoint is disabled: the receiver answered 410 3 times in a row');

  receiver.setResponse({ status: 200 });
  expect(await enableEndpoint(database.db, account, disabled?.id as string)).toBe(true);
  await eventually(count, (seen) => seen[0] === `${20 - failed} delivered after 1`, 20_000);
}, 40_000);

test('webhook-delivery: disable stops at once, and the delivery that met it waits with its attempt refunded', async () => {
  receiver.setResponse({ status: 503, headers: { 'webhook-delivery': 'disable' } });
  await open(1);
  await inState(['disabled']);
  expect(await count()).toEqual(['1 pending after 1']);
  const step = await database.db
    .selectFrom('delivery')
    .select('step')
    .where('account_id', '=', account)
    .executeTakeFirst();
  expect(step).toEqual({ step: 0 });
});

test('Retry-After pauses the whole endpoint, and nothing is sent until it is over', async () => {
  receiver.setResponse({ status: 429, headers: { 'retry-after': '120' } });
  await open(1);
  const paused = await eventually(endpoint, (row) => row?.paused_until != null && row.leased_until === null);
  expect(Number(paused?.paused_until) - Date.now()).toBeGreaterThan(110_000);
  await open(5);
  expect((await endpoint())?.next_due).toEqual(paused?.paused_until);
  receiver.setResponse({ status: 200 });
  await pass();
  await eventually(count, (seen) => seen.includes('5 delivered after 1'), 20_000);
}, 40_000);

test('an owner disables and enables; what is in flight ends, what waits waits', async () => {
  const hold = Promise.withResolvers<{ status: number }>();
  receiver.setResponse(() => hold.promise);
  await open(10);
  await receiver.next(4);
  const { id } = (await endpoint()) ?? {};
  await disableEndpoint(database.db, account, id as string, 'disabled by its owner');
  await eventually(count, (seen) => seen.includes('6 pending after 0'));
  hold.resolve({ status: 200 });
  await eventually(count, (seen) => seen[0] === '4 delivered after 1');
  expect(await count()).toEqual(['4 delivered after 1', '6 pending after 0']);
  expect(await endpoint()).toMatchObject({ disabled_reason: 'disabled by its owner', undelivered: 6 });
  await enableEndpoint(database.db, account, id as string);
  await eventually(count, (seen) => seen[0] === '10 delivered after 1', 20_000);
  await eventually(endpoint, (row) => row?.succeeded === 10, 10_000);
}, 40_000);
