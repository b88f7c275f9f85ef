// What retention does about receivers that are gone: their endpoints and hosts, and what still waits for them.
import { type RawBuilder, sql } from 'kysely';
import { cancelAt } from './cancel-deliveries.ts';
import type { Db, TellingDb, Trx } from './database.ts';
import { hasOpen } from './endpoint-removal.ts';
import { lookUpOnly } from './prepared.ts';
import type { Batch, Expired, Look } from './retention.ts';

const GIVEN_UP =
  'given up: its endpoint was disabled or failed for as long as records are kept (RINGBACK_RETENTION), and it waited all that time';
const GIVE_UP_MS = 60_000;

/**
 * Endpoints that have taken nothing since before the border: what has waited there for as long, by its due time, is given
 * up. Sent again since, or made due by a resend, it waits from then on.
 */
export async function giveUpWaiting(db: TellingDb, look: Expired): Promise<Batch> {
  const outSince = sql`least(disabled_at, failing_since)`;
  const { ids, ...seen } = await walk(db, look, {
    time: outSince,
    which: sql`(disabled_at IS NOT NULL OR failing_since IS NOT NULL)`,
  });
  const { cancelled } = await cancelAt(db, ids, {
    reason: GIVEN_UP,
    fits: sql`state = 'pending' AND due_at < ${look.border}::timestamptz`,
    untilMs: performance.now() + GIVE_UP_MS,
  });
  return { ...seen, removed: cancelled };
}

/**
 * Endpoints at which nothing has happened since before the border: made before, no attempt in their hours, nothing waiting
 * or being sent, not disabled since. A transaction that opens a delivery there holds the endpoint's key: it stays; one that
 * comes later finds none, and makes it anew.
 */
export async function removeIdleEndpoints(trx: Trx, look: Expired): Promise<Batch> {
  await lookUpOnly(trx);
  const { ids, ...seen } = await walk(trx, look, { time: sql`created_at`, which: sql`removed_at IS NULL` });
  const isIdle = sql`leased_until IS NULL AND coalesce(disabled_at, '-infinity') < ${look.border}::timestamptz
    AND NOT EXISTS (SELECT FROM endpoint_hour WHERE endpoint_id = endpoint.id) AND NOT ${hasOpen}`;
  const { rows } = await sql<{ id: string }>`
    SELECT id FROM endpoint WHERE id = ANY(${ids}::uuid[]) AND ${isIdle}
    ORDER BY id FOR UPDATE SKIP LOCKED`.execute(trx);
  // Asked once more, now that they are locked: a delivery may have been opened since the first look.
  const removed = await sql`
    DELETE FROM endpoint WHERE id = ANY(${rows.map(({ id }) => id)}::uuid[]) AND ${isIdle}`.execute(trx);
  return { ...seen, removed: Number(removed.numAffectedRows) };
}

/** Hosts without an endpoint, whatever their age: nothing leads to them. An endpoint that is being made locks its host. */
export async function removeEmptyHosts(trx: Trx, { after, most }: Look): Promise<Batch> {
  await lookUpOnly(trx);
  const isEmpty = sql`NOT EXISTS (SELECT FROM endpoint WHERE host_id = host.id)`;
  const { rows } = await sql<{ id: string; empty: boolean }>`
    SELECT id, ${isEmpty} AS empty FROM host WHERE id > ${after.id}::uuid
    ORDER BY id LIMIT ${most}`.execute(trx);
  const empty = rows.filter((row) => row.empty).map(({ id }) => id);
  const locked = await sql<{ id: string }>`
    SELECT id FROM host WHERE id = ANY(${empty}::uuid[]) ORDER BY id FOR UPDATE SKIP LOCKED`.execute(trx);
  const removed = await sql`
    DELETE FROM host WHERE id = ANY(${locked.rows.map(({ id }) => id)}::uuid[]) AND ${isEmpty}`.execute(trx);
  const last = rows.at(-1);
  return {
    found: rows.length,
    removed: Number(removed.numAffectedRows),
    last: last ? { at: after.at, id: last.id } : null,
  };
}

/** The next endpoints before the border, by a time and an id, whatever becomes of them. */
async function walk(
  db: Db,
  { border, after, most }: Expired,
  { time, which }: { time: RawBuilder<unknown>; which: RawBuilder<unknown> },
): Promise<{ ids: string[] } & Omit<Batch, 'removed'>> {
  const { rows } = await sql<{ id: string; at: string }>`
    SELECT id, ${time}::text AS at FROM endpoint
    WHERE ${which} AND ${time} < ${border}::timestamptz AND (${time}, id) > (${after.at}::timestamptz, ${after.id}::uuid)
    ORDER BY ${time}, id LIMIT ${most}`.execute(db);
  return { ids: rows.map(({ id }) => id), found: rows.length, last: rows.at(-1) ?? null };
}
