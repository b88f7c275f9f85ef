// What is older than the retention goes: the records of what was delivered, results, their audio. A batch at a
// time and around rows that others hold, so nobody waits for it, and any number of processes may do it at once.
//
// A job goes with its words everywhere: its result, its audio, the bodies of its callbacks. What is unfinished stays:
// a job whose callback is still under way keeps all of them until that has ended, however long it takes.
import { type RawBuilder, sql } from 'kysely';
import type { Logger } from 'pino';
import { type Chore, startChore } from '../chore.ts';
import type { AudioFolder } from './audio.ts';
import type { Db, TellingDb, Trx } from './database.ts';
import { sweepRemoved } from './endpoint-removal.ts';
import { removeOrphans } from './orphans.ts';
import { giveUpWaiting, removeEmptyHosts, removeIdleEndpoints } from './retention-endpoints.ts';
import { sweepWebhooks } from './webhooks.ts';

export type RetentionDeps = {
  db: TellingDb;
  audio: AudioFolder;
  /** Milliseconds since the end of whatever is removed. */
  retentionMs: number;
  log: Logger;
};

const HOUR_MS = 3_600_000;
/** Looking through the whole folder is for the rare crash; it need not be often. */
const ORPHANS_EVERY_MS = 6 * HOUR_MS;
/** Endpoints and webhooks that their owner has removed, and that something was still being sent to. */
const SWEEP_EVERY_MS = 15_000;

/** Removes at once, then every hour, or ten times within a retention that is shorter. */
export function startRetention(deps: RetentionDeps): () => Promise<void> {
  const stopping = new AbortController();
  let orphansDue = 0;
  const everyMs = Math.min(HOUR_MS, deps.retentionMs / 10);
  const chore: Chore = startChore('retention', everyMs, deps.log, async () => {
    const removed = await removeExpired(deps, stopping.signal);
    if (Object.values(removed).some((count) => count > 0)) deps.log.info(removed, 'retention');
    if (performance.now() < orphansDue) return;
    await removeOrphans(deps, stopping.signal);
    orphansDue = performance.now() + ORPHANS_EVERY_MS;
  });
  const sweep: Chore = startChore('removed endpoints and webhooks', SWEEP_EVERY_MS, deps.log, async () => {
    await sweepRemoved(deps.db);
    await sweepWebhooks(deps.db);
  });
  return async () => {
    stopping.abort();
    await Promise.all([chore.stop(), sweep.stop()]);
  };
}

export type Removed = {
  jobs: number;
  audio: number;
  deliveries: number;
  replays: number;
  endpoints: number;
  hosts: number;
  /** Callbacks that waited for a receiver that is gone: cancelled. */
  given_up: number;
};

/** One round. Stops between two batches when the signal says so. */
export async function removeExpired(
  { db, audio, retentionMs }: RetentionDeps,
  signal: AbortSignal,
): Promise<Removed> {
  // One border for the whole round, by the database's clock.
  const { rows } = await sql<{ border: string }>`
    SELECT (now() - ${retentionMs} * interval '1 millisecond')::text AS border`.execute(db);
  const { border } = rows[0] as { border: string };
  // First of all: what keeps a job is then over.
  const given_up = await inBatches(signal, (look) => giveUpWaiting(db, { border, ...look }));
  // Before the jobs: the body of what goes need not be emptied first.
  const deliveries = await inBatches(signal, (look) => removeDeliveries(db, { border, ...look }));
  const jobs = await inBatches(signal, (look) =>
    db.transaction().execute((trx) => removeJobs(trx, { border, ...look })),
  );
  const removedAudio = await inBatches(signal, async (look) => {
    const { ids, ...batch } = await db
      .transaction()
      .execute((trx) => removeAudioRows(trx, { border, ...look }));
    // After the commit: a file without a row is rubbish, a row without a file would be a lie.
    await Promise.all(ids.map((id) => audio.remove(id)));
    return batch;
  });
  const replays = await inBatches(signal, ({ most }) => removeReplays(db, border, most));
  await inBatches(signal, ({ most }) => removeHours(db, border, most));
  // After the hours, which tell of those that are in use.
  const endpoints = await inBatches(signal, (look) =>
    db.transaction().execute((trx) => removeIdleEndpoints(trx, { border, ...look })),
  );
  const hosts = await inBatches(signal, (look) =>
    db.transaction().execute((trx) => removeEmptyHosts(trx, look)),
  );
  return { jobs, audio: removedAudio, deliveries, replays, endpoints, hosts, given_up };
}

/** Rows go by time, and by id where times are equal. */
type Place = { at: string; id: string };
const BEGINNING: Place = { at: '-infinity', id: '00000000-0000-0000-0000-000000000000' };

/** Rows to look at, behind a place. */
export type Look = { after: Place; most: number };
export type Expired = Look & { border: string };
/** `last` is where it ended; null: there is no order to go on in, what is left is at the beginning. */
export type Batch = { found: number; removed: number; last: Place | null };

const FIRST = 500;
const LEAST = 20;
const MOST = 2_000;
/** A batch's transaction; none of its statements may take much longer, as others share the disk and the processor. */
const TARGET_MS = 100;

async function inBatches(signal: AbortSignal, batch: (look: Look) => Promise<Batch>): Promise<number> {
  let total = 0;
  let after = BEGINNING;
  for (let most = FIRST; !signal.aborted; ) {
    const started = performance.now();
    const { found, removed, last } = await batch({ after, most });
    total += removed;
    if (found < most) break;
    after = last ?? BEGINNING;
    most = nextSize(most, performance.now() - started);
  }
  return total;
}

/** Rows with bodies of megabytes take long, others do not. */
export function nextSize(size: number, tookMs: number): number {
  const factor = Math.min(2, Math.max(0.5, TARGET_MS / Math.max(1, tookMs)));
  return Math.min(MOST, Math.max(LEAST, Math.round(size * factor)));
}

const unfinished = sql`EXISTS (
  SELECT FROM delivery WHERE delivery.job_id = job.id AND delivery.state IN ('pending', 'delivering'))`;

async function removeJobs(trx: Trx, look: Expired): Promise<Batch> {
  const { ids, ...seen } = await expired(trx, sql`job`, sql`completed_at`, look);
  const free = await locked(trx, sql`job WHERE job.id = ANY(${ids}::uuid[]) AND NOT ${unfinished}`);
  await sql`
    UPDATE delivery SET full_body = NULL, reference_body = NULL
    WHERE job_id = ANY(${free}::uuid[]) AND state NOT IN ('pending', 'delivering') AND full_body IS NOT NULL`.execute(
    trx,
  );
  // Asked once more, now that the deliveries are locked: one may have been sent again since the first look.
  const removed = await sql`
    DELETE FROM job WHERE id = ANY(${free}::uuid[]) AND NOT ${unfinished}`.execute(trx);
  return { ...seen, removed: Number(removed.numAffectedRows) };
}

const inUse = sql`EXISTS (SELECT FROM job WHERE job.audio_id = audio.id)`;

async function removeAudioRows(trx: Trx, look: Expired): Promise<Batch & { ids: string[] }> {
  const { ids, ...seen } = await expired(trx, sql`audio`, sql`created_at`, look);
  const free = await locked(trx, sql`audio WHERE audio.id = ANY(${ids}::uuid[]) AND NOT ${inUse}`);
  // A job that was made since the first look is seen by this one; one that is being made waits for the lock, and is refused.
  const removed = await sql<{ id: string }>`
    DELETE FROM audio WHERE id = ANY(${free}::uuid[]) AND NOT ${inUse} RETURNING id`.execute(trx);
  return { ...seen, removed: removed.rows.length, ids: removed.rows.map((row) => row.id) };
}

async function removeDeliveries(db: Db, look: Expired): Promise<Batch> {
  const { ids, ...seen } = await expired(db, sql`delivery`, sql`final_at`, look);
  // One that was sent again since has no such time any more.
  const removed = await sql`
    DELETE FROM delivery WHERE id = ANY(ARRAY(
      SELECT id FROM delivery WHERE id = ANY(${ids}::uuid[]) AND final_at < ${look.border}::timestamptz
      FOR UPDATE SKIP LOCKED))`.execute(db);
  return { ...seen, removed: Number(removed.numAffectedRows) };
}

/**
 * The next rows before the border, whatever becomes of them: a statement that went on until it had found enough to remove
 * could go past any number of those that stay.
 */
async function expired(
  db: Db,
  table: RawBuilder<unknown>,
  time: RawBuilder<unknown>,
  { border, after, most }: Expired,
): Promise<{ ids: string[]; found: number; last: Place | null }> {
  const { rows } = await sql<Place>`
    SELECT id, ${time}::text AS at FROM ${table}
    WHERE ${time} < ${border}::timestamptz AND (${time}, id) > (${after.at}::timestamptz, ${after.id}::uuid)
    ORDER BY ${table}.${time}, id LIMIT ${most}`.execute(db);
  return { ids: rows.map((row) => row.id), found: rows.length, last: rows.at(-1) ?? null };
}

/** Those that nobody else holds. */
async function locked(trx: Trx, which: RawBuilder<unknown>): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`SELECT id FROM ${which} FOR UPDATE SKIP LOCKED`.execute(trx);
  return rows.map((row) => row.id);
}

async function removeReplays(db: Db, border: string, most: number): Promise<Batch> {
  const { rows } = await sql`
    DELETE FROM replay WHERE id = ANY(ARRAY(
      SELECT id FROM replay WHERE finished_at < ${border}::timestamptz LIMIT ${most} FOR UPDATE SKIP LOCKED))
    RETURNING id`.execute(db);
  return { found: rows.length, removed: rows.length, last: null };
}

/** How endpoints answered, by the hour. */
async function removeHours(db: Db, border: string, most: number): Promise<Batch> {
  const { rows } = await sql`
    WITH old AS (
      SELECT endpoint_id, hour FROM endpoint_hour WHERE hour < ${border}::timestamptz LIMIT ${most}
      FOR UPDATE SKIP LOCKED)
    DELETE FROM endpoint_hour USING old
    WHERE endpoint_hour.endpoint_id = old.endpoint_id AND endpoint_hour.hour = old.hour
    RETURNING endpoint_hour.hour`.execute(db);
  return { found: rows.length, removed: rows.length, last: null };
}
