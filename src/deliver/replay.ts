// Keeps replays moving: one batch after the other, each when its rate allows. Any number of processes may do this at
// once; a replay is moved by one of them at a time.
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import { startChore } from '../chore.ts';
import type { TellingDb } from '../store/database.ts';
import { stepReplay, untilNextReplay } from '../store/replays.ts';

/** A new replay begins within this time. */
const LOOK_MS = 1_000;
/** A batch that is due while another process moves it: no sooner again than this. */
const SOONEST_MS = 50;

export function startReplays({ db, log }: { db: TellingDb; log: Logger }): () => Promise<void> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const chore = startChore('replays', LOOK_MS, log, async () => {
    while (!signal.aborted) {
      const step = await stepReplay(db);
      if (step?.state === 'done') log.info({ replay: step.id }, 'replay done');
      if (step) continue;
      const waitMs = await untilNextReplay(db);
      if (waitMs === null) return;
      await wait(Math.min(LOOK_MS, Math.max(SOONEST_MS, waitMs)), undefined, { signal }).catch(() => {});
    }
  });
  return async () => {
    stopping.abort();
    await chore.stop();
  };
}
