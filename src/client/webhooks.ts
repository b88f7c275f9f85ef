// Webhooks: standing subscriptions of the account.
import type { CallbackWithAttempts } from '../http/schemas/callback.ts';
import type { Rotation } from '../http/schemas/signing-secret.ts';
import type {
  NewWebhook,
  Webhook,
  WebhookChange,
  WebhookTest,
  WebhookWithSecret,
} from '../http/schemas/webhook.ts';
import { type CallOptions, type Connection, pages } from './connection.ts';

export function webhooksOf(connection: Connection) {
  const at = (id: string) => `/api/webhooks/${encodeURIComponent(id)}`;
  return {
    /** With its secret, shown this once. */
    create: (webhook: NewWebhook, call: CallOptions = {}) =>
      connection.json<WebhookWithSecret>('POST', '/api/webhooks', { ...call, json: webhook }),
    /** Newest first, page after page; `limit` is the size of a page. */
    list: (query: { limit?: number } = {}, call: CallOptions = {}) =>
      pages<Webhook>(connection, '/api/webhooks', { ...call, query }),
    get: (id: string, call: CallOptions = {}) => connection.json<Webhook>('GET', at(id), call),
    update: (id: string, change: WebhookChange, call: CallOptions = {}) =>
      connection.json<Webhook>('PATCH', at(id), { ...call, json: change }),
    /** Nothing is made for it until it goes on. */
    pause: (id: string, call: CallOptions = {}) =>
      connection.json<Webhook>('PATCH', at(id), { ...call, json: { enabled: false } }),
    resume: (id: string, call: CallOptions = {}) =>
      connection.json<Webhook>('PATCH', at(id), { ...call, json: { enabled: true } }),
    /** What waits for it is cancelled. */
    delete: (id: string, call: CallOptions = {}) =>
      connection.json<void>('DELETE', at(id), { ...call, has: null }),
    /** A sample of one of its events, by the same engine as everything else. */
    test: (id: string, test: WebhookTest = {}, call: CallOptions = {}) =>
      connection.json<CallbackWithAttempts>('POST', `${at(id)}/test`, { ...call, json: test }),
    /** A new secret, shown this once; those before sign along for `overlap_seconds`, usually a day. */
    rotate: (id: string, rotation: Rotation = {}, call: CallOptions = {}) =>
      connection.json<WebhookWithSecret>('POST', `${at(id)}/secret/rotate`, { ...call, json: rotation }),
  };
}
