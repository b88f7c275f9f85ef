// When the next attempt of a delivery is made, or that none is. Pure: clock and randomness are arguments.
import { parseDuration } from '../units.ts';

/** A Retry-After beyond this is taken as this: a receiver may ask for patience, not for silence. */
export const RETRY_AFTER_CAP_MS = 24 * 3_600_000;
/** Jitter only ever adds, at most this share of the wait: no attempt is early, and herds still spread. */
export const JITTER = 0.1;

/**
 * `0s,5s,30s,2m`: the wait before each attempt, in milliseconds; the number of entries is the number of attempts.
 * Throws a sentence naming RINGBACK_RETRY_SCHEDULE.
 */
export function parseSchedule(text: string): number[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.length > 100) throw scheduleError('more than 100 attempts');
  return items.map((item, index) => {
    if (item === '') throw scheduleError(`entry ${index + 1} is empty`);
    try {
      const wait = parseDuration(item);
      if (wait > 30 * 86_400_000) throw new Error(`"${item}" is longer than 30d`);
      return wait;
    } catch (error) {
      throw scheduleError((error as Error).message);
    }
  });
}

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
  return new Date(now.getTime() + withJitter(Math.max(planned, asked), random));
}

/** When a new delivery's first attempt is made. */
export function firstAttempt(schedule: readonly number[], now: Date, random: () => number): Date {
  return new Date(now.getTime() + withJitter(schedule[0] ?? 0, random));
}

/** Milliseconds from the first attempt's due time to the last attempt at its latest, Retry-After aside. */
export function horizonMs(schedule: readonly number[]): number {
  return schedule.reduce((sum, wait) => sum + wait + Math.floor(wait * JITTER), 0);
}

function withJitter(wait: number, random: () => number): number {
  return wait + Math.floor(wait * JITTER * random());
}

function scheduleError(what: string): Error {
  return new Error(`RINGBACK_RETRY_SCHEDULE: ${what}; write waits such as 0s,5s,30s,2m,1h`);
}
