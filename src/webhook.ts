// Webhooks: standing subscriptions of an account. What they may hear of, and the notice that they are sent. Pure.
import type { CallbackHeaders } from './callback-headers.ts';
import type { CallbackFormat, DeliveryEvent, DeliveryForm } from './delivery.ts';

export const WEBHOOK_EVENTS = [
  'transcription.created',
  'transcription.started',
  'transcription.success',
  'transcription.error',
  'transcription.cancelled',
  'endpoint.disabled',
] as const;
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

/**
 * `notice`: the event and the id alone, as the hosted service's account webhooks send. `full` and `reference`: the body of a
 * callback.
 */
export const WEBHOOK_PAYLOADS = ['notice', 'full', 'reference'] as const;
export type WebhookPayload = (typeof WEBHOOK_PAYLOADS)[number];

export const WEBHOOK_LIMITS = {
  /** Of one account: each may be owed a delivery by every job. */
  webhooks: 20,
  descriptionCharacters: 500,
} as const;

/** A webhook that hears of an event, as far as its delivery needs it. */
export type Subscriber = {
  id: string;
  url: string;
  payload: WebhookPayload;
  format: CallbackFormat;
  /** Secret. */
  headers: CallbackHeaders | null;
};

/** As receivers read it. */
export function webhookEvent(event: DeliveryEvent): WebhookEvent {
  return event === 'endpoint.disabled' ? event : `transcription.${event}`;
}

/** As deliveries keep it. */
export function deliveryEvent(event: WebhookEvent): DeliveryEvent {
  return event === 'endpoint.disabled' ? event : (event.slice('transcription.'.length) as DeliveryEvent);
}

/** A notice leaves the payload out from the start, and has no smaller form. */
export const formOf = (payload: WebhookPayload): DeliveryForm => (payload === 'full' ? 'full' : 'reference');

export function renderNotice(event: WebhookEvent, payload: { id: string }): Buffer {
  return Buffer.from(JSON.stringify({ event, payload }));
}
