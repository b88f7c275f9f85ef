// One kind of work in so many places: whenever one is free the next job is asked for, after a ring, after each end, and
// now and then in case a ring was not heard.
import type { Logger } from 'pino';
import { Bell } from '../bell.ts';
import type { Shares } from '../fair-places.ts';
import type { Started } from '../store/jobs.ts';

export type StageOptions = {
  name: string;
  /** Who holds how many of the places. */
  shares: Shares;
  /** Starts the next job; undefined: nothing is to be done. */
  next: () => Promise<Started | undefined>;
  /** Never rejects but by a fault of ours, which is logged: the job's lease then runs out. */
  run: (job: Started, stopping: AbortSignal) => Promise<void>;
  log: Logger;
};

const POLL_MS = 2_000;

export class StageWorker {
  readonly #options: StageOptions;
  readonly #bell = new Bell();
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #trouble: string | null = null;
  readonly #claiming: Promise<void>;

  constructor(options: StageOptions) {
    this.#options = options;
    this.#claiming = this.#claim();
  }

  /** There may be something to do. */
  wake(): void {
    this.#bell.ring();
  }

  /** Takes no more, and tells what runs to stop. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('Ringback is stopping'));
    this.#bell.ring();
    await this.#claiming;
    await Promise.all(this.#running);
  }

  async #claim(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const job = this.#options.shares.free > 0 ? await this.#next() : undefined;
      if (job) this.#start(job);
      else await this.#bell.rung(POLL_MS);
    }
  }

  /** What is in the way (no database, no disk) is said once, however often it is run into. */
  async #next(): Promise<Started | undefined> {
    const { next, log, name } = this.#options;
    try {
      const job = await next();
      this.#trouble = null;
      return job;
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#trouble)
        log.warn({ err: error, stage: name }, 'no job can be begun at this moment; it is tried again');
      this.#trouble = message;
      return undefined;
    }
  }

  #start(job: Started): void {
    const { shares, run, log, name } = this.#options;
    shares.take(job.account_id);
    const running = run(job, this.#stopping.signal)
      .catch((error: unknown) => log.error({ err: error, job: job.id, stage: name }, 'a run broke off'))
      .finally(() => {
        shares.give(job.account_id);
        this.#running.delete(running);
        this.#bell.ring();
      });
    this.#running.add(running);
  }
}
