// Endpoints: a receiver's URL without its query, per account. Everything that paces deliveries hangs on its row.
import { sql } from 'kysely';
import type { Trx } from './database.ts';

/** Woken at the commit of whatever makes a delivery due. */
export const DUE_CHANNEL = 'ringback_due';

/** The URL that names an endpoint: secrets and ids in a query must neither split it nor be shown. */
export function endpointUrl(url: string): string {
  const parsed = new URL(url);
  return `${parsed.origin}${parsed.pathname}`;
}

/** The endpoint of this URL, made if new, and due in `waitMs`; notifies at the commit. */
export async function markDue(trx: Trx, accountId: string, url: string, waitMs: number): Promise<string> {
  const due = sql`now() + ${waitMs} * interval '1 millisecond'`;
  const { rows } = await sql<{ id: string }>`
    INSERT INTO endpoint (account_id, url, next_due) VALUES (${accountId}, ${endpointUrl(url)}, ${due})
    ON CONFLICT (account_id, url) DO UPDATE
      SET next_due = CASE WHEN endpoint.disabled_at IS NULL
        THEN least(endpoint.next_due, greatest(${due}, endpoint.paused_until, endpoint.open_until)) END
    RETURNING id`.execute(trx);
  await notifyDue(trx);
  return (rows[0] as { id: string }).id;
}

export async function notifyDue(trx: Trx): Promise<void> {
  await sql`SELECT pg_notify(${DUE_CHANNEL}, '')`.execute(trx);
}
