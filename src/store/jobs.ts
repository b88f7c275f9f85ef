// Jobs from their first start to their end; submissions.ts makes them. Every write after the claim carries the run it
// belongs to, and does nothing when another run has taken over.
import { type Selectable, sql, type UpdateObject } from 'kysely';
import type { Callback } from '../delivery.ts';
import type { JobErrorCode } from '../errors.ts';
import { plainNumbers } from '../exact-json.ts';
import { MAX_RUNS } from '../job.ts';
import type { Subscriber } from '../webhook.ts';
import type { NewAudio } from './audio.ts';
import { jobChange } from './changes.ts';
import type { Db, TellingDb, TellingTrx, Trx } from './database.ts';
import { cancelDeliveries, type NewDelivery, openDeliveries } from './deliveries.ts';
import { metadataOf } from './metadata.ts';
import type { Json, Schema } from './schema.ts';
import { heardBy } from './webhook-match.ts';
import { type Heard, openJobNotices } from './webhook-notices.ts';

export type JobRow = Selectable<Schema['job']>;

export type Started = Pick<
  JobRow,
  | 'id'
  | 'run'
  | 'refunded'
  | 'account_id'
  | 'audio_url'
  | 'audio_id'
  | 'fetched'
  | 'trace'
  | 'waits_since'
  | 'started_at'
> & {
  /** As it was sent, but with numbers to count with. */
  request: Record<string, Json>;
  /** As it was sent, to the letter. */
  custom_metadata: Record<string, Json> | null;
  created_at: Date;
  /** When this run began, by the database's clock. */
  claimed_at: Date;
  callback: Callback | null;
};

/** Claims the job for one run; undefined when it is not to be run: it is finished, deleted or running elsewhere. */
export function startJob(db: TellingDb, id: string, leaseMs: number): Promise<Started | undefined> {
  return db.commit(async (trx) => {
    const queued = await trx
      .selectFrom('job')
      .select(['id', 'state'])
      .where('id', '=', id)
      .where('state', '=', 'queued')
      .forUpdate()
      .execute();
    const [started] = await startJobs(trx, queued, leaseMs);
    return started;
  });
}

/** The same for jobs that this transaction has chosen and locked: they are started in their order. */
export async function startJobs(
  trx: TellingTrx,
  chosen: readonly Pick<JobRow, 'id' | 'state'>[],
  leaseMs: number,
): Promise<Started[]> {
  if (chosen.length === 0) return [];
  const rows = await trx
    .updateTable('job')
    .set({
      state: 'processing',
      run: sql<number>`run + 1`,
      started_at: sql<Date>`coalesce(started_at, now())`,
      lease_until: sql<Date>`now() + ${leaseMs} * interval '1 millisecond'`,
    })
    .where('id', '=', sql<string>`ANY(${chosen.map(({ id }) => id)}::uuid[])`)
    .returningAll()
    .returning([jobChange, heardBy('started'), sql<Date>`now()`.as('claimed_at')])
    .execute();
  const byId = new Map(rows.map((row) => [row.id, row]));
  const heard: Heard[] = [];
  const all = chosen.flatMap(({ id, state }) => {
    const row = byId.get(id);
    if (!row) return [];
    const { change, subscribers, ...started } = row;
    const { request, ...shown } = endable(started);
    // Once: one that was put back and begins again has begun before.
    if (row.run === 1)
      heard.push({ id, accountId: row.account_id, customMetadata: shown.custom_metadata, subscribers });
    // One that was downloaded and waited for a place is processing as before: nobody is told.
    if (state === 'queued') trx.changed.push(change);
    return [{ ...shown, request: plainNumbers(request) }];
  });
  await openJobNotices(trx, { event: 'started' }, heard);
  return all;
}

/** The lease of a downloaded job that waits for a place: nobody works on it, and nothing runs out. */
const INFINITY = sql<Date>`'infinity'::timestamptz`;

/** What the end of a job, and its callback, is made of; of its metadata the very letters. */
export type Endable<Row = JobRow> = Row & Pick<Started, 'custom_metadata' | 'callback'>;

export function endable<Row extends JobRow>(row: Row): Endable<Row> {
  return { ...row, custom_metadata: metadataOf(row.request), callback: callbackOf(row) };
}

function callbackOf(row: JobRow): Callback | null {
  if (row.callback_url === null || row.callback_method === null || row.callback_form === null) return null;
  return {
    url: row.callback_url,
    method: row.callback_method,
    form: row.callback_form,
    gzip: row.callback_gzip,
    headers: row.callback_headers,
    format: row.callback_format,
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
    .where('lease_until', '<', INFINITY)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Which of these runs are still theirs who began them: not ended, cancelled, deleted or taken over. */
export async function runsHeld(db: Db, runs: ReadonlyMap<string, number>): Promise<Set<string>> {
  const rows = await db
    .selectFrom('job')
    .select(['id', 'run'])
    .where('id', '=', sql<string>`ANY(${[...runs.keys()]}::uuid[])`)
    .where('state', '=', 'processing')
    .execute();
  return new Set(rows.filter(({ id, run }) => runs.get(id) === run).map(({ id }) => id));
}

/**
 * The download is over: the audio belongs to the job from now on, which waits for a place without a lease that could run
 * out. `already`: an earlier try was written although its answer got lost. `lost`: another run has the job, or it ended.
 */
export function parkFetched(
  db: Db,
  id: string,
  run: number,
  audio: NewAudio,
): Promise<'written' | 'already' | 'lost'> {
  return db.transaction().execute(async (trx) => {
    const job = await trx
      .selectFrom('job')
      .select(['state', 'run', 'audio_id'])
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (job?.audio_id === audio.id) return 'already';
    if (job?.state !== 'processing' || job.run !== run) return 'lost';
    await trx.insertInto('audio').values(audio).execute();
    await trx
      .updateTable('job')
      .set({ audio_id: audio.id, fetched: true, lease_until: INFINITY, waits_since: sql`now()` })
      .where('id', '=', id)
      .execute();
    return 'written';
  });
}

/** Starts that count: not those given back, nor the one that downloaded the audio, which came to its end. */
export function runsOf({ run, refunded, fetched }: Pick<JobRow, 'run' | 'refunded' | 'fetched'>): number {
  return run - refunded - (fetched ? 1 : 0);
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
export function handBackJob(
  db: TellingDb,
  { id, run }: Pick<JobRow, 'id' | 'run'>,
  { delaySeconds = 0, counts = false }: HandBack = {},
): Promise<void> {
  return db.commit(async (trx) => {
    const row = await trx
      .updateTable('job')
      .set({
        state: 'queued',
        lease_until: null,
        waits_since: sql`now()`,
        start_after: sql`now() + ${delaySeconds} * interval '1 second'`,
        ...(!counts && { refunded: sql`refunded + 1` }),
      })
      .where('id', '=', id)
      .where('run', '=', run)
      .where('state', '=', 'processing')
      .where('lease_until', '<', INFINITY)
      .returning(jobChange)
      .executeTakeFirst();
    if (row) trx.changed.push(row.change);
  });
}

export type Ending = {
  filename: string | null;
  duration: number | null;
  channels: number | null;
} & ({ result: Buffer } | { error: JobFailure });

type JobFailure = { code: JobErrorCode; message: string };
/** What its end owes those who hear of it. */
type Owed = {
  /** Its own callback. */
  delivery: NewDelivery | null;
  /** To a webhook that hears of it; absent where none can. */
  forWebhook?: (subscriber: Subscriber) => NewDelivery;
};
/** Why it ends without a result, and its error callback. */
export type JobFailed = Owed & { error: JobFailure };

export type JobEnd = Owed & { ending: Ending };

/** `already`: this very run's end is in the row, by a commit whose answer was lost. `lost`: another run has the job. */
export type Finished = 'written' | 'already' | 'lost';

/**
 * Writes the end, opens the deliveries and marks their endpoints due in ONE transaction, once, however often it is asked for.
 * Everything was rendered before: a transaction is no place for long work.
 */
export async function finishJob(
  db: TellingDb,
  id: string,
  run: number,
  { ending, ...owed }: JobEnd,
): Promise<Finished> {
  return db.commit(async (trx): Promise<Finished> => {
    const owned = await trx
      .selectFrom('job')
      .select(['state', 'audio_id', 'fetched'])
      .where('id', '=', id)
      .where('run', '=', run)
      .forUpdate()
      .executeTakeFirst();
    if (!owned) return 'lost';
    const end = 'result' in ending ? 'done' : 'error';
    if (owned.state !== 'processing') return owned.state === end ? 'already' : 'lost';
    if (owned.fetched) await settleFetched(trx, owned.audio_id, ending);
    await endJob(trx, id, { state: end, ...columnsOf(ending) }, owed);
    return 'written';
  });
}

function columnsOf({ filename, duration, channels, ...ending }: Ending) {
  const heard = { filename, duration, channels };
  return 'result' in ending
    ? { ...heard, result: sql<string>`${ending.result}` }
    : { ...heard, ...failedBy(ending.error) };
}

function failedBy({ code, message }: JobFailure) {
  return { error_code: code, error_message: message };
}

/** The columns of an end that every end sets; its result, of megabytes, is none of them. */
const ENDED = ['state', 'audio_id', 'lease_until', 'completed_at', 'error_code', 'error_message'] as const;

/** Every job ends here, in the transaction that has locked it: its row, those told of it, its callback and its webhooks. */
async function endJob(
  trx: TellingTrx,
  id: string,
  end: UpdateObject<Schema, 'job'>,
  { delivery, forWebhook }: Owed,
): Promise<Pick<JobRow, (typeof ENDED)[number]>> {
  const event = end.state === 'done' ? 'success' : end.error_code === 'cancelled' ? 'cancelled' : 'error';
  const { change, subscribers, ...ended } = await trx
    .updateTable('job')
    .set({ ...end, lease_until: null, completed_at: sql`now()` })
    .where('id', '=', id)
    .returning(ENDED)
    .returning([jobChange, heardBy(event)])
    .executeTakeFirstOrThrow();
  trx.changed.push(change);
  if (subscribers !== null && !forWebhook) throw new Error(`job ${id} ends without a word for its webhooks`);
  const owed = forWebhook ? (subscribers ?? []).map(forWebhook) : [];
  await openDeliveries(trx, delivery ? [delivery, ...owed] : owed);
  return ended;
}

/** The same for one that ends without a result. */
export function failJob(trx: TellingTrx, id: string, { error, ...owed }: JobFailed) {
  return endJob(trx, id, { state: 'error', ...failedBy(error) }, owed);
}

/** What was downloaded is measured now; of a job that failed it goes, and its file is the caller's to remove. */
async function settleFetched(trx: Trx, audioId: string | null, ending: Ending): Promise<void> {
  if ('error' in ending) await trx.deleteFrom('audio').where('id', '=', audioId).execute();
  else
    await trx
      .updateTable('audio')
      .set({ duration: ending.duration, channels: ending.channels })
      .where('id', '=', audioId)
      .execute();
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
      .select(['state', 'audio_id', 'request'])
      .select(heardBy('cancelled'))
      .where('account_id', '=', accountId)
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (!job) return 'unknown';
    if (job.state === 'processing') return 'unfinished';
    await cancelDeliveries(trx, id, 'the transcription was deleted');
    if (job.state === 'queued') await tellDeleted(trx, { id, accountId, ...job });
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

/** It was to be done, and will not be: who heard that it was made hears of that. */
async function tellDeleted(
  trx: TellingTrx,
  { request, ...job }: Omit<Heard, 'customMetadata'> & Pick<JobRow, 'request'>,
): Promise<void> {
  const message = 'The transcription was deleted before it began.';
  await openJobNotices(trx, { event: 'cancelled', code: 'cancelled', message }, [
    { ...job, customMetadata: metadataOf(request) },
  ]);
}

/** Runs whose lease ran out (the process died): back to the queue, or out of chances. */
export async function expireRuns(
  db: TellingDb,
  giveUp: (job: Endable) => JobFailed,
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
      if (runsOf(row) < MAX_RUNS) {
        const { change } = await trx
          .updateTable('job')
          .set({ state: 'queued', lease_until: null, waits_since: sql`now()` })
          .where('id', '=', row.id)
          .returning(jobChange)
          .executeTakeFirstOrThrow();
        trx.changed.push(change);
        continue;
      }
      failed++;
      await failJob(trx, row.id, giveUp(endable(row)));
    }
    return { requeued: rows.length - failed, failed };
  });
}

/** After a kill -9 of the only process: no lease can still be held by a living one. */
export async function endAllRuns(db: Db): Promise<void> {
  await db
    .updateTable('job')
    .set({ lease_until: sql`'-infinity'` })
    .where('state', '=', 'processing')
    .where('lease_until', '<', INFINITY)
    .execute();
}
