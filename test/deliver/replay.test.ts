// A replay through the real program: sent, counted, throttled; and killed in the middle, with -9.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDelivery } from '../../src/store/deliveries.ts';
import { endAllLeases } from '../../src/store/leases.ts';
import { anyDelivery } from '../rig/delivery.ts';
import { eventually } from '../rig/eventually.ts';
import { migratedDatabase } from '../rig/postgres.ts';
import { type Served, serve } from '../rig/process.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let folder: string;
let receiver: Receiver;
let server: Served;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-replay-'));
  database = await migratedDatabase();
  receiver = await startReceiver();
  server = await start();
});
afterEach(async () => {
  server.child.kill('SIGTERM');
  await server.exited;
  await receiver.close();
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

const start = () => serve(folder, { DATABASE_URL: database.url, RINGBACK_ROLE: 'api,deliver' });

/** Deliveries whose schedules were used up long ago. */
async function failed(count: number, endpoints: number): Promise<string[]> {
  const { db } = database;
  const { id: accountId } = await db.selectFrom('account').select('id').executeTakeFirstOrThrow();
  const ids: string[] = [];
  await db.commit(async (trx) => {
    for (let n = 0; n < count; n++)
      ids.push(
        await openDelivery(
          trx,
          anyDelivery(accountId, `${receiver.url}/${n % endpoints}`, { fullBody: Buffer.from(`{"n":${n}}`) }),
        ),
      );
    await sql`UPDATE delivery SET state = 'failed', reason = 'all failed', due_at = NULL, final_at = now(), step = 12,
      attempts = 12`.execute(trx);
    await sql`UPDATE endpoint SET next_due = NULL`.execute(trx);
  });
  return ids;
}

const done = (id: string) =>
  eventually(
    async () => (await server.call('GET', `/api/replays/${id}`)).json,
    (replay) => replay.state === 'done',
    40_000,
  );

const delivered = () =>
  eventually(
    async () => (await server.call('GET', '/api/callbacks?state=delivered&limit=1000')).json.items.length,
    (count) => count >= 200,
    40_000,
  );

const sentIds = () => new Set(receiver.requests.map((request) => request.headers['webhook-id']));

test('killed in the middle, it goes on where it was: every one is sent, and counted once', async () => {
  const ids = await failed(200, 20);
  const { json } = await server.call('POST', '/api/replays', { filter: { state: ['failed'] }, rate: 50 });
  await receiver.next(10);
  server.child.kill('SIGKILL');
  await server.exited;
  const [before] = await database.db.selectFrom('replay').selectAll().execute();
  // Otherwise nothing was in the middle.
  expect(before?.state).toBe('running');
  expect(before?.resent).toBeGreaterThan(0);
  expect(before?.resent).toBeLessThan(200);

  // As after the death of the only process: what it held need not be waited for.
  await endAllLeases(database.db);
  server = await start();
  expect(await done(json.id)).toMatchObject({
    matched: 200,
    resent: 200,
    skipped: { in_flight: 0, body_gone: 0 },
  });
  await delivered();
  expect(sentIds()).toEqual(new Set(ids));
}, 90_000);

test('never faster than its rate; each attempt is on record as a replay, with its number going on', async () => {
  const ids = await failed(12, 12);
  const began = performance.now();
  const { json } = await server.call('POST', '/api/replays', { filter: { state: ['failed'] }, rate: 4 });
  await receiver.next(12);
  // Twelve at 4/s take 2.75 s from the first to the last; up to a second may be caught up with.
  expect(performance.now() - began).toBeGreaterThan(1_750);
  expect(await done(json.id)).toMatchObject({ matched: 12, resent: 12 });
  expect(sentIds()).toEqual(new Set(ids));
  const [one] = ids;
  const { json: seen } = await eventually(
    () => server.call('GET', `/api/callbacks/${one}`),
    (answer) => answer.json.state === 'delivered',
  );
  expect(seen.attempts).toMatchObject([{ number: 13, trigger: 'replay', status: 200 }]);
}, 60_000);
