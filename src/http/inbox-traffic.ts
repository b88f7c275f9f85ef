// How much may be going on at the inboxes of this process: requests under way at one and at all, requests of an account
// within a minute. What is refused is asked to come again, so that nothing is lost.
import { HttpError } from '../errors.ts';

/** Waiting, delayed and held ones are under way. */
const UNDER_WAY = { inbox: 100, all: 2_000 } as const;
const MINUTE_MS = 60_000;

export class InboxTraffic {
  readonly #perMinute: number | null;
  readonly #underWay = new Map<string, number>();
  #all = 0;
  #counts = new Map<string, number>();
  #minute = 0;

  constructor(perMinute: number | null) {
    this.#perMinute = perMinute;
  }

  async during(inboxId: string, accountId: string, work: () => Promise<void>): Promise<void> {
    this.#count(accountId);
    const here = this.#underWay.get(inboxId) ?? 0;
    if (here >= UNDER_WAY.inbox || this.#all >= UNDER_WAY.all)
      throw new HttpError('inbox_busy', { retryAfterSeconds: 2 });
    this.#underWay.set(inboxId, here + 1);
    this.#all++;
    try {
      await work();
    } finally {
      const left = (this.#underWay.get(inboxId) ?? 1) - 1;
      if (left === 0) this.#underWay.delete(inboxId);
      else this.#underWay.set(inboxId, left);
      this.#all--;
    }
  }

  #count(accountId: string): void {
    if (this.#perMinute === null) return;
    const now = performance.now();
    const minute = Math.floor(now / MINUTE_MS);
    if (minute !== this.#minute) this.#counts = new Map();
    this.#minute = minute;
    const count = (this.#counts.get(accountId) ?? 0) + 1;
    this.#counts.set(accountId, count);
    if (count > this.#perMinute)
      throw new HttpError('requests_too_many', {
        retryAfterSeconds: Math.ceil(((minute + 1) * MINUTE_MS - now) / 1_000),
      });
  }
}
