// The body of a callback, as JSON. Pure; rendered once, for the transaction that ends the job, so that the bytes of a
// delivery never change between attempts.
import type { CallbackFormat, DeliveryForm } from './delivery.ts';
import { JOB_ERRORS, type JobErrorCode } from './errors.ts';

export type CallbackOutcome =
  /** `result` is the exact JSON of `GET /v2/pre-recorded/{id}`'s `result`: spliced in byte for byte. */
  | { readonly event: 'success'; readonly result: Buffer }
  | { readonly event: 'error' | 'cancelled'; readonly code: JobErrorCode; readonly message: string }
  /** These, and `cancelled`, are told to webhooks alone. */
  | { readonly event: 'created' | 'started' };

export type CallbackBodyOptions = {
  /** Of the transcription job. */
  id: string;
  outcome: CallbackOutcome;
  format: Exclude<CallbackFormat, 'record'>;
  /** `reference` leaves the payload out and says where it is. An error has no payload: both forms are the same. */
  form: DeliveryForm;
  /** Where a `reference` form's result is fetched. */
  resultUrl: string;
  /** Why the payload was left out; absent when the request asked for references from the start. */
  reason?: 'payload_too_large';
  /** As given with the job; absent from the body when it was not. */
  customMetadata?: Readonly<Record<string, unknown>> | null;
};

/** In parts: a result may have 20 MB, and is not copied. */
export function renderCallbackBody(options: CallbackBodyOptions): Buffer[] {
  const { id, outcome, format, form, resultUrl, reason, customMetadata } = options;
  const event = format === 'gladia' ? `transcription.${outcome.event}` : outcome.event;
  const first = `{${field('id', id)},${field('event', event)}`;
  const last = customMetadata ? `,${field('custom_metadata', customMetadata)}}` : '}';
  if ('code' in outcome) {
    const code = format === 'gladia' ? JOB_ERRORS[outcome.code].integer : outcome.code;
    return [Buffer.from(`${first},${field('error', { code, message: outcome.message })}${last}`)];
  }
  if (!('result' in outcome)) return [Buffer.from(first + last)];
  if (form === 'full') return [Buffer.from(`${first},"payload":`), outcome.result, Buffer.from(last)];
  const where = [field('result_url', resultUrl), field('payload_bytes', outcome.result.length)];
  if (reason) where.push(field('reason', reason));
  return [Buffer.from(`${first},${where.join(',')}${last}`)];
}

export function field(name: string, value: unknown): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}
