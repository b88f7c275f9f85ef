// An endpoint that its owner removes. It is marked in one transaction, which is the removal; what waits there is cancelled,
// and the row goes once nothing of it is being sent. A process that dies in between leaves the rest to the sweep.
import { sql } from 'kysely';
import { type CancelledMany, cancelAt } from './cancel-deliveries.ts';
import type { Db, TellingDb } from './database.ts';
import { lookUpOnly } from './prepared.ts';

export type Removal = CancelledMany & { url: string };

/** Of what waits there. */
const REASON = 'its endpoint was removed by its owner';

/** Undefined: there is no such endpoint. What is not cancelled by `untilMs` (of performance.now) is left to the sweep. */
export async function removeEndpoint(
  db: TellingDb,
  accountId: string,
  id: string,
  untilMs: number,
): Promise<Removal | undefined> {
  const marked = await db.commit(async (trx) => {
    const row = await trx
      .updateTable('endpoint')
      .set({
        removed_at: sql`now()`,
        disabled_at: sql`coalesce(disabled_at, now())`,
        disabled_reason: sql`coalesce(disabled_reason, 'removed by its owner')`,
        next_due: null,
      })
      .where('account_id', '=', accountId)
      .where('id', '=', id)
      .where('removed_at', 'is', null)
      .returning('url')
      .executeTakeFirst();
    // Its holder has claimed ahead.
    if (row) trx.changed.push({ kind: 'disabled', endpointId: id });
    return row;
  });
  if (!marked) return undefined;
  const cancelled = await cancelAt(db, [id], { reason: REASON, untilMs });
  await clearRemoved(db, [id]);
  return { ...cancelled, url: marked.url };
}

const SWEPT = 500;
const SWEEP_MS = 10_000;

/**
 * What was begun and not finished: a delivery that was just being opened as its endpoint went, one whose sender gave it up
 * since, a removal whose process died. Returns how many endpoints are gone for good.
 */
export async function sweepRemoved(db: TellingDb): Promise<number> {
  const { rows } = await sql<{ id: string }>`
    SELECT id FROM endpoint WHERE removed_at IS NOT NULL ORDER BY removed_at LIMIT ${SWEPT}`.execute(db);
  if (rows.length === 0) return 0;
  const ids = rows.map(({ id }) => id);
  await cancelAt(db, ids, { reason: REASON, untilMs: performance.now() + SWEEP_MS });
  return clearRemoved(db, ids);
}

/** First the lock, then the look: a transaction that opens a delivery holds the key, and its endpoint stays for the next time. */
function clearRemoved(db: Db, ids: readonly string[]): Promise<number> {
  return db.transaction().execute(async (trx) => {
    await lookUpOnly(trx);
    const { rows } = await sql<{ id: string }>`
      SELECT id FROM endpoint WHERE id = ANY(${ids}::uuid[]) AND removed_at IS NOT NULL
      ORDER BY id FOR UPDATE SKIP LOCKED`.execute(trx);
    const gone = await sql`
      DELETE FROM endpoint WHERE id = ANY(${rows.map(({ id }) => id)}::uuid[]) AND NOT ${hasOpen}`.execute(
      trx,
    );
    return Number(gone.numAffectedRows);
  });
}

/** Over a row of `endpoint`: something waits there, or is being sent. In two parts, as there is an index for each. */
export const hasOpen = sql`(
  EXISTS (SELECT FROM delivery WHERE endpoint_id = endpoint.id AND state = 'pending')
  OR EXISTS (SELECT FROM delivery WHERE endpoint_id = endpoint.id AND state = 'delivering'))`;
