// Callbacks that are wanted no more. One that waits is cancelled at once. One that a sender has in hand is marked: if its
// attempt was not begun it becomes `cancelled`, if it was begun and succeeds it is `delivered`, else it is cancelled instead
// of waiting again (leases.ts writes that end).
import { type RawBuilder, sql } from 'kysely';
import type { CallbackFilter } from '../delivery.ts';
import { type DeliveryChange, deliveryChange } from './changes.ts';
import type { Db, TellingDb, TellingTrx, Trx } from './database.ts';
import { lookUpOnly } from './prepared.ts';

export type Cancelled = {
  /** Those that waited. */
  cancelled: number;
  /** Those that are being sent, and were marked. */
  inFlight: number;
};

/** All that are named and have not ended, in one transaction: of a job, or by their ids. */
export async function cancelDeliveriesWhere(
  trx: TellingTrx,
  which: { jobId: string } | { ids: readonly string[] },
  reason: string,
): Promise<Cancelled> {
  const named = 'jobId' in which ? sql`job_id = ${which.jobId}` : sql`id = ANY(${which.ids}::uuid[])`;
  const { rows } = await sql<{ change: DeliveryChange; endpoint_id: string }>`
    WITH theirs AS (
      SELECT id AS open_id FROM delivery WHERE ${named} AND ${isOpen} ORDER BY id FOR NO KEY UPDATE)
    UPDATE delivery SET
      state = CASE state WHEN 'pending' THEN 'cancelled' ELSE state END,
      reason = CASE state WHEN 'pending' THEN ${reason} ELSE reason END,
      final_at = CASE state WHEN 'pending' THEN now() END,
      due_at = NULL,
      cancel_reason = CASE state WHEN 'delivering' THEN ${reason} END
    FROM theirs WHERE delivery.id = theirs.open_id
    RETURNING ${deliveryChange}, endpoint_id`.execute(trx);
  const [inFlight, cancelled] = [rows.filter(isInFlight), rows.filter((row) => !isInFlight(row))];
  trx.changed.push(...cancelled.map(({ change }) => change));
  // Whoever has claimed it and not begun it lets it go.
  trx.changed.push(
    ...inFlight.map(({ endpoint_id, change }) => ({
      kind: 'called_off' as const,
      endpointId: endpoint_id,
      deliveryId: change.id,
    })),
  );
  return { cancelled: cancelled.length, inFlight: inFlight.length };
}

const isInFlight = ({ change }: { change: DeliveryChange }) => change.state === 'delivering';
/** Waiting, or being sent and not marked yet. */
const isOpen = sql`(state = 'pending' OR (state = 'delivering' AND cancel_reason IS NULL))`;

export type CancelOne = 'cancelled' | 'in_flight' | 'ended' | 'unknown';

/** One that is marked already is as one that is marked now. */
export function cancelDelivery(
  db: TellingDb,
  accountId: string,
  id: string,
  reason: string,
): Promise<CancelOne> {
  return db.commit(async (trx) => {
    const owned = await trx
      .selectFrom('delivery')
      .select('id')
      .where('account_id', '=', accountId)
      .where('id', '=', id)
      .executeTakeFirst();
    if (!owned) return 'unknown';
    const { cancelled, inFlight } = await cancelDeliveriesWhere(trx, { ids: [id] }, reason);
    if (cancelled > 0) return 'cancelled';
    if (inFlight > 0) return 'in_flight';
    const now = await trx.selectFrom('delivery').select('state').where('id', '=', id).executeTakeFirst();
    return now?.state === 'delivering' ? 'in_flight' : 'ended';
  });
}

/** Deliveries of one transaction: some 50 ms, so that nobody who waits for one of their rows waits long. */
const BATCH = 1_000;
/** Endpoints that are looked through at a time. */
const ENDPOINTS = 500;

export type CancelledMany = Cancelled & {
  /** False: the time was over before all were looked at. */
  done: boolean;
};

/** All of an account that fit, a batch at a time, for as long as `untilMs` (of performance.now). */
export async function cancelByFilter(
  db: TellingDb,
  accountId: string,
  filter: CallbackFilter,
  { reason, untilMs }: { reason: string; untilMs: number },
): Promise<CancelledMany> {
  const total: CancelledMany = { cancelled: 0, inFlight: 0, done: true };
  const fits = sql`account_id = ${accountId} AND ${fitting(filter)}`;
  const cancelAll = async (find: Find) => {
    const some = await cancelInBatches(db, find, { reason, untilMs });
    total.cancelled += some.cancelled;
    total.inFlight += some.inFlight;
    total.done = some.done;
  };
  if (filter.transcription_id !== undefined)
    await cancelAll((trx) => openOf(trx, sql`job_id = ${filter.transcription_id}`, fits));
  else if (filter.webhook_id !== undefined)
    await cancelAll((trx) => openOf(trx, sql`webhook_id = ${filter.webhook_id}`, fits));
  else if (filter.endpoint !== undefined)
    await cancelAll((trx) => openAt(trx, [filter.endpoint as string], fits));
  else
    for await (const endpointIds of endpointsOf(db, accountId)) {
      await cancelAll((trx) => openAt(trx, endpointIds, fits));
      if (!total.done) break;
    }
  return total;
}

/** All at these endpoints. */
export function cancelAt(
  db: TellingDb,
  endpointIds: readonly string[],
  options: { reason: string; untilMs: number; fits?: RawBuilder<unknown> },
): Promise<CancelledMany> {
  return cancelInBatches(db, (trx) => openAt(trx, endpointIds, options.fits ?? sql`true`), options);
}

/** All of this webhook. */
export function cancelOfWebhook(
  db: TellingDb,
  webhookId: string,
  options: { reason: string; untilMs: number },
): Promise<CancelledMany> {
  return cancelInBatches(db, (trx) => openOf(trx, sql`webhook_id = ${webhookId}`, sql`true`), options);
}

async function cancelInBatches(
  db: TellingDb,
  find: Find,
  { reason, untilMs }: { reason: string; untilMs: number },
): Promise<CancelledMany> {
  const total = { cancelled: 0, inFlight: 0 };
  for (;;) {
    if (performance.now() > untilMs) return { ...total, done: false };
    const batch = await db.commit(async (trx) => {
      await lookUpOnly(trx);
      const ids = await find(trx);
      return ids.length === 0 ? null : cancelDeliveriesWhere(trx, { ids }, reason);
    });
    if (batch === null) return { ...total, done: true };
    total.cancelled += batch.cancelled;
    total.inFlight += batch.inFlight;
  }
}

/** The ids of the next batch; none: that was all. */
type Find = (trx: Trx) => Promise<string[]>;

/** The next of those that have not ended at these endpoints, along the indexes of what waits and of what is being sent. */
async function openAt(
  trx: Trx,
  endpointIds: readonly string[],
  fits: RawBuilder<unknown>,
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    SELECT open.id FROM unnest(${endpointIds}::uuid[]) AS place (endpoint_id) CROSS JOIN LATERAL (
      (SELECT id FROM delivery WHERE endpoint_id = place.endpoint_id AND state = 'pending' AND ${fits}
        ORDER BY due_at, id LIMIT ${BATCH})
      UNION ALL
      (SELECT id FROM delivery WHERE endpoint_id = place.endpoint_id AND state = 'delivering'
        AND cancel_reason IS NULL AND ${fits} LIMIT ${BATCH})) AS open
    LIMIT ${BATCH}`.execute(trx);
  return rows.map(({ id }) => id);
}

async function openOf(trx: Trx, which: RawBuilder<unknown>, fits: RawBuilder<unknown>): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    SELECT id FROM delivery
    WHERE ${which} AND state IN ('pending', 'delivering') AND ${isOpen} AND ${fits} LIMIT ${BATCH}`.execute(
    trx,
  );
  return rows.map(({ id }) => id);
}

async function* endpointsOf(db: Db, accountId: string): AsyncGenerator<string[]> {
  for (let after = ''; ; ) {
    const { rows } = await sql<{ id: string; url: string }>`
      SELECT id, url FROM endpoint WHERE account_id = ${accountId} AND removed_at IS NULL AND url > ${after}
      ORDER BY url LIMIT ${ENDPOINTS}`.execute(db);
    yield rows.map(({ id }) => id);
    const last = rows.at(-1);
    if (rows.length < ENDPOINTS || !last) return;
    after = last.url;
  }
}

function fitting(filter: CallbackFilter): RawBuilder<unknown> {
  const { state, endpoint, event, transcription_id, webhook_id, created_after, created_before } = filter;
  const conditions = [
    state && sql`state = ANY(${state}::text[])`,
    endpoint !== undefined && sql`endpoint_id = ${endpoint}`,
    event && sql`event = ${event}`,
    transcription_id !== undefined && sql`job_id = ${transcription_id}`,
    webhook_id !== undefined && sql`webhook_id = ${webhook_id}`,
    created_after !== undefined && sql`created_at >= ${created_after}::timestamptz`,
    created_before !== undefined && sql`created_at < ${created_before}::timestamptz`,
  ].filter((condition) => condition !== undefined && condition !== false);
  return sql.join([sql`true`, ...conditions], sql` AND `);
}
