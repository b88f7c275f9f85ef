// What we are short of costs a callback no attempt and its receiver no good name.
import { connect as connectTcp } from 'node:net';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ShortageRest } from '../../src/deliver/rest.ts';
import { startDeliver } from '../../src/deliver/start.ts';
import { parseNetworks } from '../../src/outbound/address.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { ShortageError } from '../../src/shortage.ts';
import { generateSecret } from '../../src/signature.ts';
import { findDelivery, listAttempts, openDelivery } from '../../src/store/deliveries.ts';
import { listEndpoints } from '../../src/store/endpoint-list.ts';
import { insertAccount } from '../rig/account.ts';
import { ANY_DELIVER } from '../rig/deliver-deps.ts';
import { anyDelivery } from '../rig/delivery.ts';
import { eventually } from '../rig/eventually.ts';
import { migratedDatabase } from '../rig/postgres.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let receiver: Receiver;
let outbound: Outbound;
let stop: () => Promise<void>;
let account: string;
/** What the system says when we want to connect; null: it lets us. */
let refusal: string | null;
let databaseAway: boolean;
const secret = generateSecret();

beforeAll(async () => {
  database = await migratedDatabase();
  receiver = await startReceiver();
  outbound = new Outbound({
    policy: { allow: parseNetworks(['127.0.0.0/8']), own: [] },
    connect: (options) => {
      const socket = connectTcp(options);
      if (refusal !== null)
        socket.destroy(
          Object.assign(new Error(`connect ${refusal}`), { code: refusal, address: '127.0.0.1' }),
        );
      return socket;
    },
  });
  stop = await startDeliver({
    ...ANY_DELIVER,
    database,
    outbound,
    secretsOf: async () => {
      if (databaseAway) throw new ShortageError('database', 'away');
      return [secret];
    },
    // One attempt: a charged one would be the last.
    schedule: [0],
    deadlineMs: 5_000,
  });
});
afterAll(async () => {
  await stop();
  await receiver.close();
  await database.drop();
});
beforeEach(async () => {
  account = await insertAccount(database.db);
  refusal = null;
  databaseAway = false;
  // No connection that a test before this one left open.
  outbound.setPolicy(outbound.policy);
});

const open = () =>
  database.db.commit(async (trx) => openDelivery(trx, anyDelivery(account, `${receiver.url}/${account}`)));
const attempted = async () => {
  const { rows } = await sql<{ id: string }>`SELECT id FROM delivery WHERE account_id = ${account}`.execute(
    database.db,
  );
  return listAttempts(
    database.db,
    rows.map(({ id }) => id),
  );
};
const soon = () =>
  sql`UPDATE delivery SET due_at = now() WHERE state = 'pending'`
    .execute(database.db)
    .then(() => sql`UPDATE endpoint SET next_due = now() WHERE next_due IS NOT NULL`.execute(database.db));

test.for(['EMFILE', 'ENOBUFS', 'EADDRNOTAVAIL'])(
  '%s while connecting: refunded, on record, and delivered later',
  async (code) => {
    refusal = code;
    await open();
    const [first] = await eventually(attempted, (rows) => rows.length === 1);
    expect(first).toMatchObject({ outcome: 'interrupted', error_class: 'shortage', status: null });
    refusal = null;
    await soon();
    const both = await eventually(attempted, (rows) => rows.length === 2, 20_000);
    expect(both.map(({ outcome }) => outcome).sort()).toEqual(['delivered', 'interrupted']);
    const [row] = await listEndpoints(database.db, account);
    expect(row).toMatchObject({ breaker: 'closed', failures: 0, failing_since: null, paused_until: null });
  },
);

test('a database that is away when the secrets are looked up: refunded in the same way', async () => {
  databaseAway = true;
  await open();
  const [first] = await eventually(attempted, (rows) => rows.length === 1);
  expect(first).toMatchObject({ outcome: 'interrupted', error_class: 'shortage' });
  databaseAway = false;
  await soon();
  const both = await eventually(attempted, (rows) => rows.length === 2, 20_000);
  const { rows } = await sql<{ id: string }>`SELECT id FROM delivery WHERE account_id = ${account}`.execute(
    database.db,
  );
  expect(both).toHaveLength(2);
  expect(await findDelivery(database.db, account, rows[0]?.id ?? '')).toMatchObject({ state: 'delivered' });
});

test('a process that met a shortage takes on nothing more for a while, longer each time, until one got through', () => {
  let now = 0;
  const rest = new ShortageRest(() => now);
  const pauses: number[] = [];
  for (let n = 0; n < 7; n++) {
    rest.met();
    rest.met();
    const began = now;
    while (rest.isResting) now += 500;
    pauses.push(now - began);
  }
  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  rest.over();
  rest.met();
  now += 1_000;
  expect(rest.isResting).toBe(false);
});
