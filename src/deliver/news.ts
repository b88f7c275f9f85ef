// Tells of recorded attempts, after the record and apart from it: ids collect while one statement runs, ten statements a
// second at most, so that sending is never held up by those who watch.
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';

const EVERY_MS = 100;
/** Of what cannot be told (the database is away), the oldest is forgotten: it is news, not a record. */
const MOST = 20_000;
const BATCH = 1_000;

export class News {
  readonly #tell: (ids: readonly string[]) => Promise<void>;
  readonly #log: Logger;
  #untold = new Set<string>();
  #telling: Promise<void> | undefined;
  readonly #stopping = new AbortController();

  constructor(tell: (ids: readonly string[]) => Promise<void>, log: Logger) {
    this.#tell = tell;
    this.#log = log;
  }

  add(ids: Iterable<string>): void {
    for (const id of ids) this.#untold.add(id);
    for (const id of this.#untold) {
      if (this.#untold.size <= MOST) break;
      this.#untold.delete(id);
    }
    if (this.#untold.size > 0) this.#telling ??= this.#work();
  }

  /** Tells what is left. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#telling;
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping;
    while (this.#untold.size > 0) {
      const ids = [...this.#untold].slice(0, BATCH);
      for (const id of ids) this.#untold.delete(id);
      try {
        await this.#tell(ids);
      } catch (error) {
        this.#log.warn({ err: error, deliveries: ids.length }, 'could not tell of attempts');
        // Nobody is kept from stopping by news.
        if (signal.aborted) this.#untold.clear();
      }
      await wait(EVERY_MS, undefined, { signal }).catch(() => {});
    }
    this.#telling = undefined;
  }
}
