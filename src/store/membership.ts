// A server's life on its database: once registered, it says now and then that it lives, and takes its row away when it
// stops. Keys of the setting
// that no living server has are revoked by the way.
import type { Logger } from 'pino';
import { startChore } from '../chore.ts';
import type { Db } from './database.ts';
import { revokeUnconfigured, settleKeys } from './keys.ts';
import { DEAD_MS } from './liveness.ts';
import { beat, leave, type Self } from './processes.ts';

const BEAT_MS = 10_000;

export type MembershipDeps = {
  db: Db;
  /** Registered (processes.ts). */
  self: Self;
  log: Logger;
  /** Milliseconds that only ever go forward. */
  now: () => number;
};

/** Returns what ends it: the row goes at once, so that a successor need not wait. */
export function startMembership({ db, self, log, now }: MembershipDeps): () => Promise<void> {
  const hasKeys = self.roles.includes('api');
  let lastBeat = now();
  // While we, or the database, were away, others could not be heard of either: nobody is to be called dead for that.
  let steadySince = now();
  const chore = startChore('tell that this server lives', BEAT_MS, log, async () => {
    const wasKnown = await beat(db, self);
    if (now() - lastBeat > 2 * BEAT_MS || !wasKnown) steadySince = now();
    lastBeat = now();
    if (!hasKeys) return;
    if (!wasKnown) await settleKeys(db, self.apiKeys);
    if (now() - steadySince < DEAD_MS) return;
    const revoked = await revokeUnconfigured(db);
    if (revoked.length > 0)
      log.warn({ keys: revoked }, 'keys were revoked: no running server has them in RINGBACK_API_KEYS');
  });
  return async () => {
    await chore.stop();
    await leave(db, self.id);
  };
}
