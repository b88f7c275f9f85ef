// Replays: the deliveries a filter names are sent again in batches, oldest first. A batch, its counts and the place it
// came to are one transaction, so a process that dies leaves nothing to repeat and nothing out; any process goes on.
import { type Selectable, sql } from 'kysely';
import { type CallbackFilter, DELIVERY_STATES, type ReplayState } from '../delivery.ts';
import { lockAccount } from './account-lock.ts';
import { type DeliveryChange, deliveryChange } from './changes.ts';
import type { Db, TellingDb, TellingTrx, Trx } from './database.ts';
import { endpointUrl, markDue } from './endpoints.ts';
import { olderThan, type Place, placeAt } from './place.ts';
import type { Schema } from './schema.ts';

export type ReplayRow = Omit<Selectable<Schema['replay']>, 'cursor_at' | 'cursor_id' | 'next_at'> & {
  place_at: number;
};

const SHOWN = [
  'id',
  'account_id',
  'filter',
  'rate',
  'state',
  'matched',
  'resent',
  'in_flight',
  'body_gone',
  'expected',
  'created_at',
  'finished_at',
] as const;

export async function ownsEndpoint(db: Db, accountId: string, id: string): Promise<boolean> {
  const found = await db
    .selectFrom('endpoint')
    .select('id')
    .where('account_id', '=', accountId)
    .where('id', '=', id)
    .where('removed_at', 'is', null)
    .executeTakeFirst();
  return found !== undefined;
}

/** Replays of one account that run at a time: each looks through the account's deliveries at its own rate. */
export const MOST_REPLAYS = 5;

/** Undefined when as many of the account run as may. `expected`: callbacks that fit; null: they were not counted. */
export function createReplay(
  db: Db,
  accountId: string,
  filter: CallbackFilter,
  { rate, expected = null }: { rate: number; expected?: number | null },
): Promise<ReplayRow | undefined> {
  return db.transaction().execute(async (trx) => {
    // Those of one account take turns, or several would find room for the last one.
    await lockAccount(trx, accountId);
    const { running } = await trx
      .selectFrom('replay')
      .select(sql<number>`count(*)`.as('running'))
      .where('account_id', '=', accountId)
      .where('state', '=', 'running')
      .executeTakeFirstOrThrow();
    if (running >= MOST_REPLAYS) return undefined;
    return trx
      .insertInto('replay')
      .values({ account_id: accountId, filter: JSON.stringify(filter), rate, expected })
      .returning([...SHOWN, placeAt.as('place_at')])
      .executeTakeFirstOrThrow();
  });
}

export function findReplay(db: Db, accountId: string, id: string): Promise<ReplayRow | undefined> {
  return db
    .selectFrom('replay')
    .select([...SHOWN, placeAt.as('place_at')])
    .where('account_id', '=', accountId)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** Newest first. */
export function listReplays(
  db: Db,
  accountId: string,
  page: { after?: Place; limit: number },
): Promise<ReplayRow[]> {
  let query = db
    .selectFrom('replay')
    .select([...SHOWN, placeAt.as('place_at')])
    .where('account_id', '=', accountId);
  if (page.after) query = query.where(olderThan(page.after));
  return query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(page.limit).execute();
}

/** Sends nothing more again; what it made due stays due. One that has ended stays as it is. */
export async function cancelReplay(db: Db, accountId: string, id: string): Promise<void> {
  await db
    .updateTable('replay')
    .set({ state: 'cancelled', finished_at: sql`now()` })
    .where('account_id', '=', accountId)
    .where('id', '=', id)
    .where('state', '=', 'running')
    .execute();
}

/** Batches a second: what the rate allows is not sent in one gulp. */
const BATCHES_PER_S = 4;
/** Deliveries looked at in one transaction, however few of them match. */
const SCAN = 10_000;
/** A process that was late may catch up with this much. */
const CATCH_UP_S = 1;

export type ReplayStep = {
  id: string;
  matched: number;
  resent: number;
  state: ReplayState;
};

/** Moves one replay, whose time has come and that nobody else is moving, on by one batch; undefined: there is none. */
export function stepReplay(db: TellingDb): Promise<ReplayStep | undefined> {
  return db.commit(async (trx) => {
    const replay = await trx
      .selectFrom('replay')
      .select(['id', 'account_id', 'filter', 'rate', 'created_at', 'cursor_id'])
      // As text: a Date would cut the microseconds off.
      .select([sql<string>`cursor_at::text`.as('cursor_at'), sql<string>`created_at::text`.as('until')])
      .where('state', '=', 'running')
      .where('next_at', '<=', sql<Date>`now()`)
      .orderBy('next_at')
      .limit(1)
      .forNoKeyUpdate()
      .skipLocked()
      .executeTakeFirst();
    if (!replay) return undefined;

    const page = await reunited(trx, replay, await readPage(trx, replay));
    const { resent, bodyGone } = await resendPage(trx, replay, page);
    const { state } = await trx
      .updateTable('replay')
      .set({
        matched: sql`matched + ${page.ids.length}`,
        resent: sql`resent + ${resent}`,
        body_gone: sql`body_gone + ${bodyGone}`,
        // Whatever was claimed, changed or sent again between the look and the lock is on its way by itself.
        in_flight: sql`in_flight + ${page.ids.length - resent - bodyGone}`,
        cursor_at: sql`coalesce(${page.at}::timestamptz, cursor_at)`,
        cursor_id: sql`coalesce(${page.id}::uuid, cursor_id)`,
        next_at: sql`greatest(next_at, now() - ${CATCH_UP_S} * interval '1 second')
          + ${page.ids.length / replay.rate} * interval '1 second'`,
        ...(page.last && { state: 'done', finished_at: sql`now()` }),
      })
      .where('id', '=', replay.id)
      .returning('state')
      .executeTakeFirstOrThrow();
    return { id: replay.id, matched: page.ids.length, resent, state };
  });
}

type Running = {
  account_id: string;
  filter: CallbackFilter;
  rate: number;
  until: string;
  cursor_at: string;
  cursor_id: string;
};

type Page = {
  ids: string[];
  endpoint_ids: string[];
  /** The place the look came to; null when there was nothing behind. */
  at: string | null;
  id: string | null;
  last: boolean;
};

async function readPage(trx: Trx, replay: Running): Promise<Page> {
  const { filter } = replay;
  const most = Math.ceil(replay.rate / BATCHES_PER_S);
  const scan = sql`
    SELECT id, endpoint_id, state, event, created_at FROM delivery
    WHERE account_id = ${replay.account_id}
      AND (created_at, id) > (${replay.cursor_at}::timestamptz, ${replay.cursor_id}::uuid)
      AND created_at <= ${replay.until}::timestamptz
      AND created_at >= coalesce(${filter.created_after ?? null}::timestamptz, '-infinity')
      AND created_at < coalesce(${filter.created_before ?? null}::timestamptz, 'infinity')
      ${filter.transcription_id === undefined ? sql`` : sql`AND job_id = ${filter.transcription_id}`}
      ${filter.webhook_id === undefined ? sql`` : sql`AND webhook_id = ${filter.webhook_id}`}
    ORDER BY created_at, id LIMIT ${SCAN}`;
  // A full page ends the scan early, and the place is its end; otherwise the place is the scan's end, if it had to end.
  const { rows } = await sql<Omit<Page, 'last'>>`
    WITH page AS MATERIALIZED (
      SELECT id, endpoint_id, created_at FROM (${scan}) AS scanned
      WHERE state = ANY(${filter.state ?? DELIVERY_STATES}::text[])
        AND endpoint_id = coalesce(${filter.endpoint ?? null}::uuid, endpoint_id)
        AND event = coalesce(${filter.event ?? null}, event)
      ORDER BY created_at, id LIMIT ${most}),
    place AS (
      (SELECT created_at, id FROM page WHERE (SELECT count(*) FROM page) = ${most}
        ORDER BY created_at DESC, id DESC LIMIT 1)
      UNION ALL
      (SELECT created_at, id FROM (SELECT * FROM (${scan}) AS scanned OFFSET ${SCAN - 1}) AS end_of_scan
        WHERE (SELECT count(*) FROM page) < ${most}))
    SELECT (SELECT coalesce(array_agg(id), '{}') FROM page) AS ids,
      (SELECT coalesce(array_agg(DISTINCT endpoint_id), '{}') FROM page) AS endpoint_ids,
      place.created_at::text AS at, place.id
    FROM (VALUES (1)) AS one LEFT JOIN place ON true`.execute(trx);
  const page = rows[0] as (typeof rows)[number];
  return { ...page, last: page.at === null };
}

/** An endpoint that is gone is made anew for what is sent there again; what is there now, endpoints last. */
async function reunited(trx: TellingTrx, replay: Running, page: Page): Promise<Page> {
  const { rows } = await sql<{ id: string; url: string }>`
    SELECT id, url FROM delivery WHERE id = ANY(${page.ids}::uuid[]) AND state IN ('delivered', 'failed', 'cancelled')
      AND NOT EXISTS (SELECT FROM endpoint WHERE endpoint.id = delivery.endpoint_id AND removed_at IS NULL)`.execute(
    trx,
  );
  if (rows.length === 0) return page;
  const made = [];
  for (const [named, apart] of Map.groupBy(rows, ({ url }) => endpointUrl(url))) {
    const endpointId = await markDue(trx, replay.account_id, named, 0);
    made.push(endpointId);
    await sql`
      UPDATE delivery SET endpoint_id = ${endpointId}
      WHERE id = ANY(ARRAY(SELECT id FROM delivery WHERE id = ANY(${apart.map(({ id }) => id)}::uuid[])
        AND state IN ('delivered', 'failed', 'cancelled') ORDER BY id FOR NO KEY UPDATE SKIP LOCKED))`.execute(
      trx,
    );
  }
  return { ...page, endpoint_ids: [...new Set([...page.endpoint_ids, ...made])] };
}

async function resendPage(
  trx: TellingTrx,
  replay: Running,
  page: Page,
): Promise<{ resent: number; bodyGone: number }> {
  if (page.ids.length === 0) return { resent: 0, bodyGone: 0 };
  // Endpoints before deliveries, as everywhere. A delivery that is locked is being claimed or recorded: it is not waited for.
  await sql`SELECT FROM endpoint WHERE id = ANY(${page.endpoint_ids}::uuid[]) ORDER BY id FOR NO KEY UPDATE`.execute(
    trx,
  );
  const { rows } = await sql<{ changes: DeliveryChange[]; body_gone: number; endpoint_ids: string[] }>`
    WITH free AS (
      SELECT id, CASE asked_form WHEN 'full' THEN full_body ELSE reference_body END IS NULL AS body_gone
      FROM delivery
      WHERE id = ANY(${page.ids}::uuid[]) AND state <> 'delivering'
        AND state = ANY(${replay.filter.state ?? DELIVERY_STATES}::text[])
      ORDER BY id FOR NO KEY UPDATE SKIP LOCKED),
    resent AS (
      UPDATE delivery SET state = 'pending', trigger = 'replay', step = 0, due_at = now(), final_at = NULL,
        reason = NULL, form = asked_form
      FROM free WHERE delivery.id = free.id AND NOT free.body_gone
      RETURNING delivery.id, account_id, job_id, state, attempts, endpoint_id)
    SELECT (SELECT coalesce(json_agg(change), '[]') FROM (SELECT ${deliveryChange} FROM resent) AS told) AS changes,
      (SELECT count(*)::int FROM free WHERE body_gone) AS body_gone,
      (SELECT coalesce(array_agg(DISTINCT endpoint_id), '{}') FROM resent) AS endpoint_ids`.execute(trx);
  const { changes, body_gone, endpoint_ids } = rows[0] as (typeof rows)[number];
  if (changes.length > 0) {
    // Slow start at the first batch alone: a later one would begin it anew, and the rate would never rise.
    await sql`
      UPDATE endpoint SET
        next_due = CASE WHEN disabled_at IS NULL THEN least(next_due, greatest(now(), paused_until, open_until)) END,
        ramp_from = CASE WHEN ramp_from >= ${replay.until}::timestamptz THEN ramp_from ELSE now() END
      WHERE id = ANY(${endpoint_ids}::uuid[])`.execute(trx);
    trx.changed.push(...changes, { kind: 'due' });
  }
  return { resent: changes.length, bodyGone: body_gone };
}

/** Milliseconds until a running replay has its next batch; null when none is running. */
export async function untilNextReplay(db: Db): Promise<number | null> {
  const { rows } = await sql<{ wait: number | null }>`
    SELECT (extract(epoch FROM min(next_at) - now()) * 1000)::float8 AS wait FROM replay WHERE state = 'running'`.execute(
    db,
  );
  return rows[0]?.wait ?? null;
}
