// The statements about endpoints, as PostgreSQL plans them where every callback has made one of its own: 30,000 of one account,
// each with a host, and 30,000 callbacks that wait at a few of them.
import { sql } from 'kysely';
import { pino } from 'pino';
import { beforeAll, expect, test } from 'vitest';
import type { AudioFolder } from '../../src/store/audio.ts';
import { cancelByFilter } from '../../src/store/cancel-deliveries.ts';
import { findEndpoint, listEndpoints } from '../../src/store/endpoint-list.ts';
import { removeEndpoint, sweepRemoved } from '../../src/store/endpoint-removal.ts';
import { removeExpired } from '../../src/store/retention.ts';
import { insertAccount } from '../rig/account.ts';
import { openAnyDelivery } from '../rig/delivery.ts';
import { faultsOf } from '../rig/plans.ts';
import { migratedDatabase } from '../rig/postgres.ts';

const MANY = 30_000;
let database: Awaited<ReturnType<typeof migratedDatabase>>;
let account: string;
let some: string;

beforeAll(async () => {
  database = await migratedDatabase();
  const { db } = database;
  account = await insertAccount(db);
  await sql`
    INSERT INTO host (account_id, origin) SELECT ${account}, 'https://' || n || '.example.org' FROM generate_series(1, ${MANY}::int) AS n`.execute(
    db,
  );
  await sql`
    INSERT INTO endpoint (account_id, host_id, url, created_at)
    SELECT account_id, id, origin || '/hooks', now() - (row_number() OVER ()) * interval '1 minute' FROM host`.execute(
    db,
  );
  await sql`
    INSERT INTO delivery (id, account_id, job_id, endpoint_id, url, method, event, form, asked_form, full_body,
      reference_body, due_at)
    SELECT gen_random_uuid(), account_id, gen_random_uuid(), endpoint.id, url, 'POST', 'success', 'full', 'full', '{}', '{}', now()
    FROM (SELECT * FROM endpoint ORDER BY url LIMIT 10) AS endpoint, generate_series(1, ${MANY / 10}::int)`.execute(
    db,
  );
  await sql`INSERT INTO endpoint_hour SELECT id, now(), 1, 0 FROM endpoint
    WHERE created_at > now() - ${MANY / 2}::int * interval '1 minute'`.execute(db);
  await sql`VACUUM ANALYZE`.execute(db);
  some = (await db.selectFrom('endpoint').select('id').orderBy('url').limit(1).executeTakeFirstOrThrow()).id;
  return () => database.drop();
}, 120_000);

const faults = (work: () => Promise<unknown>, large: string[]) =>
  faultsOf({ url: database.url, large }, work);

test('a page by URL, and one endpoint', async () => {
  const { db } = database;
  const judged = await faults(async () => {
    await listEndpoints(db, account, { limit: 51 });
    const [first] = await listEndpoints(db, account, { limit: 51, sort: 'url' });
    await listEndpoints(db, account, {
      limit: 51,
      after: { key: first?.sort_key ?? '', id: first?.id ?? '' },
    });
    await findEndpoint(db, account, some);
  }, ['endpoint', 'host']);
  expect(judged).toEqual({ statements: 4, faults: [] });
});

test('an order by what is counted reads all endpoints of the account, and no more than these: within a second', async () => {
  const { db } = database;
  for (const sort of ['undelivered', 'oldest', 'success', 'failing', 'created'] as const) {
    const started = performance.now();
    expect(await listEndpoints(db, account, { limit: 51, sort })).toHaveLength(51);
    expect([sort, performance.now() - started < 1_000]).toEqual([sort, true]);
  }
});

test('retention walks along indexes, and reads nothing through', async () => {
  const { db } = database;
  const log = pino({ level: 'silent' });
  const audio = { remove: async () => {} } as unknown as AudioFolder;
  const judged = await faults(
    () =>
      // The oldest tenth of them.
      removeExpired({ db, audio, retentionMs: 0.9 * MANY * 60_000, log }, new AbortController().signal),
    ['endpoint', 'host', 'endpoint_hour'],
  );
  // Nothing else has any rows here.
  expect(judged.faults.filter((fault) => !/ (job|audio): /.test(fault))).toEqual([]);
});

test('a removal, the sweep, and cancelling by each kind of filter', async () => {
  const { db } = database;
  await openAnyDelivery(db, account, 'https://1.example.org/hooks');
  const options = { reason: 'x', untilMs: performance.now() + 60_000 };
  const judged = await faults(async () => {
    await removeEndpoint(db, account, some, options.untilMs);
    await sweepRemoved(db);
    await cancelByFilter(db, account, { endpoint: some }, options);
    await cancelByFilter(db, account, { transcription_id: some }, options);
    await cancelByFilter(db, account, { state: ['pending'], event: 'error' }, options);
  }, ['endpoint', 'host']);
  expect(judged.faults).toEqual([]);
}, 60_000);
