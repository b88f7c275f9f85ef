// Endpoints: a receiver's URL without its query, per account. Everything that paces deliveries hangs on its row.
import { type RawBuilder, sql } from 'kysely';
import type { Db, TellingDb, TellingTrx, Trx } from './database.ts';
import { tryAgain } from './hosts.ts';

/** The URL that names an endpoint: secrets and ids in a query must neither split it nor be shown. */
export function endpointUrl(url: string): string {
  const parsed = new URL(url);
  return `${parsed.origin}${parsed.pathname}`;
}

/**
 * The endpoint of this URL, made if new, and due in `waitMs`; told at the commit.
 *
 * One that is due by then is locked and left alone: when every result wrote the row, those of one endpoint waited for one
 * another's commits (83 % of samples at 300 a second). The lock keeps whoever holds the endpoint from naming a later time
 * before this delivery can be seen (releaseEndpoints), and whoever removes it from doing so (endpoint-removal.ts): one that
 * went meanwhile is made anew.
 */
export async function markDue(
  trx: TellingTrx,
  accountId: string,
  url: string,
  waitMs: number,
): Promise<string> {
  const named = endpointUrl(url);
  const due = sql`now() + ${waitMs} * interval '1 millisecond'`;
  const known = await sql<{ id: string }>`
    SELECT id FROM endpoint WHERE account_id = ${accountId} AND url = ${named} AND removed_at IS NULL
      AND (disabled_at IS NOT NULL OR next_due <= greatest(${due}, paused_until, open_until))
    FOR KEY SHARE`.execute(trx);
  const id = known.rows[0]?.id ?? (await makeDue(trx, { accountId, named, due }));
  trx.changed.push({ kind: 'endpoint_due', endpointId: id });
  return id;
}

type Owed = { accountId: string; url: string; waitMs: number };

/**
 * The endpoints of several deliveries, each once, and in one order for everybody: two transactions that make the same two due
 * must not wait for one another. Returns what tells the endpoint of each.
 */
export async function markAllDue(
  trx: TellingTrx,
  owed: readonly Owed[],
): Promise<(one: Pick<Owed, 'accountId' | 'url'>) => string> {
  const nameOf = ({ accountId, url }: Pick<Owed, 'accountId' | 'url'>) => `${accountId} ${endpointUrl(url)}`;
  const earliest = new Map<string, Owed>();
  for (const one of owed) {
    const other = earliest.get(nameOf(one));
    if (!other || one.waitMs < other.waitMs) earliest.set(nameOf(one), one);
  }
  const ids = new Map<string, string>();
  for (const [name, { accountId, url, waitMs }] of [...earliest].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    ids.set(name, await markDue(trx, accountId, url, waitMs));
  return (one) => ids.get(nameOf(one)) as string;
}

async function makeDue(
  trx: Trx,
  { accountId, named, due }: { accountId: string; named: string; due: RawBuilder<unknown> },
): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    INSERT INTO endpoint (account_id, url, next_due) VALUES (${accountId}, ${named}, ${due})
    ON CONFLICT (account_id, url) WHERE removed_at IS NULL DO UPDATE
      SET next_due = CASE WHEN endpoint.disabled_at IS NULL
        THEN least(endpoint.next_due, greatest(${due}, endpoint.paused_until, endpoint.open_until)) END
    RETURNING id`.execute(trx);
  return (rows[0] as { id: string }).id;
}

/** Nothing is begun there from now on; what waits, waits. False when there is no such endpoint. */
export function disableEndpoint(
  db: TellingDb,
  accountId: string,
  id: string,
  reason: string,
): Promise<boolean> {
  return db.commit(async (trx) => {
    const disabled = await trx
      .updateTable('endpoint')
      .set({
        disabled_at: sql`coalesce(disabled_at, now())`,
        disabled_reason: sql`coalesce(disabled_reason, ${reason})`,
        next_due: null,
      })
      .where('account_id', '=', accountId)
      .where('id', '=', id)
      .where('removed_at', 'is', null)
      .returning('id')
      .executeTakeFirst();
    if (!disabled) return false;
    // Its holder has claimed ahead.
    trx.changed.push({ kind: 'disabled', endpointId: disabled.id });
    return true;
  });
}

/** A clean slate, approached gently: what waits is sent from now on, slowly at first. False when there is no such endpoint. */
export function enableEndpoint(db: TellingDb, accountId: string, id: string): Promise<boolean> {
  return db.commit(async (trx) => {
    const enabled = await trx
      .updateTable('endpoint')
      .set({
        disabled_at: null,
        disabled_reason: null,
        disabled_untold: false,
        breaker: 'closed',
        failures: 0,
        refusals: 0,
        failing_since: null,
        failed_at: null,
        gone: 0,
        trips: 0,
        open_until: null,
        paused_until: null,
        ramp_from: sql`now()`,
        // What was begun before may time out now: it tells nothing of the time from here on. To the millisecond, as the
        // holder's Date is.
        counts_from: sql`date_trunc('milliseconds', now())`,
        // Looked at now, whatever waits: a look that finds nothing sets the right time.
        next_due: sql`now()`,
      })
      .where('account_id', '=', accountId)
      .where('id', '=', id)
      .where('removed_at', 'is', null)
      .returning(['id', 'host_id', 'counts_from'])
      .executeTakeFirst();
    if (!enabled) return false;
    await tryAgain(trx, enabled.host_id);
    trx.changed.push(
      { kind: 'enabled', endpointId: enabled.id, hostId: enabled.host_id, at: Number(enabled.counts_from) },
      { kind: 'endpoint_due', endpointId: enabled.id },
    );
    return true;
  });
}

export type Tally = { endpointId: string; hour: Date; succeeded: number; failed: number };

/** Adds attempts to the hours they fell in. Those of an endpoint that is gone tell nobody anything. */
export async function addTallies(db: Db, tallies: readonly Tally[]): Promise<void> {
  if (tallies.length === 0) return;
  const ids = tallies.map((t) => t.endpointId);
  await sql`
    WITH there AS (SELECT id FROM endpoint WHERE id = ANY(${ids}::uuid[]) ORDER BY id FOR KEY SHARE)
    INSERT INTO endpoint_hour (endpoint_id, hour, succeeded, failed)
    SELECT tally.* FROM unnest(
      ${ids}::uuid[], ${tallies.map((t) => t.hour)}::timestamptz[],
      ${tallies.map((t) => t.succeeded)}::bigint[], ${tallies.map((t) => t.failed)}::bigint[])
      AS tally (endpoint_id, hour, succeeded, failed) JOIN there ON there.id = tally.endpoint_id
    ON CONFLICT (endpoint_id, hour) DO UPDATE SET
      succeeded = endpoint_hour.succeeded + excluded.succeeded, failed = endpoint_hour.failed + excluded.failed`.execute(
    db,
  );
}
