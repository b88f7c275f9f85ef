// What became of an account's callbacks, attempts and transcriptions over a time, step by step. By the indexes of what has
// ended (delivery_finished, job_finished): as much is read as ended within that time.
import { sql } from 'kysely';
import type { Db } from './database.ts';

export type StatsStep = {
  at: Date;
  delivered: number;
  failed: number;
  cancelled: number;
  attempts: number;
  p50: number | null;
  p95: number | null;
  done: number;
  error: number;
  audio: number;
};

export type StatsNow = {
  waiting: number;
  oldest_waiting: Date | null;
  queued: number;
  processing: number;
  oldest_queued: Date | null;
};

export type StatsSpan = {
  accountId: string;
  from: Date;
  to: Date;
  stepS: number;
  /** Of callbacks to this one alone, and of no transcriptions; null: of all. */
  endpointId: string | null;
};

const to = (endpointId: string | null) =>
  endpointId === null ? sql`true` : sql`endpoint_id = ${endpointId}::uuid`;

/** A step for each multiple of `stepS` seconds that the span touches, whatever happened in it. */
export async function readStats(db: Db, span: StatsSpan): Promise<StatsStep[]> {
  const { accountId, from, to: until, stepS, endpointId } = span;
  const step = (time: string) => sql`date_bin(${stepS} * interval '1 second', ${sql.raw(time)}, 'epoch')`;
  const { rows } = await sql<StatsStep>`
    WITH step AS (
      SELECT generate_series(
        date_bin(${stepS} * interval '1 second', ${from}::timestamptz, 'epoch'),
        ${until}::timestamptz - interval '1 millisecond', ${stepS} * interval '1 second') AS at),
    ended AS (
      SELECT ${step('final_at')} AS at, state, id FROM delivery
      WHERE account_id = ${accountId} AND final_at >= ${from} AND final_at < ${until} AND ${to(endpointId)}),
    callbacks AS (
      SELECT at, count(*) FILTER (WHERE state = 'delivered') AS delivered,
        count(*) FILTER (WHERE state = 'failed') AS failed, count(*) FILTER (WHERE state = 'cancelled') AS cancelled
      FROM ended GROUP BY at),
    tries AS (
      SELECT ended.at, count(*) AS attempts,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms) AS p50,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms) AS p95
      FROM ended JOIN attempt ON attempt.delivery_id = ended.id WHERE duration_ms IS NOT NULL GROUP BY ended.at),
    jobs AS (
      SELECT ${step('completed_at')} AS at, count(*) FILTER (WHERE state = 'done') AS done,
        count(*) FILTER (WHERE state = 'error') AS error, coalesce(sum(duration), 0) AS audio
      FROM job WHERE account_id = ${accountId} AND completed_at >= ${from} AND completed_at < ${until}
        AND ${endpointId === null} GROUP BY 1)
    SELECT step.at, coalesce(delivered, 0)::int AS delivered, coalesce(failed, 0)::int AS failed,
      coalesce(cancelled, 0)::int AS cancelled, coalesce(attempts, 0)::int AS attempts, p50::float8, p95::float8,
      coalesce(done, 0)::int AS done, coalesce(error, 0)::int AS error, coalesce(audio, 0)::float8 AS audio
    FROM step LEFT JOIN callbacks USING (at) LEFT JOIN tries USING (at) LEFT JOIN jobs USING (at) ORDER BY at`.execute(
    db,
  );
  return rows;
}

/** Of all attempts of the span together: percentiles do not add up. */
export async function readLatency(
  db: Db,
  { accountId, from, to: until, endpointId }: StatsSpan,
): Promise<{ p50: number | null; p95: number | null }> {
  const { rows } = await sql<{ p50: number | null; p95: number | null }>`
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms)::float8 AS p50,
      percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms)::float8 AS p95
    FROM delivery JOIN attempt ON attempt.delivery_id = delivery.id
    WHERE account_id = ${accountId} AND final_at >= ${from} AND final_at < ${until} AND duration_ms IS NOT NULL
      AND ${to(endpointId)}`.execute(db);
  return rows[0] ?? { p50: null, p95: null };
}

export async function readNow(
  db: Db,
  { accountId, endpointId }: Pick<StatsSpan, 'accountId' | 'endpointId'>,
): Promise<StatsNow> {
  const { rows } = await sql<StatsNow>`
    SELECT waiting::int, oldest_waiting, queued::int, processing::int, oldest_queued FROM
      (SELECT count(*) AS waiting, min(created_at) AS oldest_waiting FROM delivery
        WHERE account_id = ${accountId} AND state IN ('pending', 'delivering') AND ${to(endpointId)}) AS delivery,
      (SELECT count(*) AS queued, min(created_at) AS oldest_queued FROM job
        WHERE account_id = ${accountId} AND state = 'queued') AS queue,
      (SELECT count(*) AS processing FROM job WHERE account_id = ${accountId} AND state = 'processing') AS run`.execute(
    db,
  );
  return rows[0] as StatsNow;
}
