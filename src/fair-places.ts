// Places for work of several accounts in one process, with a queue before them. How many an account may hold is said in
// shared-pool.ts; of those that wait, the account that holds the fewest is next, of equals the one served longest ago. Knows
// nothing of what the work is.
import { SharedPool } from './shared-pool.ts';

type Waiting = { account: string; enter: () => void };

export class FairPlaces {
  readonly #places: SharedPool;
  readonly #waiting = new Set<Waiting>();
  /** When an account was last served, as a count of services. */
  readonly #served = new Map<string, number>();
  #services = 0;

  constructor(places: number) {
    this.#places = new SharedPool(places);
  }

  get free(): number {
    return this.#places.free;
  }

  /** Rejects with the signal's reason, also while the work still waits. */
  async during<T>(account: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const leave = await this.enter(account, signal);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  /** A place; what it resolves with gives it back, once. Rejects with the signal's reason while it still waits. */
  async enter(account: string, signal: AbortSignal): Promise<() => void> {
    await this.#turn(account, signal);
    let isLeft = false;
    return () => {
      if (isLeft) return;
      isLeft = true;
      this.#places.give(account);
      this.#admit();
    };
  }

  #turn(account: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const leave = () => {
        this.#waiting.delete(one);
        reject(signal.reason);
      };
      const enter = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const one = { account, enter };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.add(one);
      this.#admit();
    });
  }

  #admit(): void {
    for (;;) {
      const next = this.#next();
      if (!next) break;
      this.#waiting.delete(next);
      this.#places.take(next.account);
      this.#served.set(next.account, ++this.#services);
      next.enter();
    }
    // With nobody here there are no turns to remember.
    if (this.#waiting.size === 0 && this.#places.used === 0) this.#served.clear();
  }

  #next(): Waiting | undefined {
    let best: Waiting | undefined;
    for (const one of this.#waiting)
      if (this.#places.admits(one.account) && (!best || this.#before(one.account, best.account))) best = one;
    return best;
  }

  #before(a: string, b: string): boolean {
    const fewer = this.#places.usedBy(a) - this.#places.usedBy(b);
    return fewer < 0 || (fewer === 0 && (this.#served.get(a) ?? 0) < (this.#served.get(b) ?? 0));
  }
}
