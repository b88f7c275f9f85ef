// The delivery that a job's end owes its caller. Its bytes are made here, once: they never change between attempts.
import { type CallbackOutcome, renderCallbackBody } from '../callback-body.ts';
import type { Callback, CallbackFormat } from '../delivery.ts';
import type { JobErrorCode } from '../errors.ts';
import { type Bodies, JOB_RESULT, type NewDelivery } from '../store/deliveries.ts';
import { renderRecordBody } from '../store/record-body.ts';
import type { Json } from '../store/schema.ts';
import type { TraceContext } from '../trace.ts';

export type CallbackSettings = {
  format: CallbackFormat;
  publicUrl: () => string;
  /** Milliseconds until the first attempt: the head of the retry schedule. */
  firstWaitMs: () => number;
};

type Job = {
  id: string;
  account_id: string;
  custom_metadata: Record<string, Json> | null;
  callback: Callback | null;
  trace?: TraceContext | null;
};
type End = { result: Buffer } | { error: { code: JobErrorCode; message: string } };

/** Both forms, so that a receiver's 413 needs no second look at the job. Null when no callback was asked for. */
export function renderDelivery(
  { format, publicUrl, firstWaitMs }: CallbackSettings,
  job: Job,
  end: End,
): NewDelivery | null {
  const { callback } = job;
  if (callback === null) return null;
  const outcome: CallbackOutcome =
    'result' in end ? { event: 'success', result: end.result } : { event: 'error', ...end.error };
  const told = {
    id: job.id,
    outcome,
    resultUrl: `${publicUrl()}/v2/pre-recorded/${job.id}`,
    // Asked for from the start, the reference is no consequence of anything.
    ...(callback.form === 'full' && { reason: 'payload_too_large' as const }),
    customMetadata: job.custom_metadata,
  };
  const shape = callback.format ?? format;
  // The row that ends the job has the result before its delivery is opened.
  const bodies = (render: (form: 'full' | 'reference') => Buffer[]): Bodies => ({
    fullBody: render('full').map((part) => ('result' in end && part === end.result ? JOB_RESULT : part)),
    referenceBody: Buffer.concat(render('reference')),
  });
  return {
    accountId: job.account_id,
    jobId: job.id,
    url: callback.url,
    method: callback.method,
    event: outcome.event,
    form: callback.form,
    gzip: callback.gzip,
    headers: callback.headers ?? null,
    trace: job.trace ?? null,
    ...(shape === 'record'
      ? { bodiesOf: (row) => bodies((form) => renderRecordBody({ ...told, form, row })) }
      : bodies((form) => renderCallbackBody({ ...told, form, format: shape }))),
    waitMs: firstWaitMs(),
  };
}
