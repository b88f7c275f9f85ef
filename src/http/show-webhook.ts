// Webhooks as their owner sees them: no query of a URL, no value of a header, no secret whole.
import { maskedUrl } from '../mask.ts';
import type { WebhookSecret } from '../store/webhook-secrets.ts';
import type { WebhookRow } from '../store/webhooks.ts';
import type * as schemas from './schemas/webhook.ts';

const HIDDEN = '…';
const SHOWN_END = 4;

export function showWebhook(row: WebhookRow, secrets: readonly WebhookSecret[]): schemas.Webhook {
  return {
    id: row.id,
    url: maskedUrl(row.url),
    events: row.events,
    headers: Object.fromEntries(Object.keys(row.headers?.values ?? {}).map((name) => [name, HIDDEN])),
    description: row.description,
    metadata: row.metadata,
    payload: row.payload,
    format: row.format,
    enabled: row.enabled,
    secrets: secrets.map(({ secret, created_at, expires_at }) => ({
      secret: maskedSecret(secret),
      created_at: created_at.toISOString(),
      expires_at: expires_at?.toISOString() ?? null,
    })),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

const maskedSecret = (secret: string) =>
  `${secret.slice(0, 'whsec_'.length)}${HIDDEN}${secret.slice(-SHOWN_END)}`;
