// News on its way to other processes. It collects while one statement runs and for a moment after it, so that any number
// of commits cost one statement.
import { setTimeout as wait } from 'node:timers/promises';
import { type Hint, isHint, type News } from './news.ts';

const EVERY_MS = 15;
/** After a failure: the database is away. */
const RETRY_MS = 500;
/** Changes kept for when it is back. Of more the oldest are forgotten, and their hearers told to look for themselves. */
const MOST = 20_000;

export class Outbox {
  readonly #send: (news: readonly News[]) => Promise<void>;
  readonly #onError: (error: Error) => void;
  #unsent: News[] = [];
  readonly #hints = new Set<Hint['kind']>();
  #working: Promise<void> | undefined;
  readonly #stopping = new AbortController();

  constructor(send: (news: readonly News[]) => Promise<void>, onError: (error: Error) => void) {
    this.#send = send;
    this.#onError = onError;
  }

  add(news: readonly News[]): void {
    for (const one of news)
      if (isHint(one)) this.#hints.add(one.kind);
      else this.#unsent.push(one);
    if (this.#unsent.length > MOST) {
      this.#unsent = this.#unsent.slice(-MOST / 2);
      this.#hints.add('missed');
    }
    this.#working ??= this.#work();
  }

  /** Sends what is left, if it can be sent. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping;
    while (this.#unsent.length + this.#hints.size > 0) {
      const batch = this.#take();
      let pauseMs = EVERY_MS;
      try {
        await this.#send(batch);
      } catch (error) {
        this.#onError(error as Error);
        // Whether it arrived is unknown; heard twice, it counts once.
        this.#putBack(batch);
        pauseMs = RETRY_MS;
        if (signal.aborted) break;
      }
      await wait(pauseMs, undefined, { signal }).catch(() => {});
    }
    this.#working = undefined;
  }

  #take(): News[] {
    const hints = [...this.#hints].map((kind): Hint => ({ kind }));
    const batch = [...this.#unsent, ...hints];
    this.#unsent = [];
    this.#hints.clear();
    return batch;
  }

  #putBack(batch: readonly News[]): void {
    this.#unsent = [...batch.filter((one) => !isHint(one)), ...this.#unsent];
    for (const one of batch) if (isHint(one)) this.#hints.add(one.kind);
  }
}
