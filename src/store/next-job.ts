// Whose job is next. The rows are the queue: a process with a free place asks, and gets the oldest job of the account
// that has the fewest under way, in all processes; of equals, the one that was served longest ago. So 300 jobs of one
// account stand in nobody else's way, whatever came first.
//
// Two stages take turns apart from one another: downloads, and transcriptions of what is there.
import { type RawBuilder, sql } from 'kysely';
import type { JobState } from '../job.ts';
import type { Db, TellingDb, TellingTrx, Trx } from './database.ts';
import { type Started, startJobs } from './jobs.ts';

export type Stage = 'fetch' | 'transcribe';

export type NextJob = {
  leaseMs: number;
  /** Fetch: downloaded jobs of an account that may wait for a place. Transcribe: its runs at a time. Null: any number. */
  most: number | null;
  /** Accounts that are passed over: this process has all it will take of theirs. */
  full: readonly string[];
};

type Several = NextJob & {
  /** Free places in this process. */
  places: number;
  /** How many of them this account may take; left out: any number. */
  roomFor?: (account: string) => number;
};

type Rules = {
  /** Jobs that wait for this stage; word for word the condition of its index. */
  waits: RawBuilder<unknown>;
  index: 'last_fetch' | 'last_start';
  /** Among the rows that are processing: whose turn is measured by them. */
  underWay: RawBuilder<unknown>;
  /** Among the same: what is held against `most`. */
  limited: RawBuilder<unknown>;
};

/** Among the rows that are processing: those that have a place. */
export const TRANSCRIBING = sql`lease_until < 'infinity' AND audio_id IS NOT NULL`;
const STAGES: Record<Stage, Rules> = {
  fetch: {
    waits: sql`state = 'queued' AND audio_id IS NULL`,
    index: 'last_fetch',
    underWay: sql`lease_until < 'infinity' AND audio_id IS NULL`,
    limited: sql`lease_until = 'infinity'`,
  },
  transcribe: {
    waits: sql`(state = 'queued' AND audio_id IS NOT NULL OR state = 'processing' AND lease_until = 'infinity')`,
    index: 'last_start',
    underWay: TRANSCRIBING,
    limited: TRANSCRIBING,
  },
};

/** Jobs whose audio is here, and that wait for a place. */
export const TRANSCRIBE_WAITS = STAGES.transcribe.waits;

/** One that was put back for want of something waits for its time. */
const READY = sql`(start_after IS NULL OR start_after <= now())`;

/** Accounts looked at for one start: more than one, because others may be starting their jobs at the same instant. */
const CANDIDATES = 16;
const TRIES = 5;

/** Starts a job; undefined when there is none that may start now. Any number of processes may ask at once. */
export async function startNext(db: TellingDb, stage: Stage, options: NextJob): Promise<Started | undefined> {
  const [job] = await startSeveral(db, stage, { ...options, places: 1 });
  return job;
}

/**
 * The same for as many places as are free: several jobs of the account whose turn it is, in one transaction, but never so
 * many that the other accounts that wait would find no place.
 */
export async function startSeveral(db: TellingDb, stage: Stage, options: Several): Promise<Started[]> {
  for (let tries = 0; tries < TRIES; tries++) {
    const candidates = await fairest(db, stage, options);
    if (candidates.length === 0) return [];
    const jobs = await db.commit((trx) => startOf(trx, stage, candidates, options));
    if (jobs.length > 0) return jobs;
    // Somebody was quicker: who is next may be another account now.
  }
  return [];
}

/**
 * Accounts with a job that waits, the next one first. The recursion steps through the index from account to account, so
 * 100,000 jobs of one cost no more than one.
 */
async function fairest(db: Db, stage: Stage, { most, full }: NextJob): Promise<string[]> {
  const { waits, underWay, limited, index } = STAGES[stage];
  const { rows } = await sql<{ id: string }>`
    WITH RECURSIVE waiting AS (
      (SELECT account_id FROM job WHERE ${waits} AND ${READY} ORDER BY account_id LIMIT 1)
      UNION ALL
      SELECT (SELECT job.account_id FROM job WHERE ${waits} AND ${READY} AND job.account_id > waiting.account_id
              ORDER BY account_id LIMIT 1)
      FROM waiting WHERE waiting.account_id IS NOT NULL
    ), busy AS (
      SELECT account_id, count(*) FILTER (WHERE ${underWay}) AS under_way, count(*) FILTER (WHERE ${limited}) AS limited
      FROM job WHERE state = 'processing' AND lease_until > now() GROUP BY account_id)
    SELECT account.id FROM waiting JOIN account ON account.id = waiting.account_id
      LEFT JOIN busy ON busy.account_id = waiting.account_id
    WHERE (${most}::int IS NULL OR coalesce(limited, 0) < ${most}::int) AND account.id <> ALL(${full}::uuid[])
    ORDER BY coalesce(under_way, 0), account.${sql.ref(index)} NULLS FIRST, account.id
    LIMIT ${CANDIDATES}`.execute(db);
  return rows.map((row) => row.id);
}

async function startOf(
  trx: TellingTrx,
  stage: Stage,
  candidates: readonly string[],
  { leaseMs, most, places: free, roomFor = () => free }: Several,
): Promise<Started[]> {
  const account = await lockOne(trx, candidates);
  if (account === undefined) return [];
  const { waits, limited, index } = STAGES[stage];
  const share = Math.max(1, Math.floor(free / (2 * candidates.length)));
  let places = Math.min(share, roomFor(account));
  if (most !== null) {
    // Counted again under the lock: starts of one account take turns, so that each sees those before it.
    const { rows } = await sql<{ count: number }>`
      SELECT count(*) FROM job
      WHERE account_id = ${account} AND state = 'processing' AND lease_until > now() AND ${limited}`.execute(
      trx,
    );
    places = Math.min(places, most - (rows[0]?.count ?? 0));
  }
  if (places <= 0) return [];
  const { rows } = await sql<{ id: string; state: JobState }>`
    SELECT id, state FROM job WHERE account_id = ${account} AND ${waits} AND ${READY}
    ORDER BY created_at, id LIMIT ${places} FOR UPDATE SKIP LOCKED`.execute(trx);
  if (rows.length === 0) return [];
  await sql`UPDATE account SET ${sql.ref(index)} = clock_timestamp() WHERE id = ${account}`.execute(trx);
  return startJobs(trx, rows, leaseMs);
}

/** The first account in which nobody is starting a job at this instant; where there is none, the first, after a wait. */
async function lockOne(trx: Trx, candidates: readonly string[]): Promise<string | undefined> {
  const free = await sql<{ id: string }>`
    SELECT id FROM account WHERE id = ANY(${candidates}::uuid[])
    ORDER BY array_position(${candidates}::uuid[], id) LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`.execute(trx);
  if (free.rows[0]) return free.rows[0].id;
  const first = await sql<{ id: string }>`
    SELECT id FROM account WHERE id = ${candidates[0]} FOR NO KEY UPDATE`.execute(trx);
  return first.rows[0]?.id;
}

/** Jobs that wait for a place: for their download, or for their transcription. */
export async function countWaiting(db: Db): Promise<number> {
  const { rows } = await sql<{ waiting: number }>`
    SELECT (SELECT count(*) FROM job WHERE state = 'queued')
      + (SELECT count(*) FROM job WHERE ${TRANSCRIBE_WAITS} AND state = 'processing') AS waiting`.execute(db);
  return rows[0]?.waiting ?? 0;
}
