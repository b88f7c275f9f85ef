// Jobs from the 201 to their end. Every write after the claim carries the run it belongs to, and does nothing when
// another run has taken over.
import { type Selectable, sql } from 'kysely';
import type { DeliveryForm, Method } from '../delivery.ts';
import type { JobErrorCode } from '../errors.ts';
import { MAX_RUNS } from '../job.ts';
import type { NewAudio } from './audio.ts';
import { jobTold } from './changes.ts';
import type { Db, Trx } from './database.ts';
import { cancelDeliveries, type NewDelivery, openDelivery } from './deliveries.ts';
import { type Answer, type KeyedRequest, keepAnswer } from './idempotency.ts';
import type { Queue, QueuedJob } from './queue.ts';
import type { Json, Schema } from './schema.ts';

export type JobRow = Selectable<Schema['job']>;

export type Callback = { url: string; method: Method; form: DeliveryForm; gzip: boolean };

export type NewJob = {
  id: string;
  accountId: string;
  audioUrl: string;
  audioId: string | null;
  request: Record<string, Json>;
  customMetadata: Record<string, Json> | null;
  callback: Callback | null;
};

/** The upload was removed between the look at it and the job's commit. */
export class AudioGone extends Error {
  readonly code = 'audio_gone';
  constructor(options: { cause: unknown }) {
    super('The job names an upload that is not there any more', options);
    this.name = 'AudioGone';
  }
}

/**
 * The row and its queue job, and the answer under the request's key where it has one, committed together: after this
 * the 201 may be sent. Throws {@link AudioGone}, and `idempotency_key_taken`.
 */
export async function insertJob(
  db: Db,
  queue: Pick<Queue, 'send'>,
  job: NewJob,
  keep?: { keyed: KeyedRequest; answer: Answer } | null,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx
      .insertInto('job')
      .values({
        id: job.id,
        account_id: job.accountId,
        audio_url: job.audioUrl,
        audio_id: job.audioId,
        request: JSON.stringify(job.request),
        custom_metadata: job.customMetadata === null ? null : JSON.stringify(job.customMetadata),
        callback_url: job.callback?.url ?? null,
        callback_method: job.callback?.method ?? null,
        callback_form: job.callback?.form ?? null,
        callback_gzip: job.callback?.gzip ?? false,
        queue_id: await queue.send(trx, { id: job.id, accountId: job.accountId }),
      })
      .returning(jobTold)
      .execute()
      .catch((error: { constraint?: unknown }) => {
        throw error.constraint === 'job_audio_id_fkey' ? new AudioGone({ cause: error }) : error;
      });
    if (keep) await keepAnswer(trx, keep.keyed, { job_id: job.id }, keep.answer);
  });
}

export type Started = Pick<
  JobRow,
  'id' | 'run' | 'refunded' | 'account_id' | 'audio_url' | 'audio_id' | 'request' | 'custom_metadata'
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
export async function startJob(
  db: Db,
  id: string,
  leaseMs: number,
  limit: AccountLimit | null = null,
): Promise<Started | undefined> {
  if (limit === null) return claimRun(db, id, leaseMs);
  return db.transaction().execute(async (trx) => {
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

async function claimRun(db: Db, id: string, leaseMs: number): Promise<Started | undefined> {
  const row = await db
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
    .returning([jobTold, sql<Date>`now()`.as('claimed_at')])
    .executeTakeFirst();
  return row && { ...row, callback: callbackOf(row) };
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

/** Starts that count. */
export function runsOf({ run, refunded }: Pick<JobRow, 'run' | 'refunded'>): number {
  return run - refunded;
}

export type HandBack = {
  /** Seconds until somebody may start it again. */
  delaySeconds?: number;
  /** Whether the run counts. */
  counts?: boolean;
};

/**
 * Back to the queue, by its own run: we shut down, or something of ours is short. May be asked for again when its outcome
 * is not known: no later run has the number of this one.
 */
export async function handBackJob(
  db: Db,
  queue: Pick<Queue, 'send'>,
  { id, run }: Pick<JobRow, 'id' | 'run'>,
  { delaySeconds, counts = false }: HandBack = {},
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const row = await trx
      .updateTable('job')
      .set({ state: 'queued', lease_until: null, ...(!counts && { refunded: sql`refunded + 1` }) })
      .where('id', '=', id)
      .where('run', '=', run)
      .where('state', '=', 'processing')
      .returning(['account_id', jobTold])
      .executeTakeFirst();
    if (row) await requeue(trx, queue, { id, accountId: row.account_id }, delaySeconds);
  });
}

async function requeue(
  trx: Trx,
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

/** `already`: this very run's end is in the row, by a commit whose answer was lost. `lost`: another run has the job. */
export type Finished = 'written' | 'already' | 'lost';

/**
 * Writes the end, opens the callback and marks its endpoint due in ONE transaction, once, however often it is asked for.
 * Everything was rendered before: a transaction is no place for long work.
 */
export async function finishJob(
  db: Db,
  id: string,
  run: number,
  { ending, delivery, fetched }: JobEnd,
): Promise<Finished> {
  return db.transaction().execute(async (trx): Promise<Finished> => {
    const owned = await trx
      .selectFrom('job')
      .select(['state', 'audio_id'])
      .where('id', '=', id)
      .where('run', '=', run)
      .forUpdate()
      .executeTakeFirst();
    if (!owned || owned.state === 'queued') return 'lost';
    if (owned.state !== 'processing')
      // Given up by the reconciler in this run's name, the audio is not in the row.
      return !fetched || owned.audio_id === fetched.id ? 'already' : 'lost';
    if (fetched) await trx.insertInto('audio').values(fetched).execute();
    await trx
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
      .returning(jobTold)
      .execute();
    if (delivery) await openDelivery(trx, delivery);
    return 'written';
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
export function deleteJob(db: Db, accountId: string, id: string): Promise<Deleted> {
  return db.transaction().execute(async (trx) => {
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
  db: Db,
  queue: Pick<Queue, 'send'>,
  giveUp: (job: JobRow & { callback: Callback | null }) => {
    error: { code: JobErrorCode; message: string };
    delivery: NewDelivery | null;
  },
): Promise<{ requeued: number; failed: number }> {
  return db.transaction().execute(async (trx) => {
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
      if (runsOf(row) < MAX_RUNS) {
        await trx
          .updateTable('job')
          .set({ state: 'queued', lease_until: null })
          .where('id', '=', row.id)
          .returning(jobTold)
          .execute();
        await requeue(trx, queue, { id: row.id, accountId: row.account_id });
        continue;
      }
      failed++;
      const { error, delivery } = giveUp({ ...row, callback: callbackOf(row) });
      await trx
        .updateTable('job')
        .set({
          state: 'error',
          lease_until: null,
          completed_at: sql`now()`,
          error_code: error.code,
          error_message: error.message,
        })
        .where('id', '=', row.id)
        .returning(jobTold)
        .execute();
      if (delivery) await openDelivery(trx, delivery);
    }
    return { requeued: rows.length - failed, failed };
  });
}

/** Queued rows that no live queue job stands for (it was lost, deleted or given up) get a new one. */
export async function requeueForgotten(db: Db, queue: Pick<Queue, 'send' | 'alive'>): Promise<number> {
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
  db: Db,
  queue: Pick<Queue, 'send' | 'alive'>,
  queued: readonly Pick<JobRow, 'id' | 'account_id' | 'queue_id'>[],
): Promise<number> {
  const alive = await queue.alive(
    db,
    queued.flatMap((row) => row.queue_id ?? []),
  );
  const forgotten = queued.filter((row) => row.queue_id === null || !alive.has(row.queue_id));
  for (const { id, account_id, queue_id } of forgotten)
    await db.transaction().execute(async (trx) => {
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
