// Signing secrets of webhooks, and their rotation: for the overlap the old and the new one both sign, as with those of an
// account (signing-secrets.ts).
import { setTimeout as delay } from 'node:timers/promises';
import { type RawBuilder, sql } from 'kysely';
import type { Db, TellingDb } from './database.ts';
import { prepared } from './prepared.ts';
import { SETTLE_MS, type SecretInForce } from './signing-secrets.ts';

export type WebhookSecret = { secret: string; created_at: Date; expires_at: Date | null };

const isInForce = sql<boolean>`(webhook_secret.expires_at IS NULL OR webhook_secret.expires_at > now())`;

/** The one a webhook begins with. */
export async function giveWebhookSecret(db: Db, webhookId: string, secret: string): Promise<void> {
  await db.insertInto('webhook_secret').values({ webhook_id: webhookId, secret, rotated: false }).execute();
}

/** Of each of these webhooks all that sign, newest first. */
export async function listWebhookSecrets(
  db: Db,
  webhookIds: readonly string[],
): Promise<Map<string, WebhookSecret[]>> {
  const rows = await db
    .selectFrom('webhook_secret')
    .select(['webhook_id', 'secret', 'created_at', 'expires_at'])
    .where('webhook_id', '=', sql<string>`ANY(${webhookIds}::uuid[])`)
    .where(isInForce)
    .orderBy('created_at', 'desc')
    .execute();
  return Map.groupBy(rows, ({ webhook_id }) => webhook_id);
}

/** The same for those who sign. */
export async function webhookSecretsInForce(
  db: Db,
  webhookIds: readonly string[],
): Promise<Map<string, SecretInForce[]>> {
  const { rows } = await sql<SecretInForce & { webhookId: string }>`${prepared('webhook_secrets_in_force')}
    SELECT webhook_id AS "webhookId", secret, ${leftMs} AS "leftMs",
      CASE WHEN rotated THEN (extract(epoch FROM now() - created_at) * 1000)::float8 END AS "ageMs"
    FROM webhook_secret WHERE webhook_id = ANY(${webhookIds}::uuid[]) AND ${isInForce}
    ORDER BY created_at DESC`.execute(db);
  return Map.groupBy(rows, ({ webhookId }) => webhookId);
}

const leftMs: RawBuilder<number | null> = sql`(extract(epoch FROM expires_at - now()) * 1000)::float8`;

/** All that sign for any webhook of the account: for its inboxes, which may be the receivers of several. */
export async function webhookSecretsOf(db: Db, accountId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('webhook_secret')
    .innerJoin('webhook', 'webhook.id', 'webhook_secret.webhook_id')
    .select('webhook_secret.secret')
    .where('webhook.account_id', '=', accountId)
    .where(isInForce)
    .execute();
  return rows.map(({ secret }) => secret);
}

/**
 * In force from the commit on, in every process; false when the account has no such webhook. Resolves once what was signed
 * before has arrived, as a rule.
 */
export async function rotateWebhookSecret(
  db: TellingDb,
  { accountId, webhookId }: { accountId: string; webhookId: string },
  { secret, overlapMs }: { secret: string; overlapMs: number },
): Promise<boolean> {
  const rotated = await db.commit(async (trx) => {
    // Two rotations at once take turns.
    const webhook = await trx
      .selectFrom('webhook')
      .select('id')
      .where('account_id', '=', accountId)
      .where('id', '=', webhookId)
      .where('deleted_at', 'is', null)
      .forNoKeyUpdate()
      .executeTakeFirst();
    if (!webhook) return false;
    await trx
      .updateTable('webhook_secret')
      .set({ expires_at: sql`now() + ${overlapMs} * interval '1 millisecond'` })
      .where('webhook_id', '=', webhookId)
      .where('expires_at', 'is', null)
      .execute();
    await trx
      .deleteFrom('webhook_secret')
      .where('webhook_id', '=', webhookId)
      .where('expires_at', '<=', sql<Date>`now()`)
      .execute();
    await trx.insertInto('webhook_secret').values({ webhook_id: webhookId, secret, rotated: true }).execute();
    trx.changed.push({ kind: 'webhook_secrets', webhookId });
    return true;
  });
  if (rotated) await delay(SETTLE_MS);
  return rotated;
}
