// The deliver role: the dispatcher, woken by the database, and the reminder that no delivery is forgotten.
import { startChore } from '../chore.ts';
import type { Database } from '../store/database.ts';
import { addTallies, DUE_CHANNEL } from '../store/endpoints.ts';
import {
  claimDeliveries,
  claimEndpoints,
  freeDisabledEndpoints,
  handBack,
  record,
  releaseEndpoints,
  remindEndpoints,
} from '../store/leases.ts';
import { type AttemptDeps, attempt } from './attempt.ts';
import { Dispatcher } from './dispatcher.ts';
import { startReplays } from './replay.ts';
import { AttemptTally } from './tally.ts';

export type DeliverDeps = AttemptDeps & {
  database: Database;
  endpointConcurrency: number;
};

/** Attempts in flight in one process. */
const SLOTS = 256;
const REMIND_MS = 15_000;
const COUNT_MS = 2_000;
/** Running attempts have this long to finish when we stop. */
const GRACE_MS = 4_000;

export async function startDeliver(deps: DeliverDeps): Promise<() => Promise<void>> {
  const { database, log } = deps;
  const { db } = database;
  const tally = new AttemptTally();
  const dispatcher = new Dispatcher({
    store: {
      claimEndpoints: (options) => claimEndpoints(db, options),
      claimDeliveries: (wanted) => claimDeliveries(db, wanted),
      record: (batch, healths) => record(db, batch, healths),
      handBack: (unsent) => handBack(db, unsent),
      releaseEndpoints: (leases) => releaseEndpoints(db, leases),
    },
    send: async (claimed, signal) => {
      const landed = await attempt(deps, claimed, signal);
      const { recorded } = landed;
      const { number, outcome, status, durationMs, errorClass } = recorded.attempt;
      log.info(
        {
          delivery: claimed.id,
          attempt: number,
          outcome,
          status,
          error: errorClass,
          took_ms: Math.round(durationMs),
          next: recorded.next.state,
          wait_ms: recorded.next.waitMs,
        },
        'callback attempted',
      );
      if (landed.health !== 'neither')
        tally.add(claimed.endpointId, landed.health === 'success', recorded.attempt.startedAt);
      return landed;
    },
    concurrency: deps.endpointConcurrency,
    slots: SLOTS,
    attemptMs: deps.deadlineMs,
    log,
  });
  const deaf = await database.listen(DUE_CHANNEL, (endpointId) =>
    endpointId === '' ? dispatcher.wake() : dispatcher.letGo(endpointId),
  );
  dispatcher.start();
  const remind = startChore('remind endpoints', REMIND_MS, log, async () => {
    const endpoints = (await remindEndpoints(db)) + (await freeDisabledEndpoints(db));
    if (endpoints > 0) log.warn({ endpoints }, 'endpoints with waiting callbacks were put right');
  });
  const count = startChore('count attempts', COUNT_MS, log, () => addTallies(db, tally.take()));
  const stopReplays = startReplays({ db, log });
  return async () => {
    await deaf();
    await stopReplays();
    await remind.stop();
    await dispatcher.stop(GRACE_MS);
    await count.stop();
    await addTallies(db, tally.take());
  };
}
