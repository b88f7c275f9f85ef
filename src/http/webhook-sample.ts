// What the test of a webhook sends: the body that the event would have, of a transcription or an endpoint that nobody has. Pure.
import { type CallbackOutcome, renderCallbackBody } from '../callback-body.ts';
import { sampleOutcome } from '../sample-callback.ts';
import type { NewDelivery } from '../store/deliveries.ts';
import { disabledPayload } from '../store/disabled-endpoints.ts';
import { renderRecordBody } from '../store/record-body.ts';
import type { WebhookRow } from '../store/webhooks.ts';
import { deliveryEvent, formOf, renderNotice, type WebhookEvent } from '../webhook.ts';
import { sampleRow } from './sample-row.ts';

/** `id` is that of the sample's transcription, or endpoint. */
type Told = { id: string; publicUrl: string };

export function sampleFor(row: WebhookRow, event: WebhookEvent, { id, publicUrl }: Told): NewDelivery {
  const told = deliveryEvent(event);
  const head = {
    accountId: row.account_id,
    jobId: told === 'endpoint.disabled' ? null : id,
    webhookId: row.id,
    url: row.url,
    headers: row.headers,
    method: 'POST' as const,
    event: told,
    form: formOf(row.payload),
    waitMs: 0,
    test: true,
  };
  if (told === 'endpoint.disabled')
    return { ...head, form: 'reference', ...only(renderNotice(event, sampleEndpoint(id))) };
  if (row.payload === 'notice') return { ...head, ...only(renderNotice(event, { id })) };
  const outcome = sampleOutcome(told);
  const render = (form: 'full' | 'reference') => bodyOf(row, outcome, { id, form, publicUrl });
  return { ...head, fullBody: render('full'), referenceBody: render('reference') };
}

const only = (body: Buffer) => ({ fullBody: body, referenceBody: body });

const sampleEndpoint = (id: string) =>
  disabledPayload({
    id,
    url: 'https://receiver.example.org/hooks/stt',
    reason: 'this is a test: the receiver answered 410 three times in a row',
    at: new Date(),
  });

function bodyOf(
  { payload, format }: WebhookRow,
  outcome: CallbackOutcome,
  { id, form, publicUrl }: Told & { form: 'full' | 'reference' },
): Buffer {
  const customMetadata = { ringback_test: true };
  const told = {
    id,
    outcome,
    form,
    resultUrl: `${publicUrl}/v2/pre-recorded/${id}`,
    ...(payload === 'full' && { reason: 'payload_too_large' as const }),
  };
  return Buffer.concat(
    format === 'record'
      ? renderRecordBody({ ...told, row: sampleRow(id, outcome, customMetadata) })
      : renderCallbackBody({ ...told, format, customMetadata }),
  );
}
