// The delivery that a job's end owes its caller. Its bytes are made here, once: they never change between attempts.
import { type CallbackOutcome, renderCallbackBody } from '../callback-body.ts';
import type { Callback } from '../delivery.ts';
import type { JobErrorCode } from '../errors.ts';
import type { CallbackFormat } from '../settings.ts';
import { JOB_RESULT, type NewDelivery } from '../store/deliveries.ts';
import type { Json } from '../store/schema.ts';

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
  const body = (form: 'full' | 'reference') =>
    renderCallbackBody({
      id: job.id,
      outcome,
      format,
      form,
      resultUrl: `${publicUrl()}/v2/pre-recorded/${job.id}`,
      // Asked for from the start, the reference is no consequence of anything.
      ...(callback.form === 'full' && { reason: 'payload_too_large' }),
      customMetadata: job.custom_metadata,
    });
  return {
    accountId: job.account_id,
    jobId: job.id,
    url: callback.url,
    method: callback.method,
    event: outcome.event,
    form: callback.form,
    gzip: callback.gzip,
    // The row that ends the job has the result before its delivery is opened.
    fullBody: body('full').map((part) => ('result' in end && part === end.result ? JOB_RESULT : part)),
    referenceBody: Buffer.concat(body('reference')),
    waitMs: firstWaitMs(),
  };
}
