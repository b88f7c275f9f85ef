// The deliver role: the dispatcher, woken by the database, and the reminder that no delivery is forgotten.
import { startChore } from '../chore.ts';
import { ShortageLog } from '../shortage-log.ts';
import { type DeliveryChange, tellChanges, tellDeliveries } from '../store/changes.ts';
import { clockOffset } from '../store/clock.ts';
import type { Database } from '../store/database.ts';
import { addTallies, DUE_CHANNEL } from '../store/endpoints.ts';
import { addOutcomes } from '../store/figures.ts';
import {
  type ClaimResult,
  claimDeliveries,
  claimEndpoints,
  freeDisabledEndpoints,
  handBack,
  record,
  releaseEndpoints,
  remindEndpoints,
} from '../store/leases.ts';
import { type AttemptDeps, attempt } from './attempt.ts';
import { WatchedClock } from './clock.ts';
import { Dispatcher } from './dispatcher.ts';
import { News } from './news.ts';
import { startReplays } from './replay.ts';
import { ShortageRest } from './rest.ts';
import { AttemptTally, OutcomeTally } from './tally.ts';

export type DeliverDeps = Omit<AttemptDeps, 'shortages'> & {
  database: Database;
  endpointConcurrency: number;
};

/** Requests at a time in one process. */
const SLOTS = 256;
const REMIND_MS = 15_000;
const COUNT_MS = 2_000;
const CLOCK_MS = 15_000;
/** Running attempts have this long to finish when we stop. */
const GRACE_MS = 4_000;

const NOTHING: ClaimResult = { now: null, leases: [], claimed: [] };

export async function startDeliver(deps: DeliverDeps): Promise<() => Promise<void>> {
  const { database, log } = deps;
  const { db } = database;
  const tally = new AttemptTally();
  const outcomes = new OutcomeTally();
  const news = new News((changes) => tell(db, changes), log);
  const clock = new WatchedClock({ now: deps.now, measure: () => clockOffset(db, deps.now), log });
  await clock.check();
  const now = () => performance.now();
  const rest = new ShortageRest(now);
  const shortageLog = new ShortageLog({ log, now });
  const shortages: AttemptDeps['shortages'] = {
    found(shortage, where) {
      shortageLog.found(shortage, where);
      // Ports run out for one receiver at a time: nobody else waits for that.
      if (shortage !== 'network') rest.met();
    },
  };
  const mayClaim = () => clock.isRight && !rest.isResting;
  const dispatcher = new Dispatcher({
    store: {
      // With a clock that may not sign, or short of what sending takes, others send; what is held is given back.
      claimEndpoints: async (options) => (mayClaim() ? claimEndpoints(db, options) : NOTHING),
      claimDeliveries: async (wanted) => (mayClaim() ? claimDeliveries(db, wanted) : []),
      record: async (batch, healths) => {
        news.add(await record(db, batch, healths));
      },
      handBack: (unsent) => handBack(db, unsent),
      releaseEndpoints: (leases) => releaseEndpoints(db, leases),
    },
    send: async (claimed, signal) => {
      // Stepped between the claim and now: on record as interrupted, not sent.
      const landed = await attempt(
        { ...deps, shortages },
        claimed,
        clock.isRight ? signal : AbortSignal.abort(),
      );
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
      if (status !== null) rest.over();
      outcomes.add(outcome);
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
  const writeCounts = async () => {
    await addTallies(db, tally.take());
    await addOutcomes(db, outcomes.take());
  };
  const count = startChore('count attempts', COUNT_MS, log, writeCounts);
  const checkClock = startChore('check the clock', CLOCK_MS, log, () => clock.check());
  const stopReplays = startReplays({ db, log });
  return async () => {
    await deaf();
    await stopReplays();
    await Promise.all([remind.stop(), checkClock.stop()]);
    await dispatcher.stop(GRACE_MS);
    await news.stop();
    await count.stop();
    await writeCounts();
  };
}

/**
 * What is final is told as it was recorded; a state that waits for its next attempt is read again, since its owner may
 * have cancelled it in the meantime, and nothing would come after to put a late word right.
 */
async function tell(db: Database['db'], changes: readonly DeliveryChange[]): Promise<void> {
  const { open = [], final = [] } = Object.groupBy(changes, ({ state }) =>
    state === 'pending' ? 'open' : 'final',
  );
  if (final.length > 0) await tellChanges(db, final);
  if (open.length > 0)
    await tellDeliveries(
      db,
      open.map(({ id }) => id),
    );
}
