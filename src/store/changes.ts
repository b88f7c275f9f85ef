// What changed in a job or a delivery, as the statement that changed it returns it. Told once it is committed (teller.ts).
import { sql } from 'kysely';
import type { DeliveryState } from '../delivery.ts';
import type { JobState } from '../job.ts';

type Changed = {
  accountId: string;
  id: string;
  /** When, in microseconds of the database's clock: of two changes of one row the later has the later time. */
  at: number;
};
export type JobChange = Changed & { kind: 'job'; status: JobState };
export type DeliveryChange = Changed & {
  kind: 'delivery';
  /** Null: it tells of no job. */
  jobId: string | null;
  state: DeliveryState;
  attempts: number;
};
export type Change = JobChange | DeliveryChange;

/** Not now(), the time at which its transaction began: read while the row is locked, it is later than the change before. */
export const changedAt = sql<number>`(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`;

/** For RETURNING, in a statement on `job`. */
export const jobChange = sql<JobChange>`
  json_build_object('kind', 'job', 'accountId', account_id, 'id', id, 'at', ${changedAt}, 'status', state)`.as(
  'change',
);

/** For RETURNING, in a statement on `delivery`; also for a SELECT of what such a statement returned. */
export const deliveryChange = sql<DeliveryChange>`
  json_build_object('kind', 'delivery', 'accountId', account_id, 'id', id, 'at', ${changedAt}, 'jobId', job_id,
    'state', state, 'attempts', attempts)`.as('change');
