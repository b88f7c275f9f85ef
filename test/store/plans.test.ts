// The statements that run again and again, as PostgreSQL plans them on tables that have been filled for a long time: found
// by index, never by reading a large table through or sorting all of it. What is explained is the text that was sent.
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { pino } from 'pino';
import { beforeAll, expect, test } from 'vitest';
import { fillEnded, tableSizes } from '../../bench/rig/ended.ts';
import type { AudioFolder } from '../../src/store/audio.ts';
import { openDatabase, type TellingDb } from '../../src/store/database.ts';
import { listAttempts, listDeliveries, resend } from '../../src/store/deliveries.ts';
import { readFigures } from '../../src/store/figures.ts';
import { listHosts, remindHosts, settleHosts } from '../../src/store/hosts.ts';
import { listJobs } from '../../src/store/job-list.ts';
import { countQueued, expireRuns, finishJob, isUnfinished, unfinishedAmong } from '../../src/store/jobs.ts';
import { accountFinder } from '../../src/store/keys.ts';
import {
  ANY_HOST,
  claimEndpoints,
  record,
  releaseEndpoints,
  remindEndpoints,
} from '../../src/store/leases.ts';
import { startNext } from '../../src/store/next-job.ts';
import { removeExpired } from '../../src/store/retention.ts';
import { insertAccount } from '../rig/account.ts';
import { anyDelivery, openAnyDelivery } from '../rig/delivery.ts';
import { insertAnyJob } from '../rig/job.ts';
import { faultsOf } from '../rig/plans.ts';
import { migratedDatabase } from '../rig/postgres.ts';
import { recorded } from '../rig/recorded.ts';

const JOBS = 30_000;

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let sending: ReturnType<typeof openDatabase>;
let account: string;

beforeAll(async () => {
  database = await migratedDatabase();
  sending = openDatabase({ connectionString: database.url, size: 2, onError: () => {}, lookupsOnly: true });
  account = await insertAccount(database.db);
  await fillEnded(database.db, account, JOBS);
  return async () => {
    await sending.close();
    await database.drop();
  };
}, 120_000);

const faults = (db: TellingDb, work: () => Promise<unknown>) =>
  faultsOf({ url: database.url, lookupsOnly: db === sending.db }, work);

test('the tables are as large as the plans are to be judged by', async () => {
  const sizes = await tableSizes(database.db);
  expect(sizes).toMatchObject({
    job: { rows: JOBS },
    delivery: { rows: JOBS },
    attempt: { rows: JOBS },
    idempotency_key: { rows: JOBS },
    audio: { rows: JOBS / 2 },
  });
});

test('control: a statement that sorts all ended jobs for one batch is found out, and one that reads a table through', async () => {
  const { db } = database;
  const bad = await faults(db, () =>
    sql`SELECT id, completed_at::text FROM job WHERE completed_at < now() ORDER BY completed_at LIMIT 500`.execute(
      db,
    ),
  );
  expect(bad.faults.join()).toMatch(/Sort of/);
  const worse = await faults(db, () => sql`SELECT id FROM delivery WHERE url LIKE '%x%'`.execute(db));
  expect(worse.faults.join()).toMatch(/Seq Scan of/);
});

test('a round of retention', async () => {
  const { db } = database;
  const removed: string[] = [];
  const audio = { remove: async (id: string) => removed.push(id) } as unknown as AudioFolder;
  const log = pino({ level: 'silent' });
  const judged = await faults(db, () =>
    // The first half day of them.
    removeExpired({ db, audio, retentionMs: 399.5 * 86_400_000, log }, new AbortController().signal),
  );
  expect(removed.length).toBeGreaterThan(1_000);
  expect(judged.statements).toBeGreaterThan(20);
  expect(judged.faults).toEqual([]);
});

test('lists, figures, and what the reconcilers and waiting requests ask', async () => {
  const { db } = database;
  const [some] = await listDeliveries(db, account, { limit: 1 });
  const { job_id, endpoint_id: endpoint } = some as NonNullable<typeof some>;
  const job = job_id as string;
  const judged = await faults(db, async () => {
    await listJobs(db, account, { offset: 0, limit: 21 });
    await listJobs(db, account, { offset: 0, limit: 21, states: ['queued', 'processing'] });
    await listDeliveries(db, account, { limit: 21 });
    await listDeliveries(db, account, { limit: 21, states: ['failed'] });
    await listDeliveries(db, account, { limit: 21, jobId: job });
    await listAttempts(db, [some?.id as string]);
    await isUnfinished(db, account, job);
    await unfinishedAmong(db, [job, randomUUID()]);
    await countQueued(db, account, 10_000);
    await accountFinder(db)('rb_nobody');
    await expireRuns(db, () => {
      throw new Error('nothing has run out');
    });
    await remindHosts(db);
    await settleHosts(db);
    await listHosts(db, account, { limit: 21 });
  });
  expect(judged.statements).toBeGreaterThan(11);
  expect(judged.faults).toEqual([]);
  // Counted from indexes alone, without a sort.
  expect(
    (await faults(db, () => readFigures(db))).faults.filter((fault) => !/attempt_total/.test(fault)),
  ).toEqual([]);
  expect(endpoint).toEqual(expect.any(String));
});

test('a job and its callback from submission to delivered, and sent again', async () => {
  const { db } = database;
  const api = await faults(db, async () => {
    const id = await insertAnyJob(db, account);
    await startNext(db, 'fetch', { leaseMs: 60_000, most: 100, full: [] });
    await finishJob(db, id, 1, {
      ending: { filename: null, duration: 1, channels: 1, result: Buffer.from('{}') },
      delivery: anyDelivery(account, 'https://app.example.org/plans', { jobId: id }),
    });
    const another = await openAnyDelivery(db, account, 'https://app.example.org/plans');
    await resend(db, account, another);
  });
  expect(api.faults).toEqual([]);
  const deliver = await faults(sending.db, async () => {
    const { leases, claimed } = await claimEndpoints(sending.db, {
      endpoints: 10,
      room: () => 10,
      leaseMs: 60_000,
      told: [],
      hosts: ANY_HOST,
    });
    expect(claimed).toHaveLength(2);
    await record(
      sending.db,
      claimed.map((item) => recorded(item, {})),
      { endpoints: [], hosts: [] },
    );
    await releaseEndpoints(sending.db, leases);
    await remindEndpoints(sending.db);
  });
  expect(deliver.statements).toBeGreaterThan(4);
  expect(deliver.faults).toEqual([]);
});
