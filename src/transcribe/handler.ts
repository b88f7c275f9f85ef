// One job from claim to end: start the row, keep its lease, run, write the end. What a run returns or throws decides
// the end; doing and recording fail apart, so a database blip never turns good work into a failed job.
import type { Logger } from 'pino';
import { JobError } from '../errors.ts';
import type { AudioFolder } from '../store/audio.ts';
import type { Database } from '../store/database.ts';
import { finishJob, handBackJob, type JobEnd, renewJob, type Started, startJob } from '../store/jobs.ts';
import type { Queue } from '../store/queue.ts';
import { type CallbackSettings, renderDelivery } from './callback.ts';
import { renderResult } from './result.ts';
import { type RunDeps, type RunOutcome, runJob } from './run.ts';

export type HandlerDeps = RunDeps & {
  db: Database['db'];
  queue: Pick<Queue, 'send'>;
  audio: AudioFolder;
  callback: CallbackSettings;
  /** Jobs of one account at a time, in all processes; null: any number. */
  perAccount: number | null;
  log: Logger;
};

/** A crashed process's job waits this long at most; renewed three times as often. */
export const JOB_LEASE_MS = 60_000;

export async function handleJob(deps: HandlerDeps, jobId: string, stopping: AbortSignal): Promise<void> {
  const { db, log, perAccount, queue } = deps;
  const limit = perAccount === null ? null : { most: perAccount, queue };
  const job = await startJob(db, jobId, JOB_LEASE_MS, limit);
  if (!job) return;
  const lost = new AbortController();
  const signal = AbortSignal.any([stopping, lost.signal]);
  const renewal = setInterval(() => {
    renewJob(db, job.id, job.run, JOB_LEASE_MS)
      .then((held) => {
        if (!held) lost.abort();
      })
      .catch((error: unknown) => log.warn({ err: error, job: job.id }, 'could not renew the lease'));
  }, JOB_LEASE_MS / 3);

  try {
    const started = performance.now();
    const outcome = await runJob(deps, job, signal).catch((error: unknown) =>
      asFailure(deps, job, { error, signal }),
    );
    if (signal.aborted) {
      await discard(deps, outcome);
      if (stopping.aborted) await handBackJob(db, deps.queue, job.id, job.run);
      return;
    }
    const written = await writeEnd(deps, job, outcome, stopping);
    if (!written || 'error' in outcome) await discard(deps, outcome);
    log.info(
      {
        job: job.id,
        run: job.run,
        state: 'error' in outcome ? 'error' : 'done',
        ...('error' in outcome
          ? { code: outcome.error.code }
          : { audio_seconds: outcome.transcript.audioDuration, ...failedAddons(outcome) }),
        took_ms: Math.round(performance.now() - started),
        written,
      },
      'job ended',
    );
  } finally {
    clearInterval(renewal);
  }
}

/** Names and reasons, for the log; a failed add-on does not fail its job. */
function failedAddons({ envelopes }: RunOutcome): { addons_failed?: Record<string, string> } {
  const failed = Object.entries(envelopes).flatMap(([name, { error }]) =>
    error === null ? [] : [[name, error.exception]],
  );
  return failed.length === 0 ? {} : { addons_failed: Object.fromEntries(failed) };
}

type Failure = { error: { code: JobError['code']; message: string }; fetched: null };

function asFailure(
  { log }: HandlerDeps,
  job: Started,
  { error, signal }: { error: unknown; signal: AbortSignal },
): Failure {
  if (error instanceof JobError) {
    // Somebody's broken file is an outcome, not a fault of ours: no error in the log.
    log.info({ job: job.id, code: error.code, cause: error.cause }, error.message);
    return { error: { code: error.code, message: error.message }, fetched: null };
  }
  // Interrupted by ourselves: it is handed back or taken over, and nothing has failed.
  if (!signal.aborted) log.error({ err: error, job: job.id }, 'job failed inside Ringback');
  return {
    error: {
      code: 'internal',
      message: 'Something failed inside Ringback; its log tells more under this id.',
    },
    fetched: null,
  };
}

const WRITE_TRIES = [0, 250, 1_000, 4_000, 10_000];

/** The work is done: a database that is away for a moment must not cost it. After the last try the lease runs out and the job runs again. */
async function writeEnd(
  deps: HandlerDeps,
  job: Started,
  outcome: RunOutcome | Failure,
  stopping: AbortSignal,
): Promise<boolean> {
  for (const [index, wait] of WRITE_TRIES.entries()) {
    if (wait > 0 && !stopping.aborted) await new Promise((resolve) => setTimeout(resolve, wait));
    try {
      return await finishJob(deps.db, job.id, job.run, (completedAt) =>
        renderEnd(deps, job, outcome, completedAt),
      );
    } catch (error) {
      deps.log.warn({ err: error, job: job.id, try: index + 1 }, 'could not write the end of a job');
    }
  }
  return false;
}

function renderEnd(
  deps: HandlerDeps,
  job: Started,
  outcome: RunOutcome | Failure,
  completedAt: Date,
): JobEnd {
  if ('error' in outcome) {
    const ending = { filename: null, duration: null, channels: null, error: outcome.error };
    return { ending, delivery: renderDelivery(deps.callback, job, { error: outcome.error }), fetched: null };
  }
  const { transcript, envelopes } = outcome;
  const result = renderResult(transcript, job.request, envelopes, { createdAt: job.created_at, completedAt });
  return {
    ending: {
      filename: outcome.filename,
      duration: transcript.audioDuration,
      channels: transcript.channels,
      result,
    },
    delivery: renderDelivery(deps.callback, job, { result }),
    fetched: outcome.fetched,
  };
}

async function discard({ audio }: HandlerDeps, outcome: RunOutcome | Failure): Promise<void> {
  if (outcome.fetched) await audio.remove(outcome.fetched.id);
}
