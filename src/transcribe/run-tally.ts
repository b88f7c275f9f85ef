// How long runs took, counted in memory and handed over now and then, as deliver/tally counts attempts: figures to look at,
// so a crash may cost the last seconds of them.
import { RUN_LIMITS, type RunTotal } from '../store/figures.ts';

export class RunTally {
  #totals = new Map<string, RunTotal>();

  add(outcome: RunTotal['outcome'], seconds: number): void {
    const le = RUN_LIMITS.find((most) => seconds <= most) ?? Number.POSITIVE_INFINITY;
    const key = `${outcome} ${le}`;
    const total = this.#totals.get(key) ?? { outcome, le, runs: 0, seconds: 0 };
    total.runs++;
    total.seconds += seconds;
    this.#totals.set(key, total);
  }

  /** What was counted since the last time. In one order, so that two processes cannot deadlock over it. */
  take(): RunTotal[] {
    const totals = [...this.#totals.values()];
    this.#totals = new Map();
    return totals.sort((a, b) => (a.outcome === b.outcome ? a.le - b.le : a.outcome < b.outcome ? -1 : 1));
  }
}
