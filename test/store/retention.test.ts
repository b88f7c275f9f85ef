// Retention on a real database and folder: what is old goes, what is unfinished stays, nobody waits.
import { randomUUID } from 'node:crypto';
import { access, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { sql } from 'kysely';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type AudioFolder, insertAudio, openAudioFolder } from '../../src/store/audio.ts';
import { findDelivery, resend } from '../../src/store/deliveries.ts';
import { finishJob, startJob } from '../../src/store/jobs.ts';
import { removeOrphans, SAFE_AGE_MS } from '../../src/store/orphans.ts';
import { type RetentionDeps, removeExpired, startRetention } from '../../src/store/retention.ts';
import { insertJob } from '../../src/store/submissions.ts';
import { onlyAccount } from '../rig/account.ts';
import { openAnyDelivery } from '../rig/delivery.ts';
import { eventually } from '../rig/eventually.ts';
import { migratedDatabase } from '../rig/postgres.ts';

const DAY = 86_400_000;
const never = new AbortController().signal;

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let folder: string;
let audio: AudioFolder;
let deps: RetentionDeps;
let account: string;
beforeAll(async () => {
  database = await migratedDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  const { db } = database;
  account = await onlyAccount(db);
  folder = await mkdtemp(join(tmpdir(), 'ringback-retention-'));
  audio = await openAudioFolder(folder);
  deps = { db, audio, retentionMs: 30 * DAY, log: pino({ level: 'silent' }) };
  return () => rm(folder, { recursive: true });
});

const NOTHING = { jobs: 0, audio: 0, deliveries: 0, replays: 0, endpoints: 0, hosts: 0, given_up: 0 };
const ago = (days: number) => sql<Date>`now() - ${days} * interval '1 day'`;
const round = () => removeExpired(deps, never);

async function upload(days: number): Promise<string> {
  const id = randomUUID();
  await writeFile(audio.incoming(id), 'bytes');
  await audio.keep(id);
  await insertAudio(database.db, {
    id,
    account_id: account,
    filename: 'call.mp3',
    extension: 'mp3',
    bytes: 5,
    source_url: null,
    duration: 1,
    channels: 1,
  });
  await database.db
    .updateTable('audio')
    .set({ created_at: ago(days) })
    .where('id', '=', id)
    .execute();
  return id;
}

async function submit(audioId: string | null): Promise<string> {
  const id = randomUUID();
  const job = {
    id,
    accountId: account,
    audioUrl: 'https://cdn.example.org/call.mp3',
    audioId,
    request: {},
    customMetadata: null,
    callback: null,
  };
  const keyed = { accountId: account, route: '/v2/pre-recorded', key: id, bodyHash: Buffer.from('x') };
  await insertJob(database.db, job, { keyed, answer: { status: 201, body: '{}' } });
  return id;
}

/** A job that ended so long ago, with its callback. */
async function finished(
  days: number,
  audioId: string | null = null,
): Promise<{ jobId: string; deliveryId: string }> {
  const jobId = await submit(audioId);
  await startJob(database.db, jobId, 60_000);
  await finishJob(database.db, jobId, 1, {
    ending: { filename: 'call.mp3', duration: 1, channels: 1, result: Buffer.from('{"words":1}') },
    delivery: null,
  });
  await database.db
    .updateTable('job')
    .set({ completed_at: ago(days), created_at: ago(days + 1) })
    .where('id', '=', jobId)
    .execute();
  const deliveryId = await openAnyDelivery(database.db, account, 'https://app.example.org/hooks', {
    jobId,
    fullBody: Buffer.from('{"words":1}'),
  });
  return { jobId, deliveryId };
}

async function ended(deliveryId: string, days: number): Promise<void> {
  const { db } = database;
  await db
    .updateTable('delivery')
    .set({ state: 'delivered', due_at: null, token: null, claimed_at: null, final_at: ago(days) })
    .where('id', '=', deliveryId)
    .execute();
  await db
    .insertInto('attempt')
    .values({
      delivery_id: deliveryId,
      number: 1,
      trigger: 'schedule',
      form: 'full',
      started_at: ago(days),
      outcome: 'delivered',
    } as never)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

const ids = async (table: 'job' | 'audio' | 'delivery' | 'replay') =>
  new Set((await database.db.selectFrom(table).select('id').execute()).map((row) => row.id));
const count = async (table: 'attempt' | 'idempotency_key' | 'endpoint_hour') =>
  (await database.db.selectFrom(table).selectAll().execute()).length;
const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

test('an old job goes with its words everywhere; the record of its callback stays for its own time', async () => {
  const [oldAudio, youngAudio] = [await upload(40), await upload(20)];
  const old = await finished(31, oldAudio);
  const young = await finished(29, youngAudio);
  await ended(old.deliveryId, 29);
  await ended(young.deliveryId, 29);
  expect(await round()).toEqual({ ...NOTHING, jobs: 1, audio: 1 });
  expect(await ids('job')).toEqual(new Set([young.jobId]));
  expect(await ids('audio')).toEqual(new Set([youngAudio]));
  expect([await exists(audio.path(oldAudio)), await exists(audio.path(youngAudio))]).toEqual([false, true]);
  expect(await count('idempotency_key')).toBe(1);
  expect(await findDelivery(database.db, account, old.deliveryId)).toMatchObject({
    state: 'delivered',
    bytes: null,
  });
  expect(await findDelivery(database.db, account, young.deliveryId)).toMatchObject({ bytes: 11 });
  // Its own time.
  await database.db
    .updateTable('delivery')
    .set({ final_at: ago(31) })
    .execute();
  expect(await round()).toEqual({ ...NOTHING, deliveries: 2 });
  expect([await ids('delivery'), await count('attempt')]).toEqual([new Set(), 0]);
  expect(await round()).toEqual(NOTHING);
});

test('nothing unfinished goes, however old: jobs, callbacks, and what they need', async () => {
  const audioId = await upload(900);
  const queued = await submit(audioId);
  const waiting = await finished(800, await upload(900));
  const sending = await finished(800);
  await database.db
    .updateTable('delivery')
    .set({ state: 'delivering', due_at: null, token: 1, claimed_at: ago(1) })
    .where('id', '=', sending.deliveryId)
    .execute();
  expect(await round()).toEqual(NOTHING);
  expect(await ids('job')).toEqual(new Set([queued, waiting.jobId, sending.jobId]));
  expect(await exists(audio.path(audioId))).toBe(true);
  expect(await findDelivery(database.db, account, waiting.deliveryId)).toMatchObject({ bytes: 11 });
  // Once they have ended, they go.
  for (const { deliveryId } of [waiting, sending]) await ended(deliveryId, 0);
  expect(await round()).toEqual({ ...NOTHING, jobs: 2, audio: 1 });
  expect(await ids('job')).toEqual(new Set([queued]));
});

test('an upload that a younger job still shows stays', async () => {
  const audioId = await upload(100);
  const old = await finished(50, audioId);
  await ended(old.deliveryId, 50);
  const young = await finished(1, audioId);
  await ended(young.deliveryId, 1);
  expect(await round()).toMatchObject({ jobs: 1, audio: 0 });
  expect(await exists(audio.path(audioId))).toBe(true);
});

test('finished replays and the hours of endpoints go, a running replay stays', async () => {
  const { db } = database;
  const values = { account_id: account, filter: '{}', rate: 1 };
  await db
    .insertInto('replay')
    .values([
      { ...values, state: 'done', finished_at: ago(31) },
      { ...values, state: 'cancelled', finished_at: ago(29) },
      { ...values, created_at: ago(60) },
    ])
    .execute();
  await finished(0);
  await sql`INSERT INTO endpoint_hour (endpoint_id, hour, succeeded, failed)
    SELECT id, now() - n * interval '1 day', 1, 0 FROM endpoint, generate_series(29, 32) AS n`.execute(db);
  expect(await round()).toMatchObject({ replays: 1 });
  expect([(await ids('replay')).size, await count('endpoint_hour')]).toEqual([2, 1]);
});

test('many batches, by several processes at once: each row once, and no error', async () => {
  await finished(0);
  await sql`
    INSERT INTO delivery (id, account_id, job_id, endpoint_id, url, method, event, form, asked_form, state, final_at)
    SELECT gen_random_uuid(), ${account}, gen_random_uuid(), endpoint.id, url, 'POST', 'success', 'full', 'full',
      'delivered', now() - interval '31 days' FROM endpoint, generate_series(1, 2300)`.execute(database.db);
  await sql`
    INSERT INTO job (id, account_id, audio_url, request, state, completed_at, result)
    SELECT gen_random_uuid(), ${account}, 'x', '{}', 'done', now() - interval '31 days', '{}'
    FROM generate_series(1, 2300)`.execute(database.db);
  const rounds = await Promise.all([round(), round(), round()]);
  // Rows that another round holds are left to it, so a short batch may end a round early.
  await round();
  expect([(await ids('delivery')).size, (await ids('job')).size]).toEqual([1, 1]);
  expect(rounds.some(({ jobs }) => jobs > 0)).toBe(true);
});

test('rows that somebody holds are not waited for', async () => {
  const { jobId, deliveryId } = await finished(31);
  await ended(deliveryId, 31);
  await database.db.transaction().execute(async (trx) => {
    await sql`SELECT FROM job FOR UPDATE`.execute(trx);
    await sql`SELECT FROM delivery FOR UPDATE`.execute(trx);
    expect(await round()).toMatchObject({ jobs: 0, deliveries: 0 });
  });
  expect(await ids('job')).toEqual(new Set([jobId]));
  expect(await round()).toMatchObject({ jobs: 1, deliveries: 1 });
});

test('a callback that is being sent again while its job goes keeps the job and its body', async () => {
  const { jobId, deliveryId } = await finished(31);
  await ended(deliveryId, 31);
  let removing: Promise<unknown> = Promise.resolve();
  await database.db.transaction().execute(async (trx) => {
    // As resend does, up to its commit.
    await sql`UPDATE delivery SET state = 'pending', final_at = NULL, due_at = now()`.execute(trx);
    removing = round();
    await eventually(
      async () =>
        (
          await sql`SELECT pid FROM pg_stat_activity WHERE datname = current_database()
            AND wait_event_type = 'Lock'`.execute(database.db)
        ).rows.length,
      (waiting) => waiting === 1,
    );
  });
  expect(await removing).toMatchObject({ jobs: 0, deliveries: 0 });
  expect(await ids('job')).toEqual(new Set([jobId]));
  expect(await findDelivery(database.db, account, deliveryId)).toMatchObject({ state: 'pending', bytes: 11 });
  // And the other way round: after the job it says what has gone.
  await ended(deliveryId, 1);
  await round();
  expect(await resend(database.db, account, deliveryId)).toBe('body_gone');
});

test('files without a row go once they are old; a file with a row, a young one and a stranger stay', async () => {
  const put = async (path: string, ageMs: number) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, 'bytes');
    const time = new Date(Date.now() - ageMs);
    await utimes(path, time, time);
    return path;
  };
  const owned = audio.path(await upload(0));
  await put(owned, 2 * SAFE_AGE_MS);
  const stay = [
    owned,
    await put(audio.path(randomUUID()), SAFE_AGE_MS - 60_000),
    await put(audio.incoming(randomUUID()), SAFE_AGE_MS - 60_000),
    await put(join(folder, 'notes.txt'), 2 * SAFE_AGE_MS),
    await put(join(folder, 'ab', 'notes.txt'), 2 * SAFE_AGE_MS),
    await put(join(folder, 'backup', randomUUID()), 2 * SAFE_AGE_MS),
  ];
  const go = [
    await put(audio.path(randomUUID()), SAFE_AGE_MS + 60_000),
    await put(audio.incoming(randomUUID()), SAFE_AGE_MS + 60_000),
  ];
  expect(await removeOrphans(deps, never)).toBe(2);
  expect(await Promise.all(stay.map(exists))).toEqual(stay.map(() => true));
  expect(await Promise.all(go.map(exists))).toEqual([false, false]);
});

test('a folder that belongs to another database is left alone', async () => {
  const orphan = audio.path(randomUUID());
  await mkdir(dirname(orphan), { recursive: true });
  await writeFile(orphan, 'bytes');
  await utimes(orphan, new Date(0), new Date(0));
  await writeFile(join(folder, 'owner'), `${randomUUID()}\n`);
  expect(await removeOrphans(deps, never)).toBe(0);
  expect(await exists(orphan)).toBe(true);
  await rm(join(folder, 'owner'));
  expect(await removeOrphans(deps, never)).toBe(1);
  const { id } = await database.db.selectFrom('installation').select('id').executeTakeFirstOrThrow();
  expect(await readFile(join(folder, 'owner'), 'utf8')).toBe(`${id}\n`);
});

test('started, it removes at once and again within a short retention; stopped, it is over', async () => {
  const { deliveryId } = await finished(31);
  await ended(deliveryId, 31);
  const stop = startRetention({ ...deps, retentionMs: 1_000 });
  await eventually(
    () => ids('job'),
    (left) => left.size === 0,
  );
  const second = await finished(31);
  await ended(second.deliveryId, 31);
  await eventually(
    () => ids('delivery'),
    (left) => left.size === 0,
  );
  await stop();
});
