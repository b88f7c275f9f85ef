// What an owner does beside attempts under way, and what a receiver says on purpose: through the whole deliver role, over
// real sockets and a real database.
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startDeliver } from '../../src/deliver/start.ts';
import { parseNetworks } from '../../src/outbound/address.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { generateSecret } from '../../src/signature.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { cancelDeliveries, openDelivery } from '../../src/store/deliveries.ts';
import { listEndpoints } from '../../src/store/endpoint-list.ts';
import { disableEndpoint, enableEndpoint } from '../../src/store/endpoints.ts';
import { insertAccount } from '../rig/account.ts';
import { ANY_DELIVER } from '../rig/deliver-deps.ts';
import { anyDelivery } from '../rig/delivery.ts';
import { eventually } from '../rig/eventually.ts';
import { migratedDatabase } from '../rig/postgres.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const DEADLINE_MS = 1_500;
const secret = generateSecret();
let database: Awaited<ReturnType<typeof migratedDatabase>>;
/** As of a second process. */
let another: Database;
let outbound: Outbound;
let account: string;
let receiver: Receiver;
let stop: () => Promise<void>;
const leaves: (() => Promise<void>)[] = [];

beforeAll(async () => {
  database = await migratedDatabase();
  another = openDatabase({ connectionString: database.url, size: 2, onError: () => {} });
  leaves.push(await database.join(), await another.join());
  outbound = new Outbound({
    policy: { allow: parseNetworks(['127.0.0.0/8']), own: [] },
    resolve: async (host) => {
      throw Object.assign(new Error(`no ${host}`), { code: 'ENOTFOUND' });
    },
  });
});
afterAll(async () => {
  outbound.close();
  for (const leave of leaves) await leave();
  await another.close();
  await database.drop();
});
beforeEach(async () => {
  account = await insertAccount(database.db);
  receiver = await startReceiver();
  stop = await startDeliver({
    ...ANY_DELIVER,
    database,
    outbound,
    secretsOf: async () => [secret],
    schedule: [0, 60_000, 60_000],
    deadlineMs: DEADLINE_MS,
  });
});
afterEach(async () => {
  await stop();
  await receiver.close();
  // In none of these trials does a process die: nothing comes twice.
  const seen = receiver.requests.map(
    ({ headers }) => `${headers['webhook-id']} ${headers['ringback-attempt']}`,
  );
  expect(seen.length).toBe(new Set(seen).size);
  const { rows } = await sql`
    SELECT FROM delivery JOIN attempt ON delivery_id = delivery.id AND status BETWEEN 200 AND 299
    WHERE account_id = ${account} GROUP BY delivery.id, state, attempts
    HAVING state <> 'delivered' OR count(*) > 1 OR max(number) < attempts`.execute(database.db);
  expect(rows, 'taken once, and not called again').toEqual([]);
});

/** One callback each, in this order, told apart by their query; the ids of their jobs. */
async function open(names: readonly string[], url = `${receiver.url}/hooks`): Promise<string[]> {
  const jobs = names.map(() => randomUUID());
  await database.db.commit(async (trx) => {
    for (const [index, name] of names.entries())
      await openDelivery(
        trx,
        anyDelivery(account, `${url}?${name}`, { jobId: jobs[index] as string, waitMs: index / 1_000 }),
      );
  });
  return jobs;
}
const numbered = (count: number, name: string) => Array.from({ length: count }, (_, n) => `${name}=${n}`);

const endpoint = async () => (await listEndpoints(database.db, account))[0];
const states = async () => {
  const rows = await database.db
    .selectFrom('delivery')
    .select(['state', (e) => e.fn.countAll<number>().as('count')])
    .where('account_id', '=', account)
    .groupBy('state')
    .execute();
  return Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)])) as Record<string, number>;
};

test('30 messages refused with 422 keep no good one waiting; the endpoint is called healthy by nobody who looks', async () => {
  receiver.setResponse(({ path }) => ({ status: path.includes('bad') ? 422 : 200 }));
  await open(numbered(30, 'bad'));
  await open(numbered(5, 'good'));
  await eventually(states, ({ delivered }) => delivered === 5);
  expect(await endpoint()).toMatchObject({ breaker: 'closed', trips: 0 });
  await eventually(endpoint, (row) => row?.succeeded === 5 && row.failed === 30, 10_000);
});

test('a message that makes its receiver fail does not keep the newest waiting: every other probe is the newest', async () => {
  receiver.setResponse(({ path }) => ({ status: path.includes('poison') ? 500 : 200 }));
  await open(numbered(30, 'poison'));
  await eventually(endpoint, (row) => row?.breaker === 'open');
  await eventually(states, ({ delivering }) => delivering === undefined);
  await open(['good']);
  await database.db
    .updateTable('endpoint')
    .set({ open_until: new Date(), next_due: new Date() })
    .where('account_id', '=', account)
    .execute();
  await eventually(states, ({ delivered }) => delivered === 1);
  expect(await endpoint()).toMatchObject({ breaker: 'closed' });
});

test('webhook-delivery: disable beside 200s under way: nothing is begun after it, until its owner enables it', async () => {
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  // Quick answers first: deliveries are claimed ahead by then.
  receiver.setResponse(async () => {
    const mine = ++asked;
    if (mine <= 12 || mine > 16) return { status: 200 };
    await gate.promise;
    return mine === 13 ? { status: 503, headers: { 'webhook-delivery': 'disable' } } : { status: 200 };
  });
  await open(numbered(60, 'n'));
  await receiver.next(16);
  gate.resolve();
  await eventually(endpoint, (row) => row?.disabled_at != null);
  await eventually(states, ({ delivering }) => delivering === undefined);
  // One place may have come free, and be taken, before the answer that disables was read.
  expect(receiver.requests.length).toBeLessThanOrEqual(19);
  expect(await endpoint()).toMatchObject({ disabled_reason: expect.stringContaining('receiver asked') });
  const seen = receiver.requests.length;
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(receiver.requests).toHaveLength(seen);
  await enableEndpoint(database.db, account, (await endpoint())?.id as string);
  await eventually(states, ({ delivered }) => delivered === 60, 20_000);
}, 30_000);

test('disabled and enabled while attempts hang: that they time out is of the time before', async () => {
  const hold = Promise.withResolvers<undefined>();
  let hangs = true;
  receiver.setResponse(() => (hangs ? hold.promise : { status: 200 }));
  await open(numbered(4, 'n'));
  await receiver.next(4);
  hangs = false;
  const { id } = (await endpoint()) ?? {};
  await disableEndpoint(database.db, account, id as string, 'disabled by its owner');
  await enableEndpoint(database.db, account, id as string);
  await eventually(states, ({ pending }) => pending === 4);
  await eventually(endpoint, (row) => row?.leased_until === null);
  expect(await endpoint()).toMatchObject({ breaker: 'closed', failures: 0, failing_since: null });
  const host = await database.db
    .selectFrom('host')
    .select(['breaker', 'silent'])
    .where('account_id', '=', account)
    .executeTakeFirst();
  expect(host).toEqual({ breaker: 'closed', silent: 0 });
  hold.resolve(undefined);
}, 30_000);

test('disabled and enabled while an attempt hangs: the others do not wait for it, nor for the pause that it asks for', async () => {
  const hold = Promise.withResolvers<void>();
  receiver.setResponse(async ({ path }) => {
    if (!path.includes('hangs')) return { status: 200 };
    await hold.promise;
    return { status: 429, headers: { 'retry-after': '600' } };
  });
  await open(['hangs']);
  await receiver.next();
  const { id } = (await endpoint()) ?? {};
  await disableEndpoint(database.db, account, id as string, 'disabled by its owner');
  await open(['first']);
  await enableEndpoint(database.db, account, id as string);
  await eventually(states, ({ delivered }) => delivered === 1, DEADLINE_MS / 2);
  expect(await states()).toEqual({ delivered: 1, delivering: 1 });
  hold.resolve();
  await eventually(states, ({ pending }) => pending === 1);
  await open(['second']);
  await eventually(states, ({ delivered }) => delivered === 2);
  expect(await endpoint()).toMatchObject({ paused_until: null, failures: 0 });
}, 20_000);

test.for([['by this process'], ['by another process']])(
  'jobs deleted %s while their callbacks are claimed ahead: nothing begins after it, and no record says both',
  async ([who]) => {
    const { db } = who === 'by another process' ? another : database;
    const gate = Promise.withResolvers<void>();
    receiver.setResponse(async () => {
      if (receiver.requests.length > 12) await gate.promise;
      return { status: 200 };
    });
    // Quick answers first: only then are deliveries claimed ahead.
    const jobs = await open(numbered(40, 'n'));
    await receiver.next(13);
    await eventually(states, ({ delivering = 0 }) => delivering > 8);
    const inHand = (await states()).delivering;
    await Promise.all(
      jobs.map((job) => db.commit((trx) => cancelDeliveries(trx, job, 'the transcription was deleted'))),
    );
    const begun = receiver.requests.length;
    expect(inHand, 'the trial is one').toBeGreaterThan(4);
    await new Promise((resolve) => setTimeout(resolve, 200));
    gate.resolve();
    const ended = await eventually(states, ({ pending, delivering }) => !pending && !delivering);
    // Attempts that were on their way to the receiver's handler.
    expect(receiver.requests.length).toBeLessThanOrEqual(Math.max(begun, 16));
    expect(ended).toEqual({ delivered: receiver.requests.length, cancelled: 40 - receiver.requests.length });
  },
);

test('429 and an unresolvable name are no health: the row of failures says so', async () => {
  receiver.setResponse({ status: 429, headers: { 'retry-after': '600' } });
  await open(['n']);
  await eventually(endpoint, (row) => row?.failures === 1 && row.paused_until !== null);
  expect(await endpoint()).toMatchObject({ breaker: 'closed', failing_since: expect.any(Date) });
  account = await insertAccount(database.db);
  await open(numbered(9, 'n'), 'http://gone.example.org/hooks');
  await eventually(endpoint, (row) => row?.breaker === 'open' && row.failed >= 5, 10_000);
}, 20_000);

test('413 to both forms is a failure of the message and no success of the endpoint', async () => {
  receiver.setResponse({ status: 413 });
  await open(numbered(2, 'n'));
  await eventually(states, ({ failed }) => failed === 2);
  await eventually(endpoint, (row) => row?.succeeded === 0 && row.failed === 2, 10_000);
  expect(await endpoint()).toMatchObject({ failures: 2, breaker: 'closed' });
}, 20_000);
