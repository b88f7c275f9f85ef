// One kind of work in so many places: whenever one is free the next job is asked for, after a ring, after each end, and
// now and then in case a ring was not heard.
import type { Logger } from 'pino';
import { Bell } from '../bell.ts';
import type { SharedPool } from '../shared-pool.ts';
import type { Started } from '../store/jobs.ts';

export type StageOptions = {
  name: string;
  /** Who holds how many of the places. */
  places: SharedPool;
  /** Starts the next jobs, at most as many as there are places; none: nothing is to be done. */
  next: (places: number) => Promise<readonly Started[]>;
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
      const { free } = this.#options.places;
      const jobs = free > 0 ? await this.#next(free) : [];
      for (const job of jobs) this.#start(job);
      if (jobs.length === 0) await this.#bell.rung(POLL_MS);
    }
  }

  /** What is in the way (no database, no disk) is said once, however often it is run into. */
  async #next(places: number): Promise<readonly Started[]> {
    const { next, log, name } = this.#options;
    try {
      const jobs = await next(places);
      this.#trouble = null;
      return jobs;
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#trouble)
        log.warn({ err: error, stage: name }, 'no job can be begun at this moment; it is tried again');
      this.#trouble = message;
      return [];
    }
  }

  #start(job: Started): void {
    const { places, run, log, name } = this.#options;
    places.take(job.account_id);
    const running = run(job, this.#stopping.signal)
      .catch((error: unknown) => log.error({ err: error, job: job.id, stage: name }, 'a run broke off'))
      .finally(() => {
        places.give(job.account_id);
        this.#running.delete(running);
        this.#bell.ring();
      });
    this.#running.add(running);
  }
}
