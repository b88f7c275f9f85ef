// A job that its owner wants no more: it ends at once, whatever it is doing. The process that works on it finds that its
// run is over, and stops.
import type { TellingDb } from './database.ts';
import { type Endable, endable, failJob, type JobFailed, type JobRow } from './jobs.ts';

export type Cancelled = {
  /** As it is now. */
  job: JobRow;
  /** Audio downloaded for it: its row is gone, its file is the caller's to remove. */
  audioId: string | null;
  /** By this very call: it had not ended before. */
  isNew: boolean;
};

/** One transaction with the error callback. What has ended already is left as it is; undefined: there is no such job. */
export function cancelJob(
  db: TellingDb,
  accountId: string,
  id: string,
  endOf: (job: Endable) => JobFailed,
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
    if (job.state === 'done' || job.state === 'error') return { job, audioId: null, isNew: false };
    const end = endOf(endable(job));
    const audioId = job.fetched ? job.audio_id : null;
    if (audioId !== null) await trx.deleteFrom('audio').where('id', '=', audioId).execute();
    return { job: { ...job, ...(await failJob(trx, id, end)) }, audioId, isNew: true };
  });
}
