// What one account may have at a time in this process, and how many of its jobs may wait. Refused at once and before
// anything is read, so that a flood costs a refusal each and no memory.
import { HttpError, type HttpErrorCode } from '../errors.ts';

/** Null: no limit. */
export type Limits = {
  /** Requests within a minute. */
  requestsPerMinute: number | null;
  /** Jobs that wait. */
  queuedJobs: number | null;
  /** Uploads under way. */
  uploads: number | null;
  /** Bytes of a JSON body. */
  requestBytes: number;
};

/** Places per account, for work that takes a while. */
export class Places {
  readonly #most: number | null;
  readonly #refusal: HttpErrorCode;
  readonly #taken = new Map<string, number>();

  constructor(most: number | null, refusal: HttpErrorCode) {
    this.#most = most;
    this.#refusal = refusal;
  }

  async during<T>(accountId: string, work: () => Promise<T>): Promise<T> {
    const taken = this.#taken.get(accountId) ?? 0;
    if (this.#most !== null && taken >= this.#most)
      throw new HttpError(this.#refusal, { retryAfterSeconds: 5 });
    this.#taken.set(accountId, taken + 1);
    try {
      return await work();
    } finally {
      const left = (this.#taken.get(accountId) ?? 1) - 1;
      if (left === 0) this.#taken.delete(accountId);
      else this.#taken.set(accountId, left);
    }
  }
}

/** So long a count of waiting jobs is good for; what is admitted here meanwhile is added to it. */
const FRESH_MS = 1_000;

type Seen = { waiting: number; at: number };

/**
 * Admits jobs while fewer than `most` of their account wait. Exact in one process; several may together let a second's
 * worth too many in.
 */
export class QueueLimit {
  readonly #most: number | null;
  readonly #count: (accountId: string, most: number) => Promise<number>;
  readonly #seen = new Map<string, Promise<Seen>>();
  readonly #entering = new Map<string, number>();

  constructor(most: number | null, count: (accountId: string, most: number) => Promise<number>) {
    this.#most = most;
    this.#count = count;
  }

  async admit<T>(accountId: string, enter: () => Promise<T>): Promise<T> {
    if (this.#most === null) return enter();
    const seen = await this.#look(accountId, this.#most);
    if (seen.waiting >= this.#most)
      throw new HttpError('queue_full', {
        message: `This account has ${this.#most} transcriptions waiting, as many as it may: try again when some are done.`,
        retryAfterSeconds: 10,
      });
    seen.waiting++;
    this.#entering.set(accountId, (this.#entering.get(accountId) ?? 0) + 1);
    try {
      return await enter();
    } catch (error) {
      seen.waiting--;
      throw error;
    } finally {
      const left = (this.#entering.get(accountId) ?? 1) - 1;
      if (left === 0) this.#entering.delete(accountId);
      else this.#entering.set(accountId, left);
    }
  }

  async #look(accountId: string, most: number): Promise<Seen> {
    const known = this.#seen.get(accountId);
    if (known) {
      const seen = await known.catch(() => undefined);
      if (seen && performance.now() - seen.at < FRESH_MS) return seen;
      // Somebody else may have begun to count while we looked.
      const newer = this.#seen.get(accountId);
      if (newer && newer !== known) return newer;
    }
    // What is entering at this moment may not be in the count yet.
    const entering = this.#entering.get(accountId) ?? 0;
    const counting = this.#count(accountId, most).then((waiting) => ({
      waiting: waiting + entering,
      at: performance.now(),
    }));
    this.#seen.set(accountId, counting);
    return counting;
  }
}
