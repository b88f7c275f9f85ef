// The body of a callback, as JSON text. Pure; rendered once, in the transaction that ends the job, so that the bytes of a
// delivery never change between attempts.
import type { DeliveryForm } from './delivery.ts';
import { JOB_ERRORS, type JobErrorCode } from './errors.ts';
import type { CallbackFormat } from './settings.ts';

export type CallbackOutcome =
  /** `result` is the exact JSON text of `GET /v2/pre-recorded/{id}`'s `result`: spliced in byte for byte. */
  | { readonly event: 'success'; readonly result: string }
  | { readonly event: 'error'; readonly code: JobErrorCode; readonly message: string };

export type CallbackBodyOptions = {
  /** Of the transcription job. */
  id: string;
  outcome: CallbackOutcome;
  /** `short`: `success`, string codes. `gladia`: `transcription.success`, integer codes, as the hosted service sends. */
  format: CallbackFormat;
  /** `reference` leaves the payload out and says where it is. An error has no payload: both forms are the same. */
  form: DeliveryForm;
  /** Where a `reference` form's result is fetched. */
  resultUrl: string;
  /** Why the payload was left out; absent when the request asked for references from the start. */
  reason?: 'payload_too_large';
  /** As given with the job; absent from the body when it was not. */
  customMetadata?: Readonly<Record<string, unknown>> | null;
};

export function renderCallbackBody(options: CallbackBodyOptions): string {
  const { id, outcome, format, form, resultUrl, reason, customMetadata } = options;
  const event = format === 'gladia' ? `transcription.${outcome.event}` : outcome.event;
  const fields = [field('id', id), field('event', event)];
  if (outcome.event === 'error') {
    const code = format === 'gladia' ? JOB_ERRORS[outcome.code].integer : outcome.code;
    fields.push(field('error', { code, message: outcome.message }));
  } else if (form === 'full') {
    fields.push(`"payload":${outcome.result}`);
  } else {
    fields.push(field('result_url', resultUrl), field('payload_bytes', Buffer.byteLength(outcome.result)));
    if (reason) fields.push(field('reason', reason));
  }
  if (customMetadata) fields.push(field('custom_metadata', customMetadata));
  return `{${fields.join(',')}}`;
}

function field(name: string, value: unknown): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}
