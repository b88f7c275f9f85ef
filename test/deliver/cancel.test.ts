// Callbacks cancelled, and their endpoint removed, while attempts are under way: through the whole deliver role, over real
// sockets and a real database.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startDeliver } from '../../src/deliver/start.ts';
import { parseNetworks } from '../../src/outbound/address.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { generateSecret } from '../../src/signature.ts';
import { cancelByFilter, cancelDelivery } from '../../src/store/cancel-deliveries.ts';
import { findDelivery, listAttempts } from '../../src/store/deliveries.ts';
import { removeEndpoint, sweepRemoved } from '../../src/store/endpoint-removal.ts';
import { insertAccount } from '../rig/account.ts';
import { ANY_DELIVER } from '../rig/deliver-deps.ts';
import { openAnyDelivery } from '../rig/delivery.ts';
import { eventually } from '../rig/eventually.ts';
import { migratedDatabase } from '../rig/postgres.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let outbound: Outbound;
let account: string;
let receiver: Receiver;
/** What the receiver waits for before it answers. */
let gate: PromiseWithResolvers<void>;
const faults: unknown[] = [];

beforeAll(async () => {
  database = await migratedDatabase();
  outbound = new Outbound({ policy: { allow: parseNetworks(['127.0.0.0/8']), own: [] } });
});
afterAll(async () => {
  outbound.close();
  await database.drop();
});
beforeEach(async () => {
  account = await insertAccount(database.db);
  gate = Promise.withResolvers();
  receiver = await startReceiver({
    respond: async ({ path }) => {
      await gate.promise;
      return { status: path.includes('bad') ? 500 : 200 };
    },
  });
  const log = ANY_DELIVER.log.child({});
  log.warn = log.error = ((fault: unknown) => faults.push(fault)) as never;
  const stop = await startDeliver({
    ...ANY_DELIVER,
    log,
    database,
    outbound,
    secretsOf: async () => [generateSecret()],
    schedule: [0, 60_000],
    deadlineMs: 10_000,
  });
  return async () => {
    gate.resolve();
    await stop();
    await receiver.close();
    expect(faults.splice(0)).toEqual([]);
  };
});

const open = (name: string) => openAnyDelivery(database.db, account, `${receiver.url}/hooks?${name}`);
const see = async (id: string) => {
  const row = await findDelivery(database.db, account, id);
  const attempts = await listAttempts(database.db, [id]);
  return [row?.state, row?.reason ?? null, attempts.map(({ outcome }) => outcome)];
};
const settled = (ids: readonly string[]) =>
  eventually(
    async () => Promise.all(ids.map((id) => findDelivery(database.db, account, id))),
    (rows) => rows.every((row) => row?.state === 'delivered' || row?.state === 'cancelled'),
  );
const REASON = 'cancelled by its owner';

test('one that is begun and succeeds is delivered, one that fails is cancelled instead of waiting again', async () => {
  const [good, bad] = [await open('good'), await open('bad')];
  await receiver.next(2);
  for (const id of [good, bad])
    expect(await cancelDelivery(database.db, account, id, REASON)).toBe('in_flight');
  gate.resolve();
  await settled([good, bad]);
  expect(await see(good)).toEqual(['delivered', null, ['delivered']]);
  expect(await see(bad)).toEqual(['cancelled', REASON, ['retry']]);
  expect(receiver.requests).toHaveLength(2);
});

test('by filter: what is claimed ahead is not begun, what is begun ends as it ends', async () => {
  const ids = [];
  for (let n = 0; n < 30; n++) ids.push(await open(`n=${n}`));
  await receiver.next(4);
  const { cancelled, inFlight, done } = await cancelByFilter(
    database.db,
    account,
    { state: ['pending', 'delivering'] },
    { reason: REASON, untilMs: performance.now() + 10_000 },
  );
  expect([cancelled + inFlight, done]).toEqual([30, true]);
  gate.resolve();
  const rows = await settled(ids);
  const delivered = rows.filter((row) => row?.state === 'delivered').length;
  expect([delivered, receiver.requests.length]).toEqual([4, 4]);
});

test('an endpoint is removed under its attempts: they end and are on record, then nothing of it is left', async () => {
  const ids = [await open('good'), await open('bad')];
  await receiver.next(2);
  for (let n = 0; n < 8; n++) ids.push(await open(`n=${n}`));
  const { id } = await database.db
    .selectFrom('endpoint')
    .select('id')
    .where('account_id', '=', account)
    .executeTakeFirstOrThrow();
  await removeEndpoint(database.db, account, id, performance.now() + 10_000);
  gate.resolve();
  await settled(ids);
  const reason = 'its endpoint was removed by its owner';
  expect(await see(ids[0] as string)).toEqual(['delivered', null, ['delivered']]);
  expect(await see(ids[1] as string)).toEqual(['cancelled', reason, ['retry']]);
  await eventually(
    () => sweepRemoved(database.db),
    (gone) => gone === 1,
  );
  // A later one goes by a new endpoint; what is counted of the old one is nobody's.
  const later = await open('later');
  await settled([later]);
  expect(await see(later)).toEqual(['delivered', null, ['delivered']]);
  await eventually(
    () => database.db.selectFrom('endpoint_hour').selectAll().execute(),
    (rows) => rows.length > 0,
  );
});
