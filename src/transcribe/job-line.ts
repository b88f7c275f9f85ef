// What the log says of a job that has ended: one line with all there is to ask of it. Pure. Queries of URLs are masked here.
import type { Envelope } from '../addons/envelope.ts';
import type { JobErrorCode } from '../errors.ts';
import { maskedUrl, maskOf } from '../mask.ts';
import type { JobEnd, Started } from '../store/jobs.ts';
import { type Attributes, traceIdOf } from '../trace.ts';
import type { Milliseconds } from './phases.ts';

type Job = Pick<Started, 'id' | 'account_id' | 'run' | 'trace' | 'audio_url' | 'callback'> &
  Pick<Started, 'created_at' | 'started_at' | 'waits_since' | 'fetched'>;

export type Told = {
  end: JobEnd;
  envelopes: Readonly<Record<string, Envelope>>;
  /** Of a job that failed of somebody's file or host: more than its owner is told. */
  cause: unknown;
  ms: Milliseconds;
  /** The run. */
  tookMs: number;
  /** Since the job was made. */
  totalMs: number;
  /** Whether the row has it. */
  written: string;
};

export function jobLine(job: Job, told: Told): Record<string, unknown> {
  const { end, envelopes, cause, ms, tookMs, totalMs, written } = told;
  const { ending, delivery } = end;
  return {
    job: job.id,
    run: job.run,
    ...('error' in ending
      ? { state: 'error', ...failure(job, ending.error, cause) }
      : {
          state: 'done',
          audio_seconds: ending.duration,
          channels: ending.channels,
          result_bytes: ending.result.length,
          ...failedAddons(envelopes),
        }),
    took_ms: Math.round(tookMs),
    written,
    total_ms: Math.round(totalMs),
    account: job.account_id,
    trace: traceIdOf(job.trace),
    audio_url: maskedUrl(job.audio_url),
    callback: delivery !== null,
    phases_ms: { ...ms, ...earlier(job, ms) },
  };
}

/** What somebody else's run ended, or nobody's: cancelled, or given up after its process died. */
export function endedElsewhere(
  { id, account_id, run, trace }: Pick<Job, 'id' | 'account_id' | 'run' | 'trace'>,
  code: JobErrorCode,
): Record<string, unknown> {
  return { job: id, run, state: 'error', code, account: account_id, trace: traceIdOf(trace) };
}

/** Of each phase's span. */
export function jobAttributes({ id, account_id, run }: Job): Attributes {
  return { 'ringback.job.id': id, 'ringback.account.id': account_id, 'ringback.job.run': run };
}

/**
 * A download is a run of its own, perhaps of another process: the rows tell how long it took, and the wait for it. Of one that was
 * begun again since, they do not.
 */
function earlier(
  { fetched, run, started_at, created_at, waits_since }: Job,
  { queue = 0 }: Milliseconds,
): Milliseconds {
  if (!fetched || started_at === null || run !== 2) return {};
  return {
    queue: queue + started_at.getTime() - created_at.getTime(),
    fetch: waits_since.getTime() - started_at.getTime(),
  };
}

function failure(job: Job, { code, message }: { code: JobErrorCode; message: string }, cause: unknown) {
  const mask = maskOf(job.audio_url);
  return {
    code,
    message: mask.text(message),
    ...(cause !== undefined && cause !== '' && { cause: mask.text(textOf(cause)) }),
  };
}

const CAUSE_CHARACTERS = 2_000;

function textOf(cause: unknown): string {
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return text.slice(0, CAUSE_CHARACTERS);
}

/** Names and reasons; a failed add-on does not fail its job. */
function failedAddons(envelopes: Told['envelopes']): { addons_failed?: Record<string, string> } {
  const failed = Object.entries(envelopes).flatMap(([name, { error }]) =>
    error === null ? [] : [[name, error.exception]],
  );
  return failed.length === 0 ? {} : { addons_failed: Object.fromEntries(failed) };
}
