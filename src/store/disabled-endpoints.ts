// Webhooks hear of an endpoint that its own answers have disabled. It is marked in the transaction that disables it; its
// notices are opened, and the mark taken away, in one of their own: a process that dies in between leaves the mark.
import { sql } from 'kysely';
import { renderNotice, type Subscriber } from '../webhook.ts';
import type { TellingDb } from './database.ts';
import { endpointUrl } from './endpoints.ts';
import { listens, subscribers } from './webhook-match.ts';
import { openNotices } from './webhook-notices.ts';

const MOST = 100;

/**
 * Returns how many endpoints were told of. A webhook that lives at the very endpoint hears nothing of it: the notice would
 * wait there for its own subject.
 */
export async function tellDisabled(db: TellingDb): Promise<number> {
  // It is asked every second: nearly always there is none, and no transaction for it.
  const any = await db
    .selectFrom('endpoint')
    .select('id')
    .where('disabled_untold', '=', true)
    .limit(1)
    .execute();
  return any.length === 0 ? 0 : tell(db);
}

function tell(db: TellingDb): Promise<number> {
  return db.commit(async (trx) => {
    const { rows } = await sql<{
      id: string;
      account_id: string;
      url: string;
      disabled_reason: string | null;
      disabled_at: Date;
      subscribers: Subscriber[] | null;
    }>`
      WITH untold AS (
        SELECT id FROM endpoint WHERE disabled_untold ORDER BY id LIMIT ${MOST} FOR NO KEY UPDATE SKIP LOCKED)
      UPDATE endpoint SET disabled_untold = false FROM untold
      WHERE endpoint.id = untold.id AND endpoint.disabled_untold
      RETURNING endpoint.id, account_id, url, disabled_reason, disabled_at, (
        SELECT ${subscribers} FROM webhook
        WHERE webhook.account_id = endpoint.account_id AND ${listens}
          AND webhook.events @> ARRAY['endpoint.disabled']) AS subscribers`.execute(trx);
    const notices = rows.flatMap(
      ({ id, account_id: accountId, url, disabled_reason: reason, disabled_at, subscribers }) =>
        (subscribers ?? [])
          .filter((subscriber) => endpointUrl(subscriber.url) !== url)
          .map((subscriber) => ({
            accountId,
            jobId: null,
            subscriber,
            event: 'endpoint.disabled' as const,
            body: renderNotice('endpoint.disabled', disabledPayload({ id, url, reason, at: disabled_at })),
          })),
    );
    await openNotices(trx, notices);
    return rows.length;
  });
}

type Disabled = { id: string; url: string; reason: string | null; at: Date };

/** What a notice says of the endpoint, whose URL has no query. */
export const disabledPayload = ({ id, url, reason, at }: Disabled) => ({
  id,
  url,
  reason,
  disabled_at: at.toISOString(),
});
