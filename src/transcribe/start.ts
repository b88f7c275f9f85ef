// The transcribe role: workers on the queue, and the reconciler that keeps the queue true to the rows.
import { type Chore, startChore } from '../chore.ts';
import { expireRuns, requeueForgotten } from '../store/jobs.ts';
import type { Queue } from '../store/queue.ts';
import { renderDelivery } from './callback.ts';
import { type HandlerDeps, handleJob, JOB_LEASE_MS } from './handler.ts';

export type TranscribeDeps = HandlerDeps & { queue: Queue; workers: number };

/** Resolves once workers are claiming; the returned function stops them and hands running jobs back. */
export async function startTranscribe(deps: TranscribeDeps): Promise<() => Promise<void>> {
  const stopWorkers = await deps.queue.work(deps.workers, (jobId, stopping) =>
    handleJob(deps, jobId, stopping),
  );
  const reconcile: Chore = startChore('reconcile jobs', JOB_LEASE_MS / 4, deps.log, () =>
    reconcileJobs(deps),
  );
  return async () => {
    await Promise.all([stopWorkers(), reconcile.stop()]);
  };
}

async function reconcileJobs({ db, queue, callback, log }: TranscribeDeps): Promise<void> {
  const { requeued, failed } = await expireRuns(db, queue, (job) => {
    const error = {
      code: 'engine_failed',
      message: `The transcription was started ${job.run} times and its process died each time: the file is likely to be the cause; convert it (for example to wav) and submit it again.`,
    } as const;
    return { error, delivery: renderDelivery(callback, job, { error }) };
  });
  const forgotten = await requeueForgotten(db, queue);
  if (requeued + failed + forgotten > 0) log.warn({ requeued, failed, forgotten }, 'jobs were put right');
}
