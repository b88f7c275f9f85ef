// The health of an endpoint: what its last answers make of it, and how much it may be sent now. Pure: one function
// from (health, outcome, now) to health, one to the pace. Its holder keeps it in memory for the time of the lease and
// writes it with the answers, in the same transaction.
//
//   closed ──5 failures in a row──▶ open ──its time is over──▶ half-open ──answered──▶ closed, slowly
//     │                              ▲                             └─────failure──▶ open, twice as long
//     └── 410 three times in a row, 5 days of nothing but failure, or webhook-delivery: disable ──▶ disabled
//
// Nothing that a receiver says leads out of `disabled`: its owner alone enables it.
import type { EndpointHealth } from '../delivery.ts';

export const TRIP_FAILURES = 5;
/** First time open; doubles with every failed probe, up to the longest. */
export const OPEN_MS = 30_000;
export const LONGEST_OPEN_MS = 600_000;
export const GONE_IN_A_ROW = 3;
export const DISABLE_AFTER_MS = 5 * 86_400_000;
/** Fewer failures than this are too few to tell of five days. */
export const DISABLE_FAILURES = 10;
/**
 * Failures further apart say nothing of the time between: a new row of them begins. Longer than the longest wait of the
 * usual schedule, 24 h with its jitter.
 */
export const SILENCE_MS = 36 * 3_600_000;

/**
 * What an attempt tells about its endpoint. `refused`: it works, and on purpose did not take this message, or not now (400,
 * 422, a 413 to the shortest form, 429 with Retry-After): others may fare better. `neither`: our own fault, held against
 * nobody.
 */
export type HealthOutcome = 'success' | 'refused' | 'failure' | 'gone' | 'disable' | 'neither';

/** When the attempt was begun, and when its answer came; of the database's clock. */
export type Span = { begunAt: Date; now: Date };

export function nextHealth(
  health: EndpointHealth,
  outcome: HealthOutcome,
  { begunAt, now }: Span,
): EndpointHealth {
  if (health.state === 'disabled') return health;
  if (isOfBefore(health, begunAt)) return health;
  switch (outcome) {
    case 'neither':
      return health;
    case 'disable':
      return disabled(health, 'the receiver asked for it (webhook-delivery: disable)');
    case 'success':
      return health.state === 'closed' && health.failures === 0
        ? health
        : { ...closed(health, now), failures: 0, refusals: 0, failingSince: null, failedAt: null, gone: 0 };
    case 'refused': {
      const next = { ...closed(counted(health, now), now), gone: 0 };
      // What it failed before it answered is over; refusals themselves open nothing.
      return { ...next, refusals: health.state === 'closed' ? health.refusals + 1 : next.failures };
    }
    case 'gone': {
      const gone = health.gone + 1;
      const failed = failure(health, now);
      return gone >= GONE_IN_A_ROW
        ? disabled(failed, `the receiver answered 410 ${GONE_IN_A_ROW} times in a row`)
        : { ...failed, gone };
    }
    case 'failure':
      return { ...failure(health, now), gone: 0 };
    default:
      return outcome satisfies never;
  }
}

/** An attempt begun before its owner enabled it, or before it recovered: it tells nothing of the time from there on. */
export function isOfBefore({ countsFrom }: EndpointHealth, begunAt: Date): boolean {
  return countsFrom !== null && begunAt < countsFrom;
}

/** It works. After an answer to its probe it is approached slowly. */
function closed(health: EndpointHealth, now: Date): EndpointHealth {
  if (health.state === 'disabled') return health;
  const recovers = health.state === 'half_open';
  return {
    ...health,
    state: 'closed',
    trips: 0,
    openUntil: null,
    // After an outage the backlog must not come all at once; what was begun during it may still be timing out.
    rampFrom: recovers ? now : health.rampFrom,
    countsFrom: recovers ? now : health.countsFrom,
  };
}

function failure(health: EndpointHealth, now: Date): EndpointHealth {
  const next = counted(health, now);
  // Several attempts were in flight when it opened: their failures do not open it again.
  if (next.state === 'disabled' || isResting(health, now)) return next;
  if (health.state !== 'half_open' && next.failures - next.refusals < TRIP_FAILURES) return next;
  return { ...next, ...tripped(health, now) };
}

/** One more in the row of failures, which disables when it has lasted for days. */
function counted(health: EndpointHealth, now: Date): EndpointHealth {
  const { failingSince: first, failedAt: last } = health;
  const isNewRow = first === null || last === null || now.getTime() - last.getTime() > SILENCE_MS;
  const failingSince = isNewRow ? now : first;
  const next = { ...health, failures: health.failures + 1, failingSince, failedAt: now };
  const lasts = now.getTime() - failingSince.getTime() >= DISABLE_AFTER_MS;
  return lasts && next.failures >= DISABLE_FAILURES
    ? disabled(next, 'nothing but failures for 5 days')
    : next;
}

/** What an endpoint's breaker and a host's have in common. */
type Breaker = { state: string; trips: number; openUntil: Date | null };

/** Open, and its time is not over. */
export function isResting({ state, openUntil }: Breaker, now: Date): boolean {
  return state === 'open' && openUntil !== null && openUntil > now;
}

/** Once more: for twice as long as the last time. */
export function tripped(health: Breaker, now: Date) {
  const trips = health.trips + 1;
  const openMs = Math.min(OPEN_MS * 2 ** Math.min(trips - 1, 20), LONGEST_OPEN_MS);
  return { state: 'open', trips, openUntil: new Date(now.getTime() + openMs) } as const;
}

function disabled(health: EndpointHealth, reason: string): EndpointHealth {
  return { ...health, state: 'disabled', openUntil: null, disabledReason: reason };
}

/** As enabling leaves it: a clean slate, approached slowly, in which what was begun before has no part. */
export function enabled(at: Date): EndpointHealth {
  return {
    state: 'closed',
    failures: 0,
    refusals: 0,
    failingSince: null,
    failedAt: null,
    gone: 0,
    trips: 0,
    openUntil: null,
    pausedUntil: null,
    disabledReason: null,
    rampFrom: at,
    countsFrom: at,
  };
}

/** The receiver asked for patience: nothing before `until`, and gently then. */
export function paused(health: EndpointHealth, until: Date): EndpointHealth {
  if (health.pausedUntil !== null && health.pausedUntil >= until) return health;
  return { ...health, pausedUntil: until, rampFrom: until };
}

/** Deliveries per second at the start of a slow start, and the time in which that doubles. */
export const RAMP_START_PER_S = 5;
export const RAMP_DOUBLES_MS = 2_000;
/** Above this the slow start is over: the endpoint's own concurrency is what limits it. 20 s after its start. */
export const RAMP_END_PER_S = 5_000;

/** Deliveries that may have been sent since `rampFrom`, in all; null when the slow start is over or there is none. */
export function rampBudget(health: EndpointHealth, now: Date): number | null {
  if (health.rampFrom === null) return null;
  const elapsed = now.getTime() - health.rampFrom.getTime();
  const doublings = elapsed / RAMP_DOUBLES_MS;
  if (RAMP_START_PER_S * 2 ** doublings >= RAMP_END_PER_S) return null;
  // The integral of start · 2^(t / doubling): what a rate that rises without steps adds up to.
  const perDoubling = (RAMP_START_PER_S * RAMP_DOUBLES_MS) / 1_000 / Math.LN2;
  return Math.max(0, perDoubling * (2 ** doublings - 1));
}
