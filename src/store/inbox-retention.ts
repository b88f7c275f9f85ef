// What came to inboxes goes after a day, and with it the copies of words that callbacks carried there.
import { sql } from 'kysely';
import type { Logger } from 'pino';
import { startChore } from '../chore.ts';
import { INBOX_LIMITS } from '../inbox.ts';
import type { Db } from './database.ts';
import { removeSilentForwarders } from './inbox-forwarders.ts';

export type InboxRetentionDeps = {
  db: Db;
  /** Of everything else: what is kept for less is kept for less here, too. */
  retentionMs: number;
  log: Logger;
};

const EVERY_MS = 60_000;
/** With bodies of megabytes, so many are a second's work at most. */
const BATCH = 200;

export function startInboxRetention({ db, retentionMs, log }: InboxRetentionDeps): () => Promise<void> {
  const keptMs = Math.min(INBOX_LIMITS.keptMs, retentionMs);
  const stopping = new AbortController();
  const chore = startChore('inboxes', Math.min(EVERY_MS, keptMs / 10), log, async () => {
    await removeSilentForwarders(db);
    await removeOldInboxRequests(db, keptMs, stopping.signal);
  });
  return () => {
    stopping.abort();
    return chore.stop();
  };
}

/** How many went. Any number of processes may do it at once. */
export async function removeOldInboxRequests(db: Db, keptMs: number, signal: AbortSignal): Promise<number> {
  let total = 0;
  for (let removed = BATCH; removed === BATCH && !signal.aborted; total += removed) {
    const gone = await sql`
      DELETE FROM inbox_request WHERE (inbox_id, number) IN (
        SELECT inbox_id, number FROM inbox_request
        WHERE received_at < now() - ${keptMs} * interval '1 millisecond'
        ORDER BY received_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED)`.execute(db);
    removed = Number(gone.numAffectedRows ?? 0n);
  }
  return total;
}
