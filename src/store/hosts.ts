// Hosts: scheme, name and port of endpoints, per account. Who looks for work looks at hosts first; a host that does not
// answer rests as a whole, however many endpoints it has. The triggers of migration 0012 lower `next_due`, this file
// alone raises it.
import { type Selectable, sql } from 'kysely';
import type { HostHealth } from '../delivery.ts';
import { plainArray } from './array.ts';
import type { Db, Trx } from './database.ts';
import { olderThan, type Place, placeAt } from './place.ts';
import type { Schema } from './schema.ts';

export type RecordedHost = { hostId: string; health: HostHealth };

/**
 * What a process has seen of its hosts. Hosts are not leased: two processes that talk to one at a time may overwrite each
 * other, and the next answer puts it right.
 */
export async function writeHosts(trx: Trx, unsorted: readonly RecordedHost[]): Promise<void> {
  const hosts = unsorted.toSorted((a, b) => (a.hostId < b.hostId ? -1 : 1));
  const of = <K extends keyof HostHealth>(key: K) => plainArray(hosts.map(({ health }) => health[key]));
  await sql`
    UPDATE host SET breaker = h.breaker, silent = h.silent, trips = h.trips, open_until = h.open_until,
      next_due = CASE WHEN h.breaker = 'open' THEN h.open_until
        -- Its endpoints have waited for it.
        WHEN host.breaker <> 'closed' AND h.breaker = 'closed' THEN now()
        ELSE next_due END
    FROM unnest(${plainArray(hosts.map((host) => host.hostId))}::uuid[], ${of('state')}::text[], ${of('silent')}::int[],
      ${of('trips')}::int[], ${of('openUntil')}::timestamptz[]) AS h (id, breaker, silent, trips, open_until)
    WHERE host.id = h.id`.execute(trx);
}

/** A host that rests is probed now, and not when its time is over. */
export async function tryAgain(trx: Trx, hostId: string): Promise<void> {
  await sql`UPDATE host SET open_until = now(), next_due = now() WHERE id = ${hostId} AND breaker = 'open'`.execute(
    trx,
  );
}

export type HostRow = Pick<
  Selectable<Schema['host']>,
  'id' | 'origin' | 'breaker' | 'silent' | 'open_until' | 'created_at'
> & { place_at: number; endpoints: number; waiting_endpoints: number };

/** Counting stops here, so that a page is a few thousand index entries, whatever somebody has sent. */
const MOST_COUNTED = 100;

/** An account's hosts, newest first, each with how many endpoints it has, and at how many something waits. */
export function listHosts(
  db: Db,
  accountId: string,
  page: { after?: Place; limit: number },
): Promise<HostRow[]> {
  let query = db
    .selectFrom('host')
    .select(['id', 'origin', 'breaker', 'silent', 'open_until', 'created_at'])
    .select([
      placeAt.as('place_at'),
      sql<number>`(SELECT count(*) FROM (
        SELECT FROM endpoint WHERE host_id = host.id LIMIT ${MOST_COUNTED}) AS counted)`.as('endpoints'),
      sql<number>`(SELECT count(*) FROM (
        SELECT FROM endpoint WHERE host_id = host.id AND next_due IS NOT NULL
        LIMIT ${MOST_COUNTED}) AS counted)`.as('waiting_endpoints'),
    ])
    .where('account_id', '=', accountId);
  if (page.after) query = query.where(olderThan(page.after));
  return query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(page.limit).execute();
}

/** A host is left due for so long after its last endpoint was: raised at once, it would be lowered by the next result. */
const QUIET_MS = 5_000;
const BATCH = 1_000;

/**
 * Hosts that are due though none of their endpoints is get the time at which one will be. First the lock, then the look: an
 * endpoint whose transaction commits in between is seen, or lowers the host afterwards. Returns how many were settled.
 */
export function settleHosts(db: Db): Promise<number> {
  return db.transaction().execute(async (trx) => {
    await sql`SET LOCAL synchronous_commit = off`.execute(trx);
    const { rows } = await sql<{ id: string }>`
      SELECT id FROM host WHERE next_due < now() - ${QUIET_MS} * interval '1 millisecond'
        AND NOT EXISTS (SELECT FROM endpoint WHERE host_id = host.id AND leased_until IS NULL AND next_due <= now())
      ORDER BY next_due LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`.execute(trx);
    if (rows.length === 0) return 0;
    await sql`
      UPDATE host SET next_due = (SELECT greatest(min(next_due), host.open_until) FROM endpoint
        WHERE host_id = host.id AND leased_until IS NULL HAVING min(next_due) IS NOT NULL)
      WHERE id = ANY(${rows.map((row) => row.id)}::uuid[])
        AND NOT EXISTS (SELECT FROM endpoint WHERE host_id = host.id AND leased_until IS NULL AND next_due <= now())`.execute(
      trx,
    );
    return rows.length;
  });
}

/**
 * The safety net: a host whose endpoint is due, and which names no time or a later one without resting, is marked. Returns
 * how many were mended: anything but 0 is a bug.
 */
export async function remindHosts(db: Db): Promise<number> {
  const { rows } = await sql`
    UPDATE host SET next_due = now()
    WHERE (next_due IS NULL OR next_due > now()) AND breaker = 'closed'
      AND EXISTS (SELECT FROM endpoint WHERE host_id = host.id AND leased_until IS NULL
        AND next_due < now() - interval '1 second')
    RETURNING id`.execute(db);
  return rows.length;
}
