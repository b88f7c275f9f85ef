// Endpoints: a receiver's URL without its query, per account. Everything that paces deliveries hangs on its row.
import { type RawBuilder, type Selectable, sql } from 'kysely';
import type { Db, TellingDb, TellingTrx, Trx } from './database.ts';
import { tryAgain } from './hosts.ts';
import type { Schema } from './schema.ts';

/** The URL that names an endpoint: secrets and ids in a query must neither split it nor be shown. */
export function endpointUrl(url: string): string {
  const parsed = new URL(url);
  return `${parsed.origin}${parsed.pathname}`;
}

/**
 * The endpoint of this URL, made if new, and due in `waitMs`; told at the commit.
 *
 * One that is due by then is locked and left alone: when every result wrote the row, those of one endpoint waited for one
 * another's commits (83 % of samples at 300 a second). The lock is the one that the delivery's foreign key takes as well;
 * it keeps whoever holds the endpoint from naming a later time before this delivery can be seen (releaseEndpoints).
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
    SELECT id FROM endpoint WHERE account_id = ${accountId} AND url = ${named}
      AND (disabled_at IS NOT NULL OR next_due <= greatest(${due}, paused_until, open_until))
    FOR KEY SHARE`.execute(trx);
  const id = known.rows[0]?.id ?? (await makeDue(trx, { accountId, named, due }));
  trx.changed.push({ kind: 'endpoint_due', endpointId: id });
  return id;
}

async function makeDue(
  trx: Trx,
  { accountId, named, due }: { accountId: string; named: string; due: RawBuilder<unknown> },
): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    INSERT INTO endpoint (account_id, url, next_due) VALUES (${accountId}, ${named}, ${due})
    ON CONFLICT (account_id, url) DO UPDATE
      SET next_due = CASE WHEN endpoint.disabled_at IS NULL
        THEN least(endpoint.next_due, greatest(${due}, endpoint.paused_until, endpoint.open_until)) END
    RETURNING id`.execute(trx);
  return (rows[0] as { id: string }).id;
}

export type EndpointRow = Selectable<Schema['endpoint']> & {
  /** Deliveries that wait or are being sent. */
  undelivered: number;
  oldest_undelivered: Date | null;
  /** Attempts of the last 24 hours, by the full hour. */
  succeeded: number;
  failed: number;
};

const SEEN_HOURS = 24;

/** Endpoints by URL, each with what waits there and how it has answered. */
export function listEndpoints(db: Db, accountId: string, id?: string): Promise<EndpointRow[]> {
  let query = db
    .selectFrom('endpoint')
    .leftJoinLateral(
      (e) =>
        e
          .selectFrom('delivery')
          .select([
            sql<number>`count(*)`.as('undelivered'),
            sql<Date | null>`min(created_at)`.as('oldest_undelivered'),
          ])
          .whereRef('endpoint_id', '=', 'endpoint.id')
          // Spelled as the partial indexes are, so that both are used.
          .where(sql<boolean>`(state = 'pending' OR state = 'delivering')`)
          .as('waiting'),
      (join) => join.onTrue(),
    )
    .leftJoinLateral(
      (e) =>
        e
          .selectFrom('endpoint_hour')
          .select([
            sql<number>`coalesce(sum(succeeded), 0)::bigint`.as('succeeded'),
            sql<number>`coalesce(sum(failed), 0)::bigint`.as('failed'),
          ])
          .whereRef('endpoint_id', '=', 'endpoint.id')
          .where('hour', '>', sql<Date>`now() - ${SEEN_HOURS} * interval '1 hour'`)
          .as('seen'),
      (join) => join.onTrue(),
    )
    .selectAll('endpoint')
    .select(['waiting.undelivered', 'waiting.oldest_undelivered', 'seen.succeeded', 'seen.failed'])
    .where('account_id', '=', accountId)
    .$narrowType<{ undelivered: number; succeeded: number; failed: number }>();
  if (id !== undefined) query = query.where('id', '=', id);
  return query.orderBy('url').orderBy('id').execute() as Promise<EndpointRow[]>;
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

/** Adds attempts to the hours they fell in. */
export async function addTallies(db: Db, tallies: readonly Tally[]): Promise<void> {
  if (tallies.length === 0) return;
  await sql`
    INSERT INTO endpoint_hour (endpoint_id, hour, succeeded, failed)
    SELECT * FROM unnest(
      ${tallies.map((t) => t.endpointId)}::uuid[], ${tallies.map((t) => t.hour)}::timestamptz[],
      ${tallies.map((t) => t.succeeded)}::bigint[], ${tallies.map((t) => t.failed)}::bigint[])
    ON CONFLICT (endpoint_id, hour) DO UPDATE SET
      succeeded = endpoint_hour.succeeded + excluded.succeeded, failed = endpoint_hour.failed + excluded.failed`.execute(
    db,
  );
}
