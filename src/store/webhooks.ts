// Webhooks as their owner has them: made, listed, changed, deleted. What they hear of is in webhook-match.ts.
import { type Selectable, sql } from 'kysely';
import type { CallbackHeaders } from '../callback-headers.ts';
import type { CallbackFormat } from '../delivery.ts';
import { WEBHOOK_LIMITS, type WebhookEvent, type WebhookPayload } from '../webhook.ts';
import { lockAccount } from './account-lock.ts';
import { type CancelledMany, cancelOfWebhook } from './cancel-deliveries.ts';
import type { Db, TellingDb } from './database.ts';
import { indexed, type MetadataConditions } from './metadata.ts';
import { olderThan, type Place, placeAt } from './place.ts';
import type { Json, Schema } from './schema.ts';
import { giveWebhookSecret } from './webhook-secrets.ts';

export type WebhookRow = Omit<Selectable<Schema['webhook']>, 'conditions' | 'deleted_at'> & {
  place_at: number;
};

/** What the metadata of a job must contain: as it was given, and as the match asks it. */
export type MetadataFilter = { given: Record<string, Json>; conditions: MetadataConditions };

export type WebhookFields = {
  url: string;
  /** Secret. */
  headers: CallbackHeaders | null;
  events: WebhookEvent[];
  /** Null: any. */
  metadata: MetadataFilter | null;
  description: string;
  payload: WebhookPayload;
  format: CallbackFormat;
  enabled: boolean;
};

const SHOWN = [
  'id',
  'account_id',
  'url',
  'headers',
  'events',
  'metadata',
  'description',
  'payload',
  'format',
  'enabled',
  'created_at',
  'updated_at',
] as const;

/** `too_many`: the account has as many as it may. */
export function createWebhook(
  db: TellingDb,
  accountId: string,
  fields: WebhookFields,
  secret: string,
): Promise<WebhookRow | 'too_many'> {
  return db.transaction().execute(async (trx) => {
    // Two that are made at once take turns, or both would find room for the last one.
    await lockAccount(trx, accountId);
    const { others } = await trx
      .selectFrom('webhook')
      .select(sql<number>`count(*)`.as('others'))
      .where('account_id', '=', accountId)
      .where('deleted_at', 'is', null)
      .executeTakeFirstOrThrow();
    if (others >= WEBHOOK_LIMITS.webhooks) return 'too_many';
    const { url, events, payload, format } = fields;
    const row = await trx
      .insertInto('webhook')
      .values({ account_id: accountId, ...columnsOf(fields), url, events, payload, format })
      .returning([...SHOWN, placeAt.as('place_at')])
      .executeTakeFirstOrThrow();
    await giveWebhookSecret(trx, row.id, secret);
    return row;
  });
}

function columnsOf({ headers, metadata, ...plain }: Partial<WebhookFields>) {
  return {
    ...plain,
    ...(headers !== undefined && { headers: headers && JSON.stringify(headers) }),
    ...(metadata !== undefined && {
      metadata: metadata && JSON.stringify(metadata.given),
      conditions: metadata && JSON.stringify(indexed(metadata.conditions)),
    }),
  };
}

/** Newest first. */
export function listWebhooks(
  db: Db,
  accountId: string,
  { limit, after }: { limit: number; after?: Place },
): Promise<WebhookRow[]> {
  let query = db
    .selectFrom('webhook')
    .select([...SHOWN, placeAt.as('place_at')])
    .where('account_id', '=', accountId)
    .where('deleted_at', 'is', null);
  if (after) query = query.where(olderThan(after));
  return query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute();
}

export function findWebhook(db: Db, accountId: string, id: string): Promise<WebhookRow | undefined> {
  return db
    .selectFrom('webhook')
    .select([...SHOWN, placeAt.as('place_at')])
    .where('account_id', '=', accountId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
}

/** What it is from now on; deliveries that are there already stay as they are. */
export function updateWebhook(
  db: Db,
  accountId: string,
  id: string,
  change: Partial<WebhookFields>,
): Promise<WebhookRow | undefined> {
  return db
    .updateTable('webhook')
    .set({ ...columnsOf(change), updated_at: sql`now()` })
    .where('account_id', '=', accountId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .returning([...SHOWN, placeAt.as('place_at')])
    .executeTakeFirst();
}

/** Of what waits. */
const REASON = 'its webhook was deleted';

/** Undefined: there is no such webhook. What is not cancelled by `untilMs` (of performance.now) is left to the sweep. */
export async function deleteWebhook(
  db: TellingDb,
  accountId: string,
  id: string,
  untilMs: number,
): Promise<CancelledMany | undefined> {
  const marked = await db
    .updateTable('webhook')
    .set({ deleted_at: sql`now()` })
    .where('account_id', '=', accountId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .returning('id')
    .executeTakeFirst();
  return marked && cancelOfWebhook(db, id, { reason: REASON, untilMs });
}

const SWEPT = 50;
const SWEEP_MS = 10_000;
/** Longer than a transaction may take that saw the webhook before it was deleted. */
const SETTLED_S = 60;

/**
 * What was begun and not finished: a delivery that was just being opened as its webhook went, a deletion whose process died.
 * Returns how many webhooks are gone for good, with their secrets.
 */
export async function sweepWebhooks(db: TellingDb): Promise<number> {
  const { rows } = await sql<{ id: string; settled: boolean }>`
    SELECT id, deleted_at < now() - ${SETTLED_S} * interval '1 second' AS settled
    FROM webhook WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT ${SWEPT}`.execute(db);
  const untilMs = performance.now() + SWEEP_MS;
  const gone: string[] = [];
  for (const { id, settled } of rows) {
    const { done } = await cancelOfWebhook(db, id, { reason: REASON, untilMs });
    if (settled && done) gone.push(id);
  }
  if (gone.length > 0)
    await db
      .deleteFrom('webhook')
      .where('id', '=', sql<string>`ANY(${gone}::uuid[])`)
      .where(sql<boolean>`NOT EXISTS (SELECT FROM delivery WHERE webhook_id = webhook.id
        AND state IN ('pending', 'delivering'))`)
      .execute();
  return gone.length;
}
