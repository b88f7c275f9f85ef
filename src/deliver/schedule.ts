// When the next attempt of a delivery is made, or that none is. Pure: clock and randomness are arguments.

/**
 * A Retry-After beyond this is taken as this, jitter included: a receiver may ask for patience, not for silence.
 */
export const RETRY_AFTER_CAP_MS = 24 * 3_600_000;
/** Jitter only ever adds, at most this share of the wait: no attempt is early, and herds still spread. */
export const JITTER = 0.1;

export type NextAttemptOptions = {
  /** Milliseconds before each attempt. */
  schedule: readonly number[];
  /** The attempt just finished, from 1. */
  attempt: number;
  /** The database's clock. */
  now: Date;
  /** 0 ≤ x < 1. */
  random: () => number;
  /** What the receiver asked for, in milliseconds; never shortens the wait. */
  retryAfterMs?: number | null;
};

/** The time of the next attempt; null when the schedule is used up. */
export function nextAttempt(options: NextAttemptOptions): Date | null {
  const { schedule, attempt, now, random, retryAfterMs } = options;
  const planned = schedule[attempt];
  if (planned === undefined) return null;
  const asked = Math.ceil(Math.min(Math.max(retryAfterMs ?? 0, 0), RETRY_AFTER_CAP_MS));
  const wait = Math.max(planned, asked);
  const latest = asked >= planned ? RETRY_AFTER_CAP_MS : Number.POSITIVE_INFINITY;
  return new Date(now.getTime() + Math.min(withJitter(wait, random), latest));
}

/** Milliseconds a new delivery waits for its first attempt. */
export function firstWaitMs(schedule: readonly number[], random: () => number): number {
  return withJitter(schedule[0] ?? 0, random);
}

/** Milliseconds from the first attempt's due time to the last attempt at its latest, Retry-After aside. */
export function horizonMs(schedule: readonly number[]): number {
  return schedule.reduce((sum, wait) => sum + wait + Math.floor(wait * JITTER), 0);
}

function withJitter(wait: number, random: () => number): number {
  return wait + Math.floor(wait * JITTER * random());
}
