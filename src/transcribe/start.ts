// The transcribe role: workers on the queue, and the reconciler that keeps the queue true to the rows.
import { type Chore, startChore } from '../chore.ts';
import { shortageOf } from '../shortage.ts';
import { expireRuns, requeueForgotten, runsOf } from '../store/jobs.ts';
import type { Queue } from '../store/queue.ts';
import { renderDelivery } from './callback.ts';
import { diedEachTime, type HandlerDeps, handleJob, JOB_LEASE_MS } from './handler.ts';

export type TranscribeDeps = HandlerDeps & { queue: Queue; workers: number };

/** Resolves once workers are claiming; the returned function stops them and hands running jobs back. */
export async function startTranscribe(deps: TranscribeDeps): Promise<() => Promise<void>> {
  const stopWorkers = await deps.queue.work(deps.workers, (jobId, stopping) =>
    handleJob(deps, jobId, stopping),
  );
  const lastAway = { at: Number.NEGATIVE_INFINITY };
  const reconcile: Chore = startChore('reconcile jobs', JOB_LEASE_MS / 4, deps.log, async () => {
    try {
      await reconcileJobs(deps, performance.now() - lastAway.at > SETTLED_MS);
    } catch (error) {
      if (shortageOf(error) === 'database') lastAway.at = performance.now();
      throw error;
    }
  });
  return async () => {
    await Promise.all([stopWorkers(), reconcile.stop()]);
  };
}

/** After the database was away, living runs get so long to renew the leases that ran out meanwhile. */
const SETTLED_MS = JOB_LEASE_MS / 2;

async function reconcileJobs(
  { db, queue, callback, log }: TranscribeDeps,
  leasesCount: boolean,
): Promise<void> {
  const { requeued, failed } = !leasesCount
    ? { requeued: 0, failed: 0 }
    : await expireRuns(db, queue, (job) => {
        const error = diedEachTime(runsOf(job));
        return { error, delivery: renderDelivery(callback, job, { error }) };
      });
  const forgotten = await requeueForgotten(db, queue);
  if (requeued + failed + forgotten > 0) log.warn({ requeued, failed, forgotten }, 'jobs were put right');
}
