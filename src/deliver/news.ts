// Tells of recorded attempts, after the record and apart from it: changes collect while one statement runs, ten statements
// a second at most, so that sending is never held up by those who watch.
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { DeliveryChange } from '../store/changes.ts';

const EVERY_MS = 100;
/** Of what cannot be told (the database is away), the oldest is forgotten: it is news, not a record. */
const MOST = 20_000;
const BATCH = 1_000;

export class News {
  readonly #tell: (changes: readonly DeliveryChange[]) => Promise<void>;
  readonly #log: Logger;
  /** By delivery: of two changes of one, the later is told. */
  #untold = new Map<string, DeliveryChange>();
  #telling: Promise<void> | undefined;
  readonly #stopping = new AbortController();

  constructor(tell: (changes: readonly DeliveryChange[]) => Promise<void>, log: Logger) {
    this.#tell = tell;
    this.#log = log;
  }

  add(changes: readonly DeliveryChange[]): void {
    for (const change of changes) this.#untold.set(change.id, change);
    for (const id of this.#untold.keys()) {
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
      const changes = [...this.#untold.values()].slice(0, BATCH);
      for (const { id } of changes) this.#untold.delete(id);
      try {
        await this.#tell(changes);
      } catch (error) {
        this.#log.warn({ err: error, deliveries: changes.length }, 'could not tell of attempts');
        // Nobody is kept from stopping by news.
        if (signal.aborted) this.#untold.clear();
      }
      await wait(EVERY_MS, undefined, { signal }).catch(() => {});
    }
    this.#telling = undefined;
  }
}
