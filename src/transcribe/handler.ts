// One start of a job to its end: keep its lease, download or transcribe, write what came of it. What a run returns or
// throws decides the end; doing and recording fail apart, so a database blip never turns good work into a failed job. A
// run that meets a shortage of our own is no end at all: the job goes back to the queue.
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import { JobError } from '../errors.ts';
import { MAX_RUNS } from '../job.ts';
import { maskedUrl } from '../mask.ts';
import { isSuspect, shortageOf } from '../shortage.ts';
import type { ShortageLog } from '../shortage-log.ts';
import type { AudioFolder, NewAudio } from '../store/audio.ts';
import type { Database } from '../store/database.ts';
import { finishJob, handBackJob, type JobEnd, parkFetched, runsOf, type Started } from '../store/jobs.ts';
import type { TraceContext, Tracing } from '../trace.ts';
import { type CallbackSettings, renderEnd } from './callback.ts';
import { type DownloadDeps, downloadAudio } from './download.ts';
import type { HeldRuns } from './held-runs.ts';
import { jobAttributes, jobLine } from './job-line.ts';
import { Phases } from './phases.ts';
import { renderResult } from './result.ts';
import { type RunDeps, type RunOutcome, runJob } from './run.ts';
import type { RunTally } from './run-tally.ts';
import type { ShortageWaits } from './waits.ts';

export type HandlerDeps = RunDeps &
  DownloadDeps & {
    db: Database['db'];
    audio: AudioFolder;
    callback: CallbackSettings;
    runs: HeldRuns;
    shortages: ShortageLog;
    waits: ShortageWaits;
    tracing: Tracing;
    tally: Pick<RunTally, 'add'>;
    log: Logger;
  };

export function handleJob(deps: HandlerDeps, job: Started, stopping: AbortSignal): Promise<void> {
  const started = performance.now();
  const phases = new Phases({ ...deps, trace: job.trace, attributes: () => jobAttributes(job) });
  phases.past('queue', job.waits_since, job.claimed_at);
  return deps.runs.during(job, stopping, (signal) =>
    runToEnd(deps, job, { stopping, signal, started, phases }),
  );
}

type Signals = {
  stopping: AbortSignal;
  /** Of `stopping`, and of the loss of this run. */
  signal: AbortSignal;
};

type Run = Signals & {
  /** By performance.now(). */
  started: number;
  phases: Phases;
};

async function runToEnd(deps: HandlerDeps, job: Started, run: Run): Promise<void> {
  const { stopping, signal, started, phases } = run;
  const ended = await endOf(deps, job, run);
  if (signal.aborted) {
    if (stopping.aborted) await persist(deps, job, stopping, () => handBackJob(deps.db, job));
    return;
  }
  if (ended !== null && 'short' in ended) return putBack(deps, job, ended.short, stopping);
  deps.waits.over(job.id);
  const tookMs = () => performance.now() - started;
  if (ended === null)
    return deps.log.debug(
      { job: job.id, run: job.run, took_ms: Math.round(tookMs()), phases_ms: phases.ms },
      'audio downloaded',
    );
  const { end } = ended;
  const written = await phases.during('commit', (context) =>
    persist(deps, job, stopping, () => finishJob(deps.db, job.id, job.run, from(context, end))),
  );
  // Not after an unknown outcome: the row may still name the file. If it does not, the sweep of orphans finds it.
  const isWritten = written === 'written' || written === 'already';
  const failed = 'error' in end.ending;
  if (isWritten && job.fetched && job.audio_id !== null && failed) await deps.audio.remove(job.audio_id);
  if (isWritten) deps.tally.add(failed ? 'error' : 'done', tookMs() / 1_000);
  const totalMs = job.claimed_at.getTime() - job.created_at.getTime() + tookMs();
  deps.log.info(jobLine(job, { ...ended, ms: phases.ms, tookMs: tookMs(), totalMs, written }), 'job ended');
}

/** Its callback and its webhooks come from the commit: attempts are told of within it. */
function from(trace: TraceContext | null, { ending, delivery, forWebhook }: JobEnd): JobEnd {
  return {
    ending,
    delivery: delivery && { ...delivery, trace },
    ...(forWebhook && { forWebhook: (subscriber) => ({ ...forWebhook(subscriber), trace }) }),
  };
}

type Ended = { end: JobEnd; envelopes: RunOutcome['envelopes']; cause: unknown } | { short: unknown };

/**
 * The job run, and its end rendered: what fails in either is the job's end too, but for what we are short of. Null: it is
 * downloaded, and waits for a place.
 */
async function endOf(deps: HandlerDeps, job: Started, run: Run): Promise<Ended | null> {
  try {
    if (job.audio_id === null) {
      await run.phases.during(
        'fetch',
        () => downloadAudio(deps, job, run.signal, (audio) => park(deps, job, run, audio)),
        () => ({ 'url.full': maskedUrl(job.audio_url) }),
      );
      return null;
    }
    const outcome = await runJob(deps, job, run);
    const end = await run.phases.during('render', () => renderDone(deps, job, outcome, run));
    return { end, envelopes: outcome.envelopes, cause: undefined };
  } catch (error) {
    if (shortageOf(error) !== null && !isLastRun(job, error)) return { short: error };
    const failure = failureOf(deps, job, { error, signal: run.signal });
    // Somebody's broken file is an outcome, not a fault of ours: the job's line tells it, and no error in the log.
    const cause = error instanceof JobError ? error.cause : undefined;
    return { end: renderFailure(deps, job, failure), envelopes: {}, cause };
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

type Failure = { code: JobError['code']; message: string };

/** A file whose process is killed each time must end some day; what is merely short is waited for without end. */
function isLastRun(job: Started, error: unknown): boolean {
  return isSuspect(error) && runsOf(job) >= MAX_RUNS;
}

export function diedEachTime(runs: number): Failure {
  return {
    code: 'engine_failed',
    message: `The transcription was started ${runs} times and its process died each time: the file is likely to be the cause; convert it (for example to wav) and submit it again.`,
  };
}

function failureOf(
  { log }: HandlerDeps,
  job: Started,
  { error, signal }: { error: unknown; signal: AbortSignal },
): Failure {
  if (error instanceof JobError) return { code: error.code, message: error.message };
  if (isLastRun(job, error)) {
    log.error({ err: error, job: job.id }, 'a job was given up: its process died each time');
    return diedEachTime(runsOf(job));
  }
  // Interrupted by ourselves: it is handed back or taken over, and nothing has failed.
  if (!signal.aborted) log.error({ err: error, job: job.id }, 'job failed inside Ringback');
  return {
    code: 'internal',
    message: 'Something failed inside Ringback; its log tells more under this id.',
  };
}

/** Back to the queue, for later; the run counts only when the file may be what used everything up. */
async function putBack(
  deps: HandlerDeps,
  job: Started,
  error: unknown,
  stopping: AbortSignal,
): Promise<void> {
  const delaySeconds = deps.waits.next(job.id);
  deps.shortages.met(error, 'a transcription');
  deps.log.info(
    { job: job.id, run: job.run, short: shortageOf(error), cause: error, wait_s: delaySeconds },
    'job put back: it waits until there is enough again',
  );
  await persist(deps, job, stopping, () =>
    handBackJob(deps.db, job, { delaySeconds, counts: isSuspect(error) }),
  );
  await wait(deps.waits.restMs, undefined, { signal: stopping }).catch(() => {});
}

const TRIES_MS = [0, 250, 1_000, 4_000, 10_000];

/**
 * Writes what must not be lost: while the database is away, again and again, until we stop; what fails otherwise is a
 * bug and has a few tries. `unknown` after the last one: it may be written or not.
 */
async function persist<T>(
  { log, shortages }: Pick<HandlerDeps, 'log' | 'shortages'>,
  job: Started,
  stopping: AbortSignal,
  write: () => Promise<T>,
): Promise<T | 'unknown'> {
  for (let tries = 1; ; tries++) {
    try {
      return await write();
    } catch (error) {
      shortages.met(error, 'the end of a transcription');
      log.warn({ err: error, job: job.id, try: tries }, 'could not write what became of a job');
      const isPatient = shortageOf(error) !== null && !stopping.aborted;
      if (!isPatient && tries >= TRIES_MS.length) return 'unknown';
      const ms = TRIES_MS[Math.min(tries, TRIES_MS.length - 1)];
      await wait(ms, undefined, { signal: stopping }).catch(() => {});
    }
  }
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
    ...renderEnd(callback, job, { result }),
  };
}

function renderFailure({ callback }: HandlerDeps, job: Started, error: Failure): JobEnd {
  return {
    ending: { filename: null, duration: null, channels: null, error },
    ...renderEnd(callback, job, { error }),
  };
}
