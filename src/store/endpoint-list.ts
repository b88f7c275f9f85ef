// Endpoints as their owner sees them, in pages: each with its health, what waits there and how it has answered.
import { type RawBuilder, type Selectable, sql } from 'kysely';
import type { EndpointHealthWord, EndpointSort, EndpointState } from '../delivery.ts';
import type { Db } from './database.ts';
import { healthWord, notBefore } from './endpoint-health.ts';
import type { Schema } from './schema.ts';

export type EndpointRow = Selectable<Schema['endpoint']> & {
  health: EndpointHealthWord;
  /** When it is looked at next; null: nothing waits, or it is disabled. */
  next_attempt: Date | null;
  /** Deliveries that wait or are being sent. */
  undelivered: number;
  oldest_undelivered: Date | null;
  /** Attempts of the last 24 hours, by the full hour. */
  succeeded: number;
  failed: number;
  /** With the id: its place in this order. */
  sort_key: string | number;
};

export type EndpointPlace = { key: string | number; id: string };

export type EndpointFilter = {
  sort?: EndpointSort;
  states?: readonly EndpointState[];
  healths?: readonly EndpointHealthWord[];
  /** In the URL, whatever its case. */
  search?: string;
  /** Only those further down. */
  after?: EndpointPlace;
  limit?: number;
};

const SEEN_HOURS = 24;
/** In microseconds, beyond all times there are: those without one come last. */
const NEVER = 9e15;

// Spelled as the partial indexes are, so that both are used.
const waiting = sql`CROSS JOIN LATERAL (
  SELECT count(*) AS undelivered, min(created_at) AS oldest_undelivered FROM delivery
  WHERE endpoint_id = endpoint.id AND (state = 'pending' OR state = 'delivering')) AS waiting`;
const seen = sql`CROSS JOIN LATERAL (
  SELECT coalesce(sum(succeeded), 0)::bigint AS succeeded, coalesce(sum(failed), 0)::bigint AS failed
  FROM endpoint_hour WHERE endpoint_id = endpoint.id AND hour > now() - ${SEEN_HOURS}::int * interval '1 hour') AS seen`;
const micros = (time: RawBuilder<unknown>) => sql`(extract(epoch FROM ${time}) * 1000000)::bigint`;

type Order = { key: RawBuilder<unknown>; type: RawBuilder<unknown>; joins: RawBuilder<unknown> };
const number = sql`float8`;
const none = sql``;

/** The smallest key comes first. What is counted anew with every look may move a row between two pages. */
const ORDERS: Readonly<Record<EndpointSort, Order>> = {
  url: { key: sql`endpoint.url`, type: sql`text`, joins: none },
  created: { key: sql`-${micros(sql`endpoint.created_at`)}`, type: number, joins: none },
  undelivered: { key: sql`-waiting.undelivered`, type: number, joins: waiting },
  oldest: {
    key: sql`coalesce(${micros(sql`waiting.oldest_undelivered`)}, ${NEVER}::bigint)`,
    type: number,
    joins: waiting,
  },
  // In millionths; those without an attempt last.
  success: {
    key: sql`coalesce(seen.succeeded * 1000000 / nullif(seen.succeeded + seen.failed, 0), 2000000)`,
    type: number,
    joins: seen,
  },
  failing: { key: sql`-endpoint.failures`, type: number, joins: none },
};

export async function listEndpoints(
  db: Db,
  accountId: string,
  filter: EndpointFilter = {},
): Promise<EndpointRow[]> {
  return read(db, sql`endpoint.account_id = ${accountId} AND ${fitting(filter)}`, filter);
}

export async function findEndpoint(db: Db, accountId: string, id: string): Promise<EndpointRow | undefined> {
  const [row] = await read(db, sql`endpoint.account_id = ${accountId} AND endpoint.id = ${id}`, {});
  return row;
}

/** First which of them, then all about these: what a page does not show is not counted. */
async function read(
  db: Db,
  which: RawBuilder<unknown>,
  { sort = 'url', after, limit }: EndpointFilter,
): Promise<EndpointRow[]> {
  const { key, type, joins } = ORDERS[sort];
  const further = after ? sql`AND (${key}, endpoint.id) > (${after.key}::${type}, ${after.id}::uuid)` : none;
  const { rows } = await sql<EndpointRow>`
    WITH page AS (
      SELECT endpoint.id, ${key} AS sort_key FROM endpoint JOIN host ON host.id = endpoint.host_id ${joins}
      WHERE ${which} AND endpoint.removed_at IS NULL ${further}
      ORDER BY ${key}, endpoint.id LIMIT ${limit ?? null}::bigint)
    SELECT endpoint.*, ${healthWord} AS health, ${notBefore(sql`endpoint.next_due`)} AS next_attempt,
      waiting.undelivered, waiting.oldest_undelivered, seen.succeeded, seen.failed, page.sort_key
    FROM page JOIN endpoint ON endpoint.id = page.id JOIN host ON host.id = endpoint.host_id ${waiting} ${seen}
    ORDER BY page.sort_key, page.id`.execute(db);
  return rows;
}

function fitting({ states, healths, search }: EndpointFilter): RawBuilder<unknown> {
  const conditions = [
    states &&
      sql`CASE WHEN endpoint.disabled_at IS NULL THEN endpoint.breaker ELSE 'disabled' END = ANY(${states}::text[])`,
    healths && sql`${healthWord} = ANY(${healths}::text[])`,
    search !== undefined && sql`strpos(lower(endpoint.url), lower(${search})) > 0`,
  ].filter((condition) => condition !== undefined && condition !== false);
  return sql.join([sql`true`, ...conditions], sql` AND `);
}
