import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MAX_RUNS } from '../../src/job.ts';
import {
  endAllRuns,
  expireRuns,
  findJob,
  finishJob,
  handBackJob,
  insertJob,
  type JobEnd,
  renewJob,
  requeueForgotten,
  runsOf,
  startJob,
} from '../../src/store/jobs.ts';
import { openQueue, type Queue } from '../../src/store/queue.ts';
import { insertAccount } from '../rig/account.ts';
import { migratedDatabase } from '../rig/postgres.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let queue: Queue;
let account: string;
beforeAll(async () => {
  database = await migratedDatabase();
  queue = await openQueue({ connectionString: database.url, onError: () => {}, onWarning: () => {} });
  account = await insertAccount(database.db);
});
afterAll(async () => {
  await queue.stop();
  await database.drop();
});

const LEASE = 60_000;
const HOOK = { url: 'https://app.example.org/hooks', method: 'POST', form: 'full', gzip: false } as const;

async function insert(): Promise<string> {
  const id = randomUUID();
  await insertJob(database.db, queue, {
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
const queueIdOf = async (id: string) => (await findJob(database.db, account, id))?.queue_id as string;
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
  fetched: null,
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
  expect((await expireRuns(database.db, queue, (job) => giveUp(job.id))).requeued).toBeGreaterThan(0);
  expect(await stateOf(id)).toBe('queued');
  expect((await queue.alive(database.db, [await queueIdOf(id)])).size).toBe(1);
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
    await expireRuns(database.db, queue, (job) => giveUp(job.id));
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
  await handBackJob(database.db, queue, { id, run: 1 });
  const second = await startJob(database.db, id, LEASE);
  expect(second).toMatchObject({ run: 2 });
  expect(runsOf(second as NonNullable<typeof second>)).toBe(1);
});

test('handing back again, after an answer that was lost, takes nothing from the next run', async () => {
  const id = await insert();
  await startJob(database.db, id, LEASE);
  await handBackJob(database.db, queue, { id, run: 1 });
  await startJob(database.db, id, LEASE);
  await handBackJob(database.db, queue, { id, run: 1 });
  expect(await stateOf(id)).toBe('processing');
  expect(await finishJob(database.db, id, 2, end(id))).toBe('written');
});

test('an end that the reconciler wrote is not the end of the run whose audio it lacks', async () => {
  const id = await insert();
  for (let run = 1; run <= MAX_RUNS; run++) {
    await startJob(database.db, id, LEASE);
    await endAllRuns(database.db);
    await expireRuns(database.db, queue, (job) => giveUp(job.id));
  }
  const fetched = {
    id: randomUUID(),
    account_id: account,
    filename: 'a.wav',
    extension: 'wav',
    bytes: 1,
    source_url: null,
    duration: 1,
    channels: 1,
  };
  expect(await finishJob(database.db, id, MAX_RUNS, { ...end(id), fetched })).toBe('lost');
});

test('runs that do not count can be as many as they like', async () => {
  const id = await insert();
  for (let run = 1; run <= MAX_RUNS + 2; run++) {
    await startJob(database.db, id, LEASE);
    await handBackJob(database.db, queue, { id, run });
  }
  await startJob(database.db, id, LEASE);
  await endAllRuns(database.db);
  await expireRuns(database.db, queue, (job) => giveUp(job.id));
  expect(await stateOf(id)).toBe('queued');
});

test('what is queued without a live queue job gets one again; what has one is left alone', async () => {
  const lost = await insert();
  const fine = await insert();
  const before = [await queueIdOf(lost), await queueIdOf(fine)];
  await sql`DELETE FROM ringback_queue.job WHERE id = ${before[0]}`.execute(database.db);
  await requeueForgotten(database.db, queue);
  expect(await queueIdOf(lost)).not.toBe(before[0]);
  expect(await queueIdOf(fine)).toBe(before[1]);
  expect((await queue.alive(database.db, [await queueIdOf(lost)])).size).toBe(1);
});

test('killed between the fetch of a queue job and the start of its row: the row gets another, without waiting for heartbeats', async () => {
  const ids = [await insert(), await insert()] as const;
  const [stranded, fetchedNow] = [await queueIdOf(ids[0]), await queueIdOf(ids[1])];
  await sql`UPDATE ringback_queue.job SET state = 'active', heartbeat_on = now(),
    started_on = now() - CASE id WHEN ${stranded} THEN interval '16 s' ELSE interval '0 s' END
    WHERE id IN (${stranded}, ${fetchedNow})`.execute(database.db);
  await requeueForgotten(database.db, queue);
  expect(await queueIdOf(ids[0])).not.toBe(stranded);
  expect(await queueIdOf(ids[1])).toBe(fetchedNow);
});

test('a job without a live queue job is found behind a thousand that are well', async () => {
  const { db } = database;
  const ids = Array.from({ length: 1_100 }, () => randomUUID());
  await db
    .insertInto('job')
    .values(
      ids.map((id) => ({
        id,
        account_id: account,
        audio_url: 'https://cdn.example.org/a.mp3',
        request: '{}',
        queue_id: id,
        callback_gzip: false,
      })) as never,
    )
    .execute();
  const lost = ids.toSorted().at(-1) as string;
  const requeued: string[] = [];
  const found = await requeueForgotten(db, {
    alive: async (_db, queueIds) => new Set(queueIds.filter((id) => id !== lost)),
    send: async (_trx, job) => {
      requeued.push(job.id);
      return randomUUID();
    },
  });
  expect([found, requeued]).toEqual([1, [lost]]);
  await db.deleteFrom('job').where('id', 'in', ids).execute();
});
