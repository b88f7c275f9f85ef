// Jobs from their first start to their end; submissions.ts makes them. Every write after the claim carries the run it
// belongs to, and does nothing when another run has taken over.
import { type Selectable, sql } from 'kysely';
import type { DeliveryForm, Method } from '../delivery.ts';
import type { JobErrorCode } from '../errors.ts';
import { MAX_RUNS } from '../job.ts';
import type { NewAudio } from './audio.ts';
import { jobChange } from './changes.ts';
import type { Db, TellingDb, TellingTrx } from './database.ts';
import { cancelDeliveries, type NewDelivery, openDelivery } from './deliveries.ts';
import type { Queue, QueuedJob } from './queue.ts';
import type { Schema } from './schema.ts';

export type JobRow = Selectable<Schema['job']>;

export type Callback = { url: string; method: Method; form: DeliveryForm; gzip: boolean };

export type Started = Pick<
  JobRow,
  'id' | 'run' | 'account_id' | 'audio_url' | 'audio_id' | 'request' | 'custom_metadata'
> & {
  created_at: Date;
  /** When this run began, by the database's clock. */
  claimed_at: Date;
  callback: Callback | null;
};

export type AccountLimit = {
  /** Runs of one account at a time, in all processes. */
  most: number;
  queue: Pick<Queue, 'send'>;
};

/** An account over its limit has some of its jobs put back; the queue itself passes over the rest. */
const PUT_BACK_S = 1;

/**
 * Claims the job for one run; undefined when it is not to be run: it is finished, deleted, running elsewhere, or its
 * account runs as many as it may, and it is back in the queue.
 */
export function startJob(
  db: TellingDb,
  id: string,
  leaseMs: number,
  limit: AccountLimit | null = null,
): Promise<Started | undefined> {
  return db.commit(async (trx) => {
    if (limit === null) return claimRun(trx, id, leaseMs);
    const job = await trx
      .selectFrom('job')
      .select('account_id')
      .where('id', '=', id)
      .where('state', '=', 'queued')
      .executeTakeFirst();
    if (!job) return undefined;
    // Starts of one account take turns, so that each sees those before it.
    await trx.selectFrom('account').select('id').where('id', '=', job.account_id).forNoKeyUpdate().execute();
    const { running } = await trx
      .selectFrom('job')
      .select(sql<number>`count(*)`.as('running'))
      .where('account_id', '=', job.account_id)
      .where('state', '=', 'processing')
      .where('lease_until', '>', sql<Date>`now()`)
      .executeTakeFirstOrThrow();
    if (running < limit.most) return claimRun(trx, id, leaseMs);
    await requeue(trx, limit.queue, { id, accountId: job.account_id }, PUT_BACK_S);
    return undefined;
  });
}

async function claimRun(trx: TellingTrx, id: string, leaseMs: number): Promise<Started | undefined> {
  const row = await trx
    .updateTable('job')
    .set({
      state: 'processing',
      run: sql`run + 1`,
      started_at: sql`coalesce(started_at, now())`,
      lease_until: sql`now() + ${leaseMs} * interval '1 millisecond'`,
    })
    .where('id', '=', id)
    .where('state', '=', 'queued')
    .returningAll()
    .returning([jobChange, sql<Date>`now()`.as('claimed_at')])
    .executeTakeFirst();
  if (!row) return undefined;
  const { change, ...started } = row;
  trx.changed.push(change);
  return { ...started, callback: callbackOf(started) };
}

export function callbackOf(row: JobRow): Callback | null {
  if (row.callback_url === null || row.callback_method === null || row.callback_form === null) return null;
  return {
    url: row.callback_url,
    method: row.callback_method,
    form: row.callback_form,
    gzip: row.callback_gzip,
  };
}

/** Keeps the run alive; false when it has been taken away: stop working on it. */
export async function renewJob(db: Db, id: string, run: number, leaseMs: number): Promise<boolean> {
  const result = await db
    .updateTable('job')
    .set({ lease_until: sql`now() + ${leaseMs} * interval '1 millisecond'` })
    .where('id', '=', id)
    .where('run', '=', run)
    .where('state', '=', 'processing')
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Shutting down: somebody else may start it at once. The run does not count. */
export async function handBackJob(
  db: TellingDb,
  queue: Pick<Queue, 'send'>,
  id: string,
  run: number,
): Promise<void> {
  await db.commit(async (trx) => {
    const row = await trx
      .updateTable('job')
      .set({ state: 'queued', lease_until: null, run: sql`run - 1` })
      .where('id', '=', id)
      .where('run', '=', run)
      .where('state', '=', 'processing')
      .returning(['account_id', jobChange])
      .executeTakeFirst();
    if (!row) return;
    trx.changed.push(row.change);
    await requeue(trx, queue, { id, accountId: row.account_id });
  });
}

async function requeue(
  trx: TellingTrx,
  queue: Pick<Queue, 'send'>,
  job: QueuedJob,
  delaySeconds?: number,
): Promise<void> {
  const before = await trx
    .selectFrom('job')
    .select('queue_id')
    .where('id', '=', job.id)
    .executeTakeFirstOrThrow();
  const options = { instead: before.queue_id, ...(delaySeconds !== undefined && { delaySeconds }) };
  await trx
    .updateTable('job')
    .set({ queue_id: await queue.send(trx, job, options) })
    .where('id', '=', job.id)
    .execute();
}

export type Ending = {
  filename: string | null;
  duration: number | null;
  channels: number | null;
} & ({ result: Buffer } | { error: { code: JobErrorCode; message: string } });

export type JobEnd = {
  ending: Ending;
  delivery: NewDelivery | null;
  /** Audio downloaded for this job, owned by it from now on. */
  fetched: NewAudio | null;
};

/**
 * Writes the end, opens the callback and marks its endpoint due in ONE transaction. False when this run no longer
 * owns the job: nothing was written. Everything was rendered before: a transaction is no place for long work.
 */
export async function finishJob(
  db: TellingDb,
  id: string,
  run: number,
  { ending, delivery, fetched }: JobEnd,
): Promise<boolean> {
  return db.commit(async (trx) => {
    const owned = await trx
      .selectFrom('job')
      .select('id')
      .where('id', '=', id)
      .where('run', '=', run)
      .where('state', '=', 'processing')
      .forUpdate()
      .executeTakeFirst();
    if (!owned) return false;
    if (fetched) await trx.insertInto('audio').values(fetched).execute();
    const { change } = await trx
      .updateTable('job')
      .set({
        state: 'result' in ending ? 'done' : 'error',
        lease_until: null,
        completed_at: sql`now()`,
        filename: ending.filename,
        duration: ending.duration,
        channels: ending.channels,
        ...(fetched && { audio_id: fetched.id }),
        ...('result' in ending
          ? { result: sql<string>`${ending.result}` }
          : { error_code: ending.error.code, error_message: ending.error.message }),
      })
      .where('id', '=', id)
      .returning(jobChange)
      .executeTakeFirstOrThrow();
    trx.changed.push(change);
    if (delivery) await openDelivery(trx, delivery);
    return true;
  });
}

export function findJob(db: Db, accountId: string, id: string): Promise<JobRow | undefined> {
  return db
    .selectFrom('job')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** Whether it waits or runs; false for one that is not there. */
export async function isUnfinished(db: Db, accountId: string, id: string): Promise<boolean> {
  const job = await db
    .selectFrom('job')
    .select('id')
    .where('account_id', '=', accountId)
    .where('id', '=', id)
    .where('state', 'in', ['queued', 'processing'])
    .executeTakeFirst();
  return job !== undefined;
}

/** Jobs of the account that wait; counted up to `most`. */
export async function countQueued(db: Db, accountId: string, most: number): Promise<number> {
  const { rows } = await sql<{ waiting: number }>`
    SELECT count(*) AS waiting FROM (
      SELECT FROM job WHERE account_id = ${accountId} AND state = 'queued' LIMIT ${most}) AS queued`.execute(
    db,
  );
  return rows[0]?.waiting ?? 0;
}

/** Which of these jobs have not ended. */
export async function unfinishedAmong(db: Db, ids: readonly string[]): Promise<Set<string>> {
  const rows = await db
    .selectFrom('job')
    .select('id')
    .where('id', '=', sql<string>`ANY(${ids}::uuid[])`)
    .where('state', 'in', ['queued', 'processing'])
    .execute();
  return new Set(rows.map(({ id }) => id));
}

export type Deleted = { audioId: string | null } | 'unknown' | 'unfinished';

/** Removes the job and its words; its deliveries stay as a record without a body. Audio no other job uses is returned for removal. */
export function deleteJob(db: TellingDb, accountId: string, id: string): Promise<Deleted> {
  return db.commit(async (trx) => {
    const job = await trx
      .selectFrom('job')
      .select(['state', 'audio_id'])
      .where('account_id', '=', accountId)
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (!job) return 'unknown';
    if (job.state !== 'done' && job.state !== 'error') return 'unfinished';
    await cancelDeliveries(trx, id, 'the transcription was deleted');
    await trx.deleteFrom('job').where('id', '=', id).execute();
    if (job.audio_id === null) return { audioId: null };
    const shared = await trx
      .selectFrom('job')
      .select('id')
      .where('audio_id', '=', job.audio_id)
      .limit(1)
      .executeTakeFirst();
    if (shared) return { audioId: null };
    await trx.deleteFrom('audio').where('id', '=', job.audio_id).execute();
    return { audioId: job.audio_id };
  });
}

/** Runs whose lease ran out (the process died): back to the queue, or out of chances. */
export async function expireRuns(
  db: TellingDb,
  queue: Pick<Queue, 'send'>,
  giveUp: (job: JobRow & { callback: Callback | null }) => {
    error: { code: JobErrorCode; message: string };
    delivery: NewDelivery | null;
  },
): Promise<{ requeued: number; failed: number }> {
  return db.commit(async (trx) => {
    const rows = await trx
      .selectFrom('job')
      .selectAll()
      .where('state', '=', 'processing')
      .where('lease_until', '<', sql<Date>`now()`)
      .limit(100)
      .forUpdate()
      .skipLocked()
      .execute();
    let failed = 0;
    for (const row of rows) {
      if (row.run < MAX_RUNS) {
        const { change } = await trx
          .updateTable('job')
          .set({ state: 'queued', lease_until: null })
          .where('id', '=', row.id)
          .returning(jobChange)
          .executeTakeFirstOrThrow();
        trx.changed.push(change);
        await requeue(trx, queue, { id: row.id, accountId: row.account_id });
        continue;
      }
      failed++;
      const { error, delivery } = giveUp({ ...row, callback: callbackOf(row) });
      const { change } = await trx
        .updateTable('job')
        .set({
          state: 'error',
          lease_until: null,
          completed_at: sql`now()`,
          error_code: error.code,
          error_message: error.message,
        })
        .where('id', '=', row.id)
        .returning(jobChange)
        .executeTakeFirstOrThrow();
      trx.changed.push(change);
      if (delivery) await openDelivery(trx, delivery);
    }
    return { requeued: rows.length - failed, failed };
  });
}

/** Queued rows that no live queue job stands for (it was lost, deleted or given up) get a new one. */
export async function requeueForgotten(db: TellingDb, queue: Pick<Queue, 'send' | 'alive'>): Promise<number> {
  let forgotten = 0;
  // All of them: a lost job may stand behind thousands of somebody else's that are well.
  for (let after = NONE; ; ) {
    const page = await db
      .selectFrom('job')
      .select(['id', 'account_id', 'queue_id'])
      .where('state', '=', 'queued')
      .where('id', '>', after)
      .orderBy('id')
      .limit(PAGE)
      .execute();
    forgotten += await requeueDead(db, queue, page);
    const last = page.at(-1);
    if (page.length < PAGE || !last) return forgotten;
    after = last.id;
  }
}

const NONE = '00000000-0000-0000-0000-000000000000';
const PAGE = 1_000;

async function requeueDead(
  db: TellingDb,
  queue: Pick<Queue, 'send' | 'alive'>,
  queued: readonly Pick<JobRow, 'id' | 'account_id' | 'queue_id'>[],
): Promise<number> {
  const alive = await queue.alive(
    db,
    queued.flatMap((row) => row.queue_id ?? []),
  );
  const forgotten = queued.filter((row) => row.queue_id === null || !alive.has(row.queue_id));
  for (const { id, account_id, queue_id } of forgotten)
    await db.commit(async (trx) => {
      const row = await trx
        .selectFrom('job')
        .select('id')
        .where('id', '=', id)
        .where('state', '=', 'queued')
        .where('queue_id', 'is not distinct from', queue_id)
        .forUpdate()
        .skipLocked()
        .executeTakeFirst();
      if (row) await requeue(trx, queue, { id, accountId: account_id });
    });
  return forgotten.length;
}

/** After a kill -9 of the only process: no lease can still be held by a living one. */
export async function endAllRuns(db: Db): Promise<void> {
  await db
    .updateTable('job')
    .set({ lease_until: sql`'-infinity'` })
    .where('state', '=', 'processing')
    .execute();
}
