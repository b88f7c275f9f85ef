// Counts attempts per endpoint and hour, and by outcome, in memory, and hands them over now and then: a rate to look at,
// not a promise, so a crash may cost the last seconds of it.
import type { Tally } from '../store/endpoints.ts';

const HOUR_MS = 3_600_000;

export class AttemptTally {
  #counts = new Map<string, Tally>();

  add(endpointId: string, succeeded: boolean, at: Date): void {
    const hour = new Date(Math.floor(at.getTime() / HOUR_MS) * HOUR_MS);
    const key = `${endpointId} ${hour.getTime()}`;
    const tally = this.#counts.get(key) ?? { endpointId, hour, succeeded: 0, failed: 0 };
    this.#counts.set(key, tally);
    if (succeeded) tally.succeeded++;
    else tally.failed++;
  }

  /** What was counted since the last time. In order of endpoint, so that two processes cannot deadlock over it. */
  take(): Tally[] {
    const tallies = [...this.#counts.values()];
    this.#counts = new Map();
    return tallies.sort((a, b) => (a.endpointId < b.endpointId ? -1 : 1));
  }
}

/** Attempts by outcome. */
export class OutcomeTally {
  #counts = new Map<string, number>();

  add(outcome: string): void {
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
  }

  /** What was counted since the last time. */
  take(): ReadonlyMap<string, number> {
    const counts = this.#counts;
    this.#counts = new Map();
    return counts;
  }
}
