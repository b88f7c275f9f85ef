// The deliver role: the dispatcher, woken by what is told, and the reminder that no delivery is forgotten.
import { startChore } from '../chore.ts';
import type { ShortageLog } from '../shortage-log.ts';
import { clockOffset } from '../store/clock.ts';
import type { Database } from '../store/database.ts';
import { tellDisabled } from '../store/disabled-endpoints.ts';
import { addTallies } from '../store/endpoints.ts';
import { addOutcomes } from '../store/figures.ts';
import { remindHosts, settleHosts } from '../store/hosts.ts';
import {
  type ClaimResult,
  claimDeliveries,
  claimEndpoints,
  freeDisabledEndpoints,
  handBack,
  readBody,
  record,
  releaseEndpoints,
  remindEndpoints,
} from '../store/leases.ts';
import { type AttemptDeps, attempt } from './attempt.ts';
import { WatchedClock } from './clock.ts';
import { Dispatcher } from './dispatcher.ts';
import { startReplays } from './replay.ts';
import { ShortageRest } from './rest.ts';
import { AttemptTally, OutcomeTally } from './tally.ts';

export type DeliverDeps = Omit<AttemptDeps, 'readBody' | 'shortages'> & {
  database: Database;
  /** Where a shortage of ours is said. */
  shortages: Pick<ShortageLog, 'found'>;
  endpointConcurrency: number;
  /** Milliseconds that attempts under way have to end when we stop; then they are cut off. */
  graceMs: number;
  /** Sockets this process may have open to receivers; unset: as many as are of use. */
  sockets?: number;
};

/** Requests at a time in one process. One that waits for a receiver that hangs costs some tens of kB (an estimate). */
const PLACES = 8_192;
/** Bytes of their large bodies in memory; one account alone comes to half of it. */
const BODY_BYTES = 256 * 2 ** 20;
const SETTLE_MS = 1_000;
/** A receiver that is gone was failing for days, or has said so: a second more tells nobody later. */
const TELL_MS = 1_000;
const REMIND_MS = 15_000;
const COUNT_MS = 2_000;
const CLOCK_MS = 15_000;

const NOTHING: ClaimResult = { now: null, leases: [], claimed: [] };

export async function startDeliver(deps: DeliverDeps): Promise<() => Promise<void>> {
  const { database, log } = deps;
  const { db } = database;
  const tally = new AttemptTally();
  const outcomes = new OutcomeTally();
  const clock = new WatchedClock({ now: deps.now, measure: () => clockOffset(db, deps.now), log });
  await clock.check();
  const rest = new ShortageRest(() => performance.now());
  const shortages: AttemptDeps['shortages'] = {
    found(shortage, where) {
      deps.shortages.found(shortage, where);
      // Ports run out for one receiver at a time: nobody else waits for that.
      if (shortage !== 'network') rest.met();
    },
  };
  const attemptDeps: AttemptDeps = { ...deps, readBody: (claimed) => readBody(db, claimed), shortages };
  const mayClaim = () => clock.isRight && !rest.isResting;
  const dispatcher = new Dispatcher({
    store: {
      // With a clock that may not sign, or short of what sending takes, others send; what is held is given back.
      claimEndpoints: async (options) => (mayClaim() ? claimEndpoints(db, options) : NOTHING),
      claimDeliveries: async (wanted) => (mayClaim() ? claimDeliveries(db, wanted) : []),
      record: async (batch, healths) => {
        db.teller.tell(await record(db, batch, healths));
      },
      handBack: async (unsent) => {
        db.teller.tell(await handBack(db, unsent));
      },
      releaseEndpoints: (leases) => releaseEndpoints(db, leases),
    },
    send: async (claimed, signal, isWanted) => {
      // Stepped between the claim and now: on record as interrupted, not sent.
      const mayGo = clock.isRight ? signal : AbortSignal.abort();
      const landed = await attempt(attemptDeps, claimed, mayGo, isWanted);
      if (!landed) return null;
      const { recorded } = landed;
      const { outcome, status } = recorded.attempt;
      if (status !== null) rest.over();
      outcomes.add(outcome);
      const delivered = recorded.next.state === 'delivered';
      if (delivered || landed.health !== 'neither')
        tally.add(claimed.endpointId, delivered, recorded.attempt.startedAt);
      return landed;
    },
    concurrency: deps.endpointConcurrency,
    places: Math.min(PLACES, deps.sockets ?? PLACES),
    bytes: BODY_BYTES,
    attemptMs: deps.deadlineMs,
    log,
  });
  const deaf = db.teller.hear((news) => {
    if (news.kind === 'endpoint_due') dispatcher.wake(news.endpointId);
    if (news.kind === 'due') dispatcher.wake();
    if (news.kind === 'missed') dispatcher.recheck();
    if (news.kind === 'disabled') dispatcher.letGo(news.endpointId);
    if (news.kind === 'enabled') dispatcher.enabled(news.endpointId, news.hostId, new Date(news.at));
    if (news.kind === 'called_off') dispatcher.callOff(news.endpointId, news.deliveryId);
    // Called off, and sent again by its owner.
    if (news.kind === 'delivery' && news.state === 'pending') dispatcher.isWantedAgain(news.id);
  });
  dispatcher.start();
  const remind = startChore('remind endpoints', REMIND_MS, log, async () => {
    const endpoints = (await remindEndpoints(db)) + (await freeDisabledEndpoints(db));
    const hosts = await remindHosts(db);
    if (endpoints + hosts > 0)
      log.warn({ endpoints, hosts }, 'endpoints with waiting callbacks were put right');
  });
  const settle = startChore('settle hosts', SETTLE_MS, log, async () => {
    await settleHosts(db);
  });
  const tell = startChore('tell of disabled endpoints', TELL_MS, log, async () => {
    await tellDisabled(db);
  });
  const writeCounts = async () => {
    await addTallies(db, tally.take());
    await addOutcomes(db, outcomes.take());
  };
  const count = startChore('count attempts', COUNT_MS, log, writeCounts);
  const checkClock = startChore('check the clock', CLOCK_MS, log, () => clock.check());
  const stopReplays = startReplays({ db, log });
  return async () => {
    deaf();
    await stopReplays();
    await Promise.all([remind.stop(), settle.stop(), tell.stop(), checkClock.stop()]);
    await dispatcher.stop(deps.graceMs);
    await count.stop();
    await writeCounts();
  };
}
