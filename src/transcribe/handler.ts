// One start of a job to its end: keep its lease, download or transcribe, write what came of it. What a run returns or
// throws decides the end; doing and recording fail apart, so a database blip never turns good work into a failed job.
import type { Logger } from 'pino';
import { JobError } from '../errors.ts';
import type { AudioFolder, NewAudio } from '../store/audio.ts';
import type { Database } from '../store/database.ts';
import { finishJob, handBackJob, type JobEnd, parkFetched, type Started } from '../store/jobs.ts';
import { type CallbackSettings, renderDelivery } from './callback.ts';
import { type DownloadDeps, downloadAudio } from './download.ts';
import type { HeldRuns } from './held-runs.ts';
import { renderResult } from './result.ts';
import { type RunDeps, type RunOutcome, runJob } from './run.ts';

export type HandlerDeps = RunDeps &
  DownloadDeps & {
    db: Database['db'];
    audio: AudioFolder;
    callback: CallbackSettings;
    runs: HeldRuns;
    log: Logger;
  };

export function handleJob(deps: HandlerDeps, job: Started, stopping: AbortSignal): Promise<void> {
  return deps.runs.during(job, stopping, (signal) => runToEnd(deps, job, { stopping, signal }));
}

type Signals = {
  stopping: AbortSignal;
  /** Of `stopping`, and of the loss of this run. */
  signal: AbortSignal;
};

async function runToEnd(deps: HandlerDeps, job: Started, { stopping, signal }: Signals): Promise<void> {
  const started = performance.now();
  const ended = await endOf(deps, job, { signal, stopping, started });
  if (signal.aborted) {
    if (stopping.aborted) await handBackJob(deps.db, job.id, job.run);
    return;
  }
  const took_ms = Math.round(performance.now() - started);
  if (ended === null) return deps.log.info({ job: job.id, run: job.run, took_ms }, 'audio downloaded');
  const { end, envelopes } = ended;
  const { ending } = end;
  const written =
    (await persist(deps, job, stopping, () => finishJob(deps.db, job.id, job.run, end))) ?? false;
  if (written && job.fetched && job.audio_id !== null && 'error' in ending)
    await deps.audio.remove(job.audio_id);
  deps.log.info(
    {
      job: job.id,
      run: job.run,
      state: 'error' in ending ? 'error' : 'done',
      ...('error' in ending
        ? { code: ending.error.code }
        : { audio_seconds: ending.duration, ...failedAddons(envelopes) }),
      took_ms,
      written,
    },
    'job ended',
  );
}

type Run = Signals & {
  /** By performance.now(). */
  started: number;
};
type Ended = { end: JobEnd; envelopes: RunOutcome['envelopes'] };

/** The job run, and its end rendered: what fails in either is the job's end too. Null: downloaded, it waits for a place. */
async function endOf(deps: HandlerDeps, job: Started, run: Run): Promise<Ended | null> {
  try {
    if (job.audio_id === null) {
      await downloadAudio(deps, job, run.signal, (audio) => park(deps, job, run, audio));
      return null;
    }
    const outcome = await runJob(deps, job, run.signal);
    return { end: await renderDone(deps, job, outcome, run), envelopes: outcome.envelopes };
  } catch (error) {
    return {
      end: renderFailure(deps, job, failureOf(deps, job, { error, signal: run.signal })),
      envelopes: {},
    };
  }
}

/** After an outcome that stayed unknown the file stays: it may be the job's, and what is nobody's goes with the orphans. */
async function park(
  deps: HandlerDeps,
  job: Started,
  { stopping }: Signals,
  audio: NewAudio,
): Promise<boolean> {
  const parked = await persist(deps, job, stopping, () => parkFetched(deps.db, job.id, job.run, audio));
  return parked !== 'lost';
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

/**
 * The work is done: a database that is away for a moment must not cost it. Undefined after the last try: whether one was
 * written is not known; where none was, the lease runs out and the job runs again.
 */
async function persist<T>(
  { log }: HandlerDeps,
  job: Started,
  stopping: AbortSignal,
  write: () => Promise<T>,
): Promise<T | undefined> {
  for (const [index, wait] of WRITE_TRIES.entries()) {
    if (wait > 0 && !stopping.aborted) await new Promise((resolve) => setTimeout(resolve, wait));
    try {
      return await write();
    } catch (error) {
      log.warn({ err: error, job: job.id, try: index + 1 }, 'could not write the end of a job');
    }
  }
  return undefined;
}

async function renderDone(
  { callback }: HandlerDeps,
  job: Started,
  { transcript, envelopes, filename }: RunOutcome,
  { started }: Run,
): Promise<JobEnd> {
  const waited = job.claimed_at.getTime() - job.created_at.getTime();
  const transcriptionTime = (waited + performance.now() - started) / 1_000;
  const result = await renderResult(job.request, { transcript, envelopes, transcriptionTime });
  const { audioDuration: duration, channels } = transcript;
  return {
    ending: { filename, duration, channels, result },
    delivery: renderDelivery(callback, job, { result }),
  };
}

function renderFailure({ callback }: HandlerDeps, job: Started, error: Failure): JobEnd {
  return {
    ending: { filename: null, duration: null, channels: null, error },
    delivery: renderDelivery(callback, job, { error }),
  };
}
