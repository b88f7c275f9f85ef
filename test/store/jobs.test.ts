import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MAX_RUNS } from '../../src/job.ts';
import {
  endAllRuns,
  expireRuns,
  findJob,
  finishJob,
  handBackJob,
  type JobEnd,
  renewJob,
  runsOf,
  startJob,
} from '../../src/store/jobs.ts';
import { insertJob } from '../../src/store/submissions.ts';
import { insertAccount } from '../rig/account.ts';
import { migratedDatabase } from '../rig/postgres.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let account: string;
beforeAll(async () => {
  database = await migratedDatabase();
  account = await insertAccount(database.db);
});
afterAll(async () => {
  await database.drop();
});

const LEASE = 60_000;
const HOOK = { url: 'https://app.example.org/hooks', method: 'POST', form: 'full', gzip: false } as const;

async function insert(): Promise<string> {
  const id = randomUUID();
  await insertJob(database.db, {
    id,
    accountId: account,
    audioUrl: 'https://cdn.example.org/a.mp3',
    audioId: null,
    request: {},
    customMetadata: null,
    callback: HOOK,
  });
  return id;
}

const stateOf = async (id: string) => (await findJob(database.db, account, id))?.state;
const end = (id: string): JobEnd => ({
  ending: { filename: 'a.mp3', duration: 1, channels: 1, result: Buffer.from('{}') },
  delivery: {
    accountId: account,
    jobId: id,
    ...HOOK,
    event: 'success',
    fullBody: Buffer.from('{}'),
    referenceBody: Buffer.from('{}'),
    waitMs: 0,
  },
});
const deliveriesOf = (id: string) =>
  database.db.selectFrom('delivery').select(['state', 'event']).where('job_id', '=', id).execute();
const giveUp = (id: string) => ({
  error: { code: 'engine_failed' as const, message: 'again and again' },
  delivery: { ...(end(id).delivery as NonNullable<JobEnd['delivery']>), event: 'error' as const },
});

test('a job is started once; its end writes result, delivery and endpoint together', async () => {
  const id = await insert();
  const first = await startJob(database.db, id, LEASE);
  expect(first).toMatchObject({ run: 1, callback: HOOK });
  expect(await startJob(database.db, id, LEASE)).toBe(undefined);
  expect(await finishJob(database.db, id, 1, end(id))).toBe('written');
  expect(await stateOf(id)).toBe('done');
  expect(await deliveriesOf(id)).toEqual([{ state: 'pending', event: 'success' }]);
  expect(await finishJob(database.db, id, 1, end(id))).toBe('already');
  expect(await deliveriesOf(id)).toHaveLength(1);
});

test('an end that fails half way leaves nothing behind', async () => {
  const id = await insert();
  await startJob(database.db, id, LEASE);
  const made = end(id);
  const broken = { ...made, delivery: { ...(made.delivery as never as object), url: 'no url' } as never };
  await expect(finishJob(database.db, id, 1, broken)).rejects.toThrow();
  expect(await stateOf(id)).toBe('processing');
  expect(await deliveriesOf(id)).toEqual([]);
});

test('a run that was taken over writes nothing more', async () => {
  const id = await insert();
  await startJob(database.db, id, LEASE);
  await endAllRuns(database.db);
  expect((await expireRuns(database.db, (job) => giveUp(job.id))).requeued).toBeGreaterThan(0);
  expect(await stateOf(id)).toBe('queued');
  expect(await startJob(database.db, id, LEASE)).toMatchObject({ run: 2 });
  expect(await renewJob(database.db, id, 1, LEASE)).toBe(false);
  expect(await finishJob(database.db, id, 1, end(id))).toBe('lost');
  expect(await renewJob(database.db, id, 2, LEASE)).toBe(true);
  expect(await finishJob(database.db, id, 2, end(id))).toBe('written');
});

test('a file that kills its process every time ends as an error, with its callback', async () => {
  const id = await insert();
  for (let run = 1; run <= MAX_RUNS; run++) {
    expect(await startJob(database.db, id, LEASE)).toMatchObject({ run });
    await endAllRuns(database.db);
    await expireRuns(database.db, (job) => giveUp(job.id));
  }
  expect(await findJob(database.db, account, id)).toMatchObject({
    state: 'error',
    error_code: 'engine_failed',
  });
  expect(await deliveriesOf(id)).toEqual([{ state: 'pending', event: 'error' }]);
});

test('handed back at shutdown it may start at once, and the run does not count', async () => {
  const id = await insert();
  await startJob(database.db, id, LEASE);
  await handBackJob(database.db, { id, run: 1 });
  const second = await startJob(database.db, id, LEASE);
  expect(second).toMatchObject({ run: 2 });
  expect(runsOf(second as NonNullable<typeof second>)).toBe(1);
});

test('handing back again, after an answer that was lost, takes nothing from the next run', async () => {
  const id = await insert();
  await startJob(database.db, id, LEASE);
  await handBackJob(database.db, { id, run: 1 });
  await startJob(database.db, id, LEASE);
  await handBackJob(database.db, { id, run: 1 });
  expect(await stateOf(id)).toBe('processing');
  expect(await finishJob(database.db, id, 2, end(id))).toBe('written');
});

test('an end that the reconciler wrote is not the end of the run that comes after it', async () => {
  const id = await insert();
  for (let run = 1; run <= MAX_RUNS; run++) {
    await startJob(database.db, id, LEASE);
    await endAllRuns(database.db);
    await expireRuns(database.db, (job) => giveUp(job.id));
  }
  expect(await finishJob(database.db, id, MAX_RUNS, end(id))).toBe('lost');
});

test('runs that do not count can be as many as they like', async () => {
  const id = await insert();
  for (let run = 1; run <= MAX_RUNS + 2; run++) {
    await startJob(database.db, id, LEASE);
    await handBackJob(database.db, { id, run });
  }
  await startJob(database.db, id, LEASE);
  await endAllRuns(database.db);
  await expireRuns(database.db, (job) => giveUp(job.id));
  expect(await stateOf(id)).toBe('queued');
});
