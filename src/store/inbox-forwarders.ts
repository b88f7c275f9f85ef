// Who is connected to answer an inbox's requests, in whichever process. A row each, kept alive by the process that has the
// connection: so the process that a request comes to knows whether somebody will answer it.
import { sql } from 'kysely';
import type { Db } from './database.ts';

/** How often a forwarder's process says that it is still there; silent for three times as long, it is gone. */
export const FORWARDER_BEAT_MS = 5_000;
const SILENT_MS = 3 * FORWARDER_BEAT_MS;

/** Over a row of `inbox`. */
export const forwarderThere = sql<boolean>`EXISTS (
  SELECT FROM inbox_forwarder WHERE inbox_forwarder.inbox_id = inbox.id
    AND beat_at > now() - ${SILENT_MS} * interval '1 millisecond')`;

/** False: the inbox was deleted. */
export async function enterForwarder(db: Db, inboxId: string, id: string): Promise<boolean> {
  const entered = await sql`
    INSERT INTO inbox_forwarder (id, inbox_id) SELECT ${id}, inbox.id FROM inbox WHERE inbox.id = ${inboxId}`.execute(
    db,
  );
  return entered.numAffectedRows === 1n;
}

export async function beatForwarders(db: Db, ids: readonly string[]): Promise<void> {
  await sql`UPDATE inbox_forwarder SET beat_at = now() WHERE id = ANY(${ids}::uuid[])`.execute(db);
}

export async function leaveForwarder(db: Db, id: string): Promise<void> {
  await db.deleteFrom('inbox_forwarder').where('id', '=', id).execute();
}

/** Of processes that died. */
export async function removeSilentForwarders(db: Db): Promise<void> {
  await sql`
    DELETE FROM inbox_forwarder WHERE beat_at < now() - ${SILENT_MS} * interval '1 millisecond'`.execute(db);
}

/** After a kill -9 of the only process: nobody is connected, and nobody waits for an answer. */
export async function endAllForwarders(db: Db): Promise<void> {
  await db.deleteFrom('inbox_forwarder').execute();
  await sql`
    UPDATE inbox_request SET state = 'left', waits_until = NULL WHERE state = 'waiting'`.execute(db);
}
