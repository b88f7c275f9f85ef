// What is older than the retention goes: results with their audio, then the records of what was delivered. A batch at a
// time and around rows that others hold, so nobody waits for it, and any number of processes may do it at once.
//
// A job goes with its words everywhere: its result, its audio, the bodies of its callbacks. What is unfinished stays:
// a job whose callback is still under way keeps all of them until that has ended, however long it takes.
import { sql } from 'kysely';
import type { Logger } from 'pino';
import { type Chore, startChore } from '../chore.ts';
import type { AudioFolder } from './audio.ts';
import type { Db, Trx } from './database.ts';
import { removeOrphans } from './orphans.ts';

export type RetentionDeps = {
  db: Db;
  audio: AudioFolder;
  /** Milliseconds since the end of whatever is removed. */
  retentionMs: number;
  log: Logger;
};

const HOUR_MS = 3_600_000;
/** Looking through the whole folder is for the rare crash; it need not be often. */
const ORPHANS_EVERY_MS = 6 * HOUR_MS;

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
  return async () => {
    stopping.abort();
    await chore.stop();
  };
}

export type Removed = { jobs: number; audio: number; deliveries: number; replays: number };

/** Rows in one transaction. */
const BATCH = 500;

/** One round. Stops between two batches when the signal says so. */
export async function removeExpired(
  { db, audio, retentionMs }: RetentionDeps,
  signal: AbortSignal,
): Promise<Removed> {
  // One border for the whole round, by the database's clock.
  const { rows } = await sql<{ border: string }>`
    SELECT (now() - ${retentionMs} * interval '1 millisecond')::text AS border`.execute(db);
  const { border } = rows[0] as { border: string };
  const inBatches = async (batch: () => Promise<{ found: number; removed: number }>) => {
    let total = 0;
    for (;;) {
      if (signal.aborted) return total;
      const { found, removed } = await batch();
      total += removed;
      if (found < BATCH) return total;
    }
  };

  let from = '-infinity';
  const jobs = await inBatches(async () => {
    const { last, ...counts } = await db.transaction().execute((trx) => removeJobs(trx, border, from));
    from = last ?? from;
    return counts;
  });
  const removedAudio = await inBatches(async () => {
    const { found, ids } = await db.transaction().execute((trx) => removeAudioRows(trx, border));
    // After the commit: a file without a row is rubbish, a row without a file would be a lie.
    for (const id of ids) await audio.remove(id);
    return { found, removed: ids.length };
  });
  const deliveries = await inBatches(() => removeDeliveries(db, border));
  const replays = await inBatches(() => removeReplays(db, border));
  await inBatches(() => removeHours(db, border));
  return { jobs, audio: removedAudio, deliveries, replays };
}

const unfinished = sql`EXISTS (
  SELECT FROM delivery WHERE delivery.job_id = job.id AND delivery.state IN ('pending', 'delivering'))`;

async function removeJobs(
  trx: Trx,
  border: string,
  from: string,
): Promise<{ found: number; removed: number; last: string | null }> {
  const found = await sql<{ id: string; completed_at: string }>`
    SELECT id, completed_at::text FROM job
    WHERE completed_at < ${border}::timestamptz AND completed_at >= ${from}::timestamptz AND NOT ${unfinished}
    ORDER BY completed_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`.execute(trx);
  const ids = found.rows.map((row) => row.id);
  await sql`
    UPDATE delivery SET full_body = NULL, reference_body = NULL
    WHERE job_id = ANY(${ids}::uuid[]) AND state NOT IN ('pending', 'delivering') AND full_body IS NOT NULL`.execute(
    trx,
  );
  // Asked once more, now that the deliveries are locked: one may have been sent again since the first look.
  const removed = await sql<{ id: string }>`
    DELETE FROM job WHERE id = ANY(${ids}::uuid[]) AND NOT ${unfinished} RETURNING id`.execute(trx);
  return {
    found: ids.length,
    removed: removed.rows.length,
    last: found.rows.at(-1)?.completed_at ?? null,
  };
}

const inUse = sql`EXISTS (SELECT FROM job WHERE job.audio_id = audio.id)`;

async function removeAudioRows(trx: Trx, border: string): Promise<{ found: number; ids: string[] }> {
  const found = await sql<{ id: string }>`
    SELECT id FROM audio WHERE created_at < ${border}::timestamptz AND NOT ${inUse}
    ORDER BY created_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`.execute(trx);
  const ids = found.rows.map((row) => row.id);
  // A job that was made since the first look is seen by this one; one that is being made waits for the lock, and is refused.
  const removed = await sql<{ id: string }>`
    DELETE FROM audio WHERE id = ANY(${ids}::uuid[]) AND NOT ${inUse} RETURNING id`.execute(trx);
  return { found: ids.length, ids: removed.rows.map((row) => row.id) };
}

async function removeDeliveries(db: Db, border: string): Promise<{ found: number; removed: number }> {
  const { rows } = await sql`
    DELETE FROM delivery WHERE id = ANY(ARRAY(
      SELECT id FROM delivery WHERE final_at < ${border}::timestamptz
      ORDER BY final_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED))
    RETURNING id`.execute(db);
  return { found: rows.length, removed: rows.length };
}

async function removeReplays(db: Db, border: string): Promise<{ found: number; removed: number }> {
  const { rows } = await sql`
    DELETE FROM replay WHERE id = ANY(ARRAY(
      SELECT id FROM replay WHERE finished_at < ${border}::timestamptz LIMIT ${BATCH} FOR UPDATE SKIP LOCKED))
    RETURNING id`.execute(db);
  return { found: rows.length, removed: rows.length };
}

/** How endpoints answered, by the hour. */
async function removeHours(db: Db, border: string): Promise<{ found: number; removed: number }> {
  const { rows } = await sql`
    WITH old AS (
      SELECT endpoint_id, hour FROM endpoint_hour WHERE hour < ${border}::timestamptz LIMIT ${BATCH}
      FOR UPDATE SKIP LOCKED)
    DELETE FROM endpoint_hour USING old
    WHERE endpoint_hour.endpoint_id = old.endpoint_id AND endpoint_hour.hour = old.hour
    RETURNING endpoint_hour.hour`.execute(db);
  return { found: rows.length, removed: rows.length };
}
