// Counts for /metrics: of everything, of no account in particular, from indexes alone where there are many rows.
import { sql } from 'kysely';
import type { DeliveryState, EndpointState } from '../delivery.ts';
import type { JobState } from '../job.ts';
import type { Db } from './database.ts';
import { LIVES } from './liveness.ts';
import { TRANSCRIBE_WAITS, TRANSCRIBING } from './next-job.ts';

export type Figures = {
  jobs: Record<JobState, number>;
  deliveries: Record<DeliveryState, number>;
  /** Seconds since the longest undelivered callback was made; 0 when all are delivered. */
  oldestUndelivered: number;
  /** Seconds since the oldest job that waits for a place was made; 0 when none waits. */
  oldestQueued: number;
  /** Seconds for which a callback has been due, at an endpoint that may be called and that nobody has in hand; 0: there is none. */
  oldestDue: number;
  /** Transcriptions, and downloads, under way. */
  busy: { transcribe: number; fetch: number };
  /** Transcriptions that all living processes do at a time. */
  places: number;
  /** Living processes, by role. */
  processes: Record<'api' | 'transcribe' | 'deliver', number>;
  endpoints: Record<EndpointState, number>;
  /** Attempts ever made. */
  attempts: { outcome: string; attempts: number }[];
  runs: RunTotal[];
};

/** Of a run's time, in seconds; the last has all others. */
export const RUN_LIMITS = [1, 2, 5, 10, 30, 60, 300, 1_800, 7_200, Number.POSITIVE_INFINITY] as const;
export const RUN_OUTCOMES = ['done', 'error'] as const;

/** Runs that came to their end in a time between two limits. */
export type RunTotal = {
  outcome: (typeof RUN_OUTCOMES)[number];
  /** Seconds: they took no longer, and longer than the next smaller limit. */
  le: number;
  runs: number;
  /** All of theirs together. */
  seconds: number;
};

export async function readFigures(db: Db): Promise<Figures> {
  const { rows } = await sql<
    Record<JobState | Exclude<DeliveryState, 'delivered'>, number> & {
      final: number;
      oldest: number;
      oldest_queued: number;
      oldest_due: number;
      transcribing: number;
      fetching: number;
      places: number;
      processes: Figures['processes'];
      endpoints: Figures['endpoints'];
      attempts: Figures['attempts'] | null;
      runs: (Omit<RunTotal, 'le'> & { le: string })[] | null;
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
      (SELECT coalesce(extract(epoch FROM now() - least(
          (SELECT min(created_at) FROM job WHERE state = 'queued'),
          (SELECT min(created_at) FROM job WHERE ${TRANSCRIBE_WAITS} AND state = 'processing'))), 0)::float8) AS oldest_queued,
      (SELECT coalesce(extract(epoch FROM now() - min(greatest(endpoint.next_due, host.open_until))), 0)::float8
        FROM endpoint JOIN host ON host.id = endpoint.host_id
        WHERE endpoint.next_due <= now() AND (leased_until IS NULL OR leased_until < now()) AND disabled_at IS NULL
          AND (host.breaker <> 'open' OR host.open_until <= now())) AS oldest_due,
      (SELECT count(*) FROM job WHERE state = 'processing' AND ${TRANSCRIBING}) AS transcribing,
      (SELECT count(*) FROM job
        WHERE state = 'processing' AND lease_until < 'infinity' AND audio_id IS NULL) AS fetching,
      (SELECT coalesce(sum(places), 0)::int FROM process WHERE ${LIVES}) AS places,
      (SELECT json_build_object('api', count(*) FILTER (WHERE 'api' = ANY(roles)),
          'transcribe', count(*) FILTER (WHERE 'transcribe' = ANY(roles)),
          'deliver', count(*) FILTER (WHERE 'deliver' = ANY(roles)))
        FROM process WHERE ${LIVES}) AS processes,
      (SELECT json_build_object('closed', count(*) FILTER (WHERE disabled_at IS NULL AND breaker = 'closed'),
          'open', count(*) FILTER (WHERE disabled_at IS NULL AND breaker = 'open'),
          'half_open', count(*) FILTER (WHERE disabled_at IS NULL AND breaker = 'half_open'),
          'disabled', count(*) FILTER (WHERE disabled_at IS NOT NULL))
        FROM endpoint WHERE removed_at IS NULL) AS endpoints,
      (SELECT json_agg(attempt_total) FROM attempt_total) AS attempts,
      -- JSON has no infinity but as text.
      (SELECT json_agg(json_build_object('outcome', outcome, 'le', le::text, 'runs', runs, 'seconds', seconds))
        FROM run_total) AS runs`.execute(db);
  const { queued, processing, done, error, final, oldest, attempts, ...figures } =
    rows[0] as (typeof rows)[number];
  const { pending, delivering, failed, cancelled } = figures;
  return {
    jobs: { queued, processing, done, error },
    deliveries: { pending, delivering, delivered: final - failed - cancelled, failed, cancelled },
    oldestUndelivered: Math.max(0, oldest),
    oldestQueued: Math.max(0, figures.oldest_queued),
    oldestDue: Math.max(0, figures.oldest_due),
    busy: { transcribe: figures.transcribing, fetch: figures.fetching },
    places: figures.places,
    processes: figures.processes,
    endpoints: figures.endpoints,
    attempts: attempts ?? [],
    runs: (figures.runs ?? []).map((total) => ({ ...total, le: Number(total.le) })),
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

/** Adds runs to the totals; sorted by their callers, so that two processes cannot deadlock over it. */
export async function addRuns(db: Db, totals: readonly RunTotal[]): Promise<void> {
  if (totals.length === 0) return;
  const of = <K extends keyof RunTotal>(key: K) => totals.map((total) => total[key]);
  await sql`
    INSERT INTO run_total (outcome, le, runs, seconds)
    SELECT * FROM unnest(${of('outcome')}::text[], ${of('le')}::float8[], ${of('runs')}::bigint[], ${of('seconds')}::float8[])
    ON CONFLICT (outcome, le) DO UPDATE
      SET runs = run_total.runs + excluded.runs, seconds = run_total.seconds + excluded.seconds`.execute(db);
}
