// Places for work of several accounts in one process, so that none can hold them all: an account may take a place while
// it holds fewer than are free (the "dynamic threshold" of switches that share a buffer). Alone it gets half of them, two
// get a third each, and whoever comes new finds one. Knows nothing of what the work is.

/** How many places each account holds. */
export class Shares {
  readonly #places: number;
  readonly #held = new Map<string, number>();
  #taken = 0;

  constructor(places: number) {
    this.#places = places;
  }

  get free(): number {
    return this.#places - this.#taken;
  }

  get idle(): boolean {
    return this.#taken === 0;
  }

  held(account: string): number {
    return this.#held.get(account) ?? 0;
  }

  mayTake(account: string): boolean {
    return this.held(account) < this.free;
  }

  take(account: string): void {
    this.#taken++;
    this.#held.set(account, this.held(account) + 1);
  }

  give(account: string): void {
    const left = this.held(account) - 1;
    this.#taken--;
    if (left > 0) this.#held.set(account, left);
    else this.#held.delete(account);
  }

  /** Accounts that may take no more at this moment. Whoever holds nothing is never among them while a place is free. */
  full(): string[] {
    return [...this.#held.keys()].filter((account) => !this.mayTake(account));
  }
}

type Waiting = { account: string; enter: () => void };

/** The same with a queue before it: the account that holds the fewest is next, of equals the one served longest ago. */
export class FairPlaces {
  readonly #shares: Shares;
  readonly #waiting = new Set<Waiting>();
  /** When an account was last served, as a count of services. */
  readonly #served = new Map<string, number>();
  #services = 0;

  constructor(places: number) {
    this.#shares = new Shares(places);
  }

  get free(): number {
    return this.#shares.free;
  }

  /** Rejects with the signal's reason, also while the work still waits. */
  async during<T>(account: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#enter(account, signal);
    try {
      return await work();
    } finally {
      this.#shares.give(account);
      this.#admit();
    }
  }

  #enter(account: string, signal: AbortSignal): Promise<void> {
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
      this.#shares.take(next.account);
      this.#served.set(next.account, ++this.#services);
      next.enter();
    }
    // With nobody here there are no turns to remember.
    if (this.#waiting.size === 0 && this.#shares.idle) this.#served.clear();
  }

  #next(): Waiting | undefined {
    let best: Waiting | undefined;
    for (const one of this.#waiting)
      if (this.#shares.mayTake(one.account) && (!best || this.#before(one.account, best.account))) best = one;
    return best;
  }

  #before(a: string, b: string): boolean {
    const fewer = this.#shares.held(a) - this.#shares.held(b);
    return fewer < 0 || (fewer === 0 && (this.#served.get(a) ?? 0) < (this.#served.get(b) ?? 0));
  }
}
