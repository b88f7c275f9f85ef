// A job that its owner wants no more: it ends at once, whatever it is doing. The process that works on it finds that its
// run is over, and stops.
import { sql } from 'kysely';
import type { JobErrorCode } from '../errors.ts';
import { jobChange } from './changes.ts';
import type { TellingDb } from './database.ts';
import { type NewDelivery, openDelivery } from './deliveries.ts';
import { type Callback, callbackOf, type JobRow } from './jobs.ts';

type End = { error: { code: JobErrorCode; message: string }; delivery: NewDelivery | null };
export type Cancelled = {
  /** As it is now. */
  job: JobRow;
  /** Audio downloaded for it: its row is gone, its file is the caller's to remove. */
  audioId: string | null;
};

/** One transaction with the error callback. What has ended already is left as it is; undefined: there is no such job. */
export function cancelJob(
  db: TellingDb,
  accountId: string,
  id: string,
  endOf: (job: JobRow & { callback: Callback | null }) => End,
): Promise<Cancelled | undefined> {
  return db.commit(async (trx) => {
    const job = await trx
      .selectFrom('job')
      .selectAll()
      .where('account_id', '=', accountId)
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst();
    if (!job) return undefined;
    if (job.state === 'done' || job.state === 'error') return { job, audioId: null };
    const { error, delivery } = endOf({ ...job, callback: callbackOf(job) });
    const audioId = job.fetched ? job.audio_id : null;
    if (audioId !== null) await trx.deleteFrom('audio').where('id', '=', audioId).execute();
    const { change, ...ended } = await trx
      .updateTable('job')
      .set({
        state: 'error',
        lease_until: null,
        completed_at: sql`now()`,
        error_code: error.code,
        error_message: error.message,
      })
      .where('id', '=', id)
      .returningAll()
      .returning(jobChange)
      .executeTakeFirstOrThrow();
    trx.changed.push(change);
    if (delivery) await openDelivery(trx, delivery);
    return { job: ended, audioId };
  });
}
