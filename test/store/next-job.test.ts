// Whose job is next, on a real database and with several processes' worth of workers: accounts take turns whatever came
// first, none runs more than it may, and looking stays quick behind 100,000 jobs.
import { sql } from 'kysely';
import { afterAll, beforeEach, expect, test } from 'vitest';
import {
  endAllRuns,
  expireRuns,
  finishJob,
  handBackJob,
  parkFetched,
  renewJob,
} from '../../src/store/jobs.ts';
import { countWaiting, type NextJob, type Stage, startNext } from '../../src/store/next-job.ts';
import { insertAccount } from '../rig/account.ts';
import { insertAnyAudio, insertAnyJob } from '../rig/job.ts';
import { migratedDatabase } from '../rig/postgres.ts';

const database = await migratedDatabase();
const { db } = database;
afterAll(() => database.drop());
beforeEach(async () => {
  await sql`TRUNCATE account CASCADE`.execute(db);
});

const next = (stage: Stage, options: Partial<NextJob> = {}) =>
  startNext(db, stage, { leaseMs: 60_000, most: null, full: [], ...options });
const owner = async (stage: Stage, options: Partial<NextJob> = {}) =>
  (await next(stage, options))?.account_id;

async function insertMany(accountId: string, count: number, audioId: string | null): Promise<void> {
  await sql`
    INSERT INTO job (id, account_id, audio_url, audio_id, request, callback_gzip, created_at)
    SELECT gen_random_uuid(), ${accountId}, 'https://cdn.example.org/a.mp3', ${audioId}, '{}', false,
      now() - n * interval '1 millisecond' FROM generate_series(1, ${count}::int) AS n`.execute(db);
}

const end = (id: string, run: number) =>
  finishJob(db, id, run, {
    ending: { filename: 'a.mp3', duration: 1, channels: 1, result: Buffer.from('{}') },
    delivery: null,
  });

const downloaded = (accountId: string, id: string) => ({
  id,
  account_id: accountId,
  filename: 'a.wav',
  extension: 'wav',
  bytes: 1,
  source_url: 'https://cdn.example.org/a.wav',
  duration: null,
  channels: null,
});

test.each(['fetch', 'transcribe'] as const)(
  '%s: 300 jobs of one account do not stand in front of the one of another',
  async (stage) => {
    const [many, one] = [await insertAccount(db), await insertAccount(db)];
    const audioOf = async (account: string) => (stage === 'transcribe' ? insertAnyAudio(db, account) : null);
    await insertMany(many, 300, await audioOf(many));
    expect(await owner(stage)).toBe(many);
    expect(await owner(stage)).toBe(many);
    await insertAnyJob(db, one, await audioOf(one));
    expect(await owner(stage)).toBe(one);
    expect(await owner(stage)).toBe(many);
  },
);

test('accounts take turns where none has more under way, and each has its oldest first', async () => {
  const accounts = [await insertAccount(db), await insertAccount(db), await insertAccount(db)];
  const ids = new Map<string, string[]>();
  for (const account of accounts) {
    const audio = await insertAnyAudio(db, account);
    ids.set(account, [await insertAnyJob(db, account, audio), await insertAnyJob(db, account, audio)]);
  }
  const started = [];
  for (let n = 0; n < 6; n++) {
    const job = await next('transcribe');
    if (!job) break;
    started.push(job);
    await end(job.id, job.run);
  }
  expect(new Set(started.slice(0, 3).map((job) => job.account_id))).toEqual(new Set(accounts));
  expect(started.slice(3).map((job) => job.account_id)).toEqual(
    started.slice(0, 3).map((job) => job.account_id),
  );
  for (const account of accounts)
    expect(started.filter((job) => job.account_id === account).map((job) => job.id)).toEqual(
      ids.get(account),
    );
});

test('an account with a long job under way gives way to one that has none, however long ago that was served', async () => {
  const [long, other] = [await insertAccount(db), await insertAccount(db)];
  await insertMany(long, 3, await insertAnyAudio(db, long));
  expect(await owner('transcribe')).toBe(long);
  await insertMany(other, 3, await insertAnyAudio(db, other));
  for (let n = 0; n < 3; n++) {
    const job = await next('transcribe');
    expect(job?.account_id).toBe(other);
    await end(job?.id as string, 1);
  }
  expect(await owner('transcribe')).toBe(long);
});

test('starts at the same instant: each another job, none too many of an account, nobody left out', async () => {
  const [busy, other] = [await insertAccount(db), await insertAccount(db)];
  await insertMany(busy, 30, await insertAnyAudio(db, busy));
  await insertMany(other, 1, await insertAnyAudio(db, other));
  const started = await Promise.all(Array.from({ length: 12 }, () => next('transcribe', { most: 4 })));
  const jobs = started.flatMap((job) => (job ? [job] : []));
  expect(new Set(jobs.map(({ id }) => id)).size).toBe(jobs.length);
  expect(jobs.filter((job) => job.account_id === busy)).toHaveLength(4);
  expect(jobs.filter((job) => job.account_id === other)).toHaveLength(1);
  expect(await next('transcribe', { most: 4 })).toBe(undefined);
  // Each that ends makes room for the next.
  await end(jobs.find((job) => job.account_id === busy)?.id as string, 1);
  expect(await owner('transcribe', { most: 4 })).toBe(busy);
});

test('runs of a process that died do not count once their leases are over', async () => {
  const account = await insertAccount(db);
  await insertMany(account, 4, await insertAnyAudio(db, account));
  for (let n = 0; n < 2; n++) expect(await owner('transcribe', { most: 2 })).toBe(account);
  expect(await next('transcribe', { most: 2 })).toBe(undefined);
  await endAllRuns(db);
  expect(await owner('transcribe', { most: 2 })).toBe(account);
});

test('a download counts against nobody’s turn to transcribe, and what was downloaded waits for a place in order', async () => {
  const [fetching, other] = [await insertAccount(db), await insertAccount(db)];
  await insertMany(fetching, 6, null);
  const job = await next('fetch', { leaseMs: 60_000 });
  expect(await next('transcribe')).toBe(undefined);
  const audio = crypto.randomUUID();
  expect(await parkFetched(db, job?.id as string, 1, downloaded(fetching, audio))).toBe('written');
  expect(await parkFetched(db, job?.id as string, 1, downloaded(fetching, audio))).toBe('already');
  await insertMany(other, 1, await insertAnyAudio(db, other));
  expect(await next('fetch')).toBeDefined();
  // Nothing of the run that downloaded it may touch it any more.
  expect(await renewJob(db, job?.id as string, 1, 60_000)).toBe(false);
  await handBackJob(db, { id: job?.id as string, run: 1 });
  await endAllRuns(db);
  await expireRuns(db, () => {
    throw new Error('nothing has failed');
  });
  expect(await countWaiting(db)).toBe(7);
  const started = [await next('transcribe'), await next('transcribe')];
  expect(new Set(started.map((one) => one?.account_id))).toEqual(new Set([fetching, other]));
  expect(started.find((one) => one?.account_id === fetching)).toMatchObject({
    id: job?.id,
    run: 2,
    audio_id: audio,
    fetched: true,
  });
  expect(await end(job?.id as string, 2)).toBe('written');
  const row = await db.selectFrom('audio').selectAll().where('id', '=', audio).executeTakeFirst();
  expect(row).toMatchObject({ duration: 1, channels: 1 });
});

test('an account with as many downloaded jobs as may wait downloads no more until one of them is started', async () => {
  const account = await insertAccount(db);
  await insertMany(account, 4, null);
  for (let n = 0; n < 2; n++) {
    const job = await next('fetch', { most: 2 });
    await parkFetched(db, job?.id as string, 1, downloaded(account, crypto.randomUUID()));
  }
  expect(await next('fetch', { most: 2 })).toBe(undefined);
  expect(await next('transcribe')).toBeDefined();
  expect(await next('fetch', { most: 2 })).toBeDefined();
});

test('an account that this process takes no more of is passed over', async () => {
  const [full, other] = [await insertAccount(db), await insertAccount(db)];
  await insertMany(full, 2, null);
  await insertMany(other, 1, null);
  expect(await owner('fetch', { full: [full] })).toBe(other);
  expect(await next('fetch', { full: [full] })).toBe(undefined);
});

test('behind 100,000 jobs of one account and those of 1,000 others, looking reads a few rows of each account', async () => {
  const many = await insertAccount(db);
  await insertMany(many, 100_000, await insertAnyAudio(db, many));
  await sql`
    WITH others AS (INSERT INTO account (name) SELECT 'other' FROM generate_series(1, 1000) RETURNING id),
      audios AS (INSERT INTO audio (id, account_id, filename, extension, bytes, duration, channels)
        SELECT gen_random_uuid(), id, 'a', 'wav', 1, 1, 1 FROM others RETURNING id, account_id)
    SELECT 1`.execute(db);
  await sql`
    INSERT INTO job (id, account_id, audio_url, audio_id, request, callback_gzip)
    SELECT gen_random_uuid(), account_id, 'x', id, '{}', false FROM audio WHERE account_id <> ${many}`.execute(
    db,
  );
  await sql`ANALYZE job, account`.execute(db);
  const figures = async () => {
    await sql`SELECT pg_stat_force_next_flush()`.execute(db);
    const { rows } = await sql<{ of_index: number; of_table: number }>`
      SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'job')::int AS of_index,
        (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'job')::int AS of_table`.execute(db);
    return rows[0] as { of_index: number; of_table: number };
  };
  const before = await figures();
  for (let n = 0; n < 5; n++) expect(await next('transcribe', { most: 100 })).toBeDefined();
  const after = await figures();
  expect(after.of_table).toBe(before.of_table);
  expect((after.of_index - before.of_index) / 5).toBeLessThan(2 * 1_001);
}, 60_000);
