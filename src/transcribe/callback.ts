// The deliveries that a job's end owes its caller and the webhooks that hear of it. Their bytes are made here, once: they
// never change between attempts.
import { type CallbackOutcome, renderCallbackBody } from '../callback-body.ts';
import type { Callback, CallbackFormat, DeliveryForm } from '../delivery.ts';
import type { JobErrorCode } from '../errors.ts';
import { type Bodies, type EndedRow, JOB_RESULT, type NewDelivery } from '../store/deliveries.ts';
import { renderRecordBody } from '../store/record-body.ts';
import type { Json } from '../store/schema.ts';
import type { TraceContext } from '../trace.ts';
import { formOf, renderNotice, type Subscriber, webhookEvent } from '../webhook.ts';

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

export type RenderedEnd = {
  /** Null: no callback was asked for. */
  delivery: NewDelivery | null;
  /** For each webhook that hears of it, which is known in the transaction that ends the job: cheap, as all parts are there. */
  forWebhook: (subscriber: Subscriber) => NewDelivery;
};

/** What is owed to those who hear of the end of a job. */
export function renderEnd(settings: CallbackSettings, job: Job, end: End): RenderedEnd {
  return {
    delivery: renderDelivery(settings, job, end),
    forWebhook: (subscriber) => renderForWebhook(settings, job, { end, subscriber }),
  };
}

/** Null when no callback was asked for. */
export function renderDelivery(settings: CallbackSettings, job: Job, end: End): NewDelivery | null {
  const { callback } = job;
  if (callback === null) return null;
  const outcome: CallbackOutcome =
    'result' in end ? { event: 'success', result: end.result } : { event: 'error', ...end.error };
  const { url, method, form, gzip, headers = null, format } = callback;
  return {
    ...headOf(settings, job, outcome),
    ...bodiesFor(settings, job, { outcome, form, format: format ?? settings.format }),
    url,
    method,
    form,
    gzip,
    headers,
  };
}

function renderForWebhook(
  settings: CallbackSettings,
  job: Job,
  { end, subscriber }: { end: End; subscriber: Subscriber },
): NewDelivery {
  const { id: webhookId, url, headers, payload, format } = subscriber;
  const outcome = outcomeForWebhooks(end);
  const form = formOf(payload);
  const head = { ...headOf(settings, job, outcome), webhookId, url, headers, method: 'POST' as const, form };
  if (payload !== 'notice') return { ...head, ...bodiesFor(settings, job, { outcome, form, format }) };
  const notice = renderNotice(webhookEvent(outcome.event), { id: job.id });
  return { ...head, fullBody: notice, referenceBody: notice };
}

/** Callbacks tell of a cancelled job as of an error; webhooks have a word for it. */
function outcomeForWebhooks(end: End): CallbackOutcome {
  if ('result' in end) return { event: 'success', result: end.result };
  return { event: end.error.code === 'cancelled' ? 'cancelled' : 'error', ...end.error };
}

function headOf({ firstWaitMs }: CallbackSettings, job: Job, { event }: CallbackOutcome) {
  return { accountId: job.account_id, jobId: job.id, event, trace: job.trace ?? null, waitMs: firstWaitMs() };
}

type Shape = { outcome: CallbackOutcome; form: DeliveryForm; format: CallbackFormat };

/** Both forms, so that a receiver's 413 needs no second look at the job. */
function bodiesFor(
  { publicUrl }: CallbackSettings,
  job: Job,
  { outcome, form: asked, format }: Shape,
): Bodies | { bodiesOf: (row: EndedRow) => Bodies } {
  const told = {
    id: job.id,
    outcome,
    resultUrl: `${publicUrl()}/v2/pre-recorded/${job.id}`,
    // Asked for from the start, the reference is no consequence of anything.
    ...(asked === 'full' && { reason: 'payload_too_large' as const }),
    customMetadata: job.custom_metadata,
  };
  // The row that ends the job has the result before its delivery is opened.
  const isResult = (part: Buffer) => 'result' in outcome && part === outcome.result;
  const bodies = (render: (form: DeliveryForm) => Buffer[]): Bodies => ({
    fullBody: render('full').map((part) => (isResult(part) ? JOB_RESULT : part)),
    referenceBody: Buffer.concat(render('reference')),
  });
  return format === 'record'
    ? { bodiesOf: (row) => bodies((form) => renderRecordBody({ ...told, form, row })) }
    : bodies((form) => renderCallbackBody({ ...told, form, format }));
}
