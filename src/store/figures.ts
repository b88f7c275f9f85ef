// Counts for /metrics: of everything, of no account in particular, from indexes alone where there are many rows.
import { sql } from 'kysely';
import type { DeliveryState } from '../delivery.ts';
import type { JobState } from '../job.ts';
import type { Db } from './database.ts';

export type Figures = {
  jobs: Record<JobState, number>;
  deliveries: Record<DeliveryState, number>;
  /** Seconds since the longest undelivered callback was made; 0 when all are delivered. */
  oldestUndelivered: number;
  /** Attempts ever made. */
  attempts: { outcome: string; attempts: number }[];
};

export async function readFigures(db: Db): Promise<Figures> {
  const { rows } = await sql<
    Record<JobState | Exclude<DeliveryState, 'delivered'>, number> & {
      final: number;
      oldest: number;
      attempts: Figures['attempts'] | null;
    }
  >`
    SELECT
      (SELECT count(*) FROM job WHERE state = 'queued') AS queued,
      (SELECT count(*) FROM job WHERE state = 'processing') AS processing,
      (SELECT count(*) FROM job WHERE state = 'done') AS done,
      (SELECT count(*) FROM job WHERE state = 'error') AS error,
      (SELECT count(*) FROM delivery WHERE state = 'pending') AS pending,
      (SELECT count(*) FROM delivery WHERE state = 'delivering') AS delivering,
      (SELECT count(*) FROM delivery WHERE state = 'failed') AS failed,
      (SELECT count(*) FROM delivery WHERE state = 'cancelled') AS cancelled,
      -- Not by state, which the index does not hold: every final delivery has its time.
      (SELECT count(*) FROM delivery WHERE final_at IS NOT NULL) AS final,
      (SELECT coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM delivery
        WHERE state = 'pending' OR state = 'delivering') AS oldest,
      (SELECT json_agg(attempt_total) FROM attempt_total) AS attempts`.execute(db);
  const { queued, processing, done, error, final, oldest, attempts, ...deliveries } =
    rows[0] as (typeof rows)[number];
  const { pending, delivering, failed, cancelled } = deliveries;
  return {
    jobs: { queued, processing, done, error },
    deliveries: { pending, delivering, delivered: final - failed - cancelled, failed, cancelled },
    oldestUndelivered: Math.max(0, oldest),
    attempts: attempts ?? [],
  };
}

/** Adds attempts to the total of each outcome. */
export async function addOutcomes(db: Db, outcomes: ReadonlyMap<string, number>): Promise<void> {
  if (outcomes.size === 0) return;
  // In one order everywhere, so that two processes cannot deadlock over it.
  const sorted = [...outcomes].sort(([a], [b]) => (a < b ? -1 : 1));
  await sql`
    INSERT INTO attempt_total (outcome, attempts)
    SELECT * FROM unnest(${sorted.map(([outcome]) => outcome)}::text[], ${sorted.map(([, count]) => count)}::bigint[])
    ON CONFLICT (outcome) DO UPDATE SET attempts = attempt_total.attempts + excluded.attempts`.execute(db);
}
