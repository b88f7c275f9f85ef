// One job from claim to end: start the row, keep its lease, run, write the end. What a run returns or throws decides
// the end; doing and recording fail apart, so a database blip never turns good work into a failed job.
import type { Logger } from 'pino';
import { JobError } from '../errors.ts';
import type { AudioFolder, NewAudio } from '../store/audio.ts';
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
    const { end, envelopes } = await endOf(deps, job, { signal, started });
    const { ending } = end;
    if (signal.aborted) {
      await discard(deps, end.fetched);
      if (stopping.aborted) await handBackJob(db, deps.queue, job.id, job.run);
      return;
    }
    const written = await writeEnd(deps, job, end, stopping);
    if (!written) await discard(deps, end.fetched);
    log.info(
      {
        job: job.id,
        run: job.run,
        state: 'error' in ending ? 'error' : 'done',
        ...('error' in ending
          ? { code: ending.error.code }
          : { audio_seconds: ending.duration, ...failedAddons(envelopes) }),
        took_ms: Math.round(performance.now() - started),
        written,
      },
      'job ended',
    );
  } finally {
    clearInterval(renewal);
  }
}

type Run = {
  signal: AbortSignal;
  /** By performance.now(). */
  started: number;
};
type Ended = { end: JobEnd; envelopes: RunOutcome['envelopes'] };

/** The job run, and its end rendered: what fails in either is the job's end too. */
async function endOf(deps: HandlerDeps, job: Started, run: Run): Promise<Ended> {
  let outcome: RunOutcome | null = null;
  try {
    outcome = await runJob(deps, job, run.signal);
    return { end: await renderDone(deps, job, outcome, run), envelopes: outcome.envelopes };
  } catch (error) {
    await discard(deps, outcome?.fetched ?? null);
    return {
      end: renderFailure(deps, job, failureOf(deps, job, { error, signal: run.signal })),
      envelopes: {},
    };
  }
}

/** Names and reasons, for the log; a failed add-on does not fail its job. */
function failedAddons(envelopes: RunOutcome['envelopes']): { addons_failed?: Record<string, string> } {
  const failed = Object.entries(envelopes).flatMap(([name, { error }]) =>
    error === null ? [] : [[name, error.exception]],
  );
  return failed.length === 0 ? {} : { addons_failed: Object.fromEntries(failed) };
}

type Failure = { code: JobError['code']; message: string };

function failureOf(
  { log }: HandlerDeps,
  job: Started,
  { error, signal }: { error: unknown; signal: AbortSignal },
): Failure {
  if (error instanceof JobError) {
    // Somebody's broken file is an outcome, not a fault of ours: no error in the log.
    log.info({ job: job.id, code: error.code, cause: error.cause }, error.message);
    return { code: error.code, message: error.message };
  }
  // Interrupted by ourselves: it is handed back or taken over, and nothing has failed.
  if (!signal.aborted) log.error({ err: error, job: job.id }, 'job failed inside Ringback');
  return {
    code: 'internal',
    message: 'Something failed inside Ringback; its log tells more under this id.',
  };
}

const WRITE_TRIES = [0, 250, 1_000, 4_000, 10_000];

/** The work is done: a database that is away for a moment must not cost it. After the last try the lease runs out and the job runs again. */
async function writeEnd(
  deps: HandlerDeps,
  job: Started,
  end: JobEnd,
  stopping: AbortSignal,
): Promise<boolean> {
  for (const [index, wait] of WRITE_TRIES.entries()) {
    if (wait > 0 && !stopping.aborted) await new Promise((resolve) => setTimeout(resolve, wait));
    try {
      return await finishJob(deps.db, job.id, job.run, end);
    } catch (error) {
      deps.log.warn({ err: error, job: job.id, try: index + 1 }, 'could not write the end of a job');
    }
  }
  return false;
}

async function renderDone(
  { callback }: HandlerDeps,
  job: Started,
  { transcript, envelopes, filename, fetched }: RunOutcome,
  { started }: Run,
): Promise<JobEnd> {
  const waited = job.claimed_at.getTime() - job.created_at.getTime();
  const transcriptionTime = (waited + performance.now() - started) / 1_000;
  const result = await renderResult(job.request, { transcript, envelopes, transcriptionTime });
  const { audioDuration: duration, channels } = transcript;
  return {
    ending: { filename, duration, channels, result },
    delivery: renderDelivery(callback, job, { result }),
    fetched,
  };
}

function renderFailure({ callback }: HandlerDeps, job: Started, error: Failure): JobEnd {
  return {
    ending: { filename: null, duration: null, channels: null, error },
    delivery: renderDelivery(callback, job, { error }),
    fetched: null,
  };
}

async function discard({ audio }: HandlerDeps, fetched: NewAudio | null): Promise<void> {
  if (fetched) await audio.remove(fetched.id);
}
