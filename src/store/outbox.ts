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
  /** Endpoints at which something is due: said once, however many deliveries that are. */
  readonly #due = new Set<string>();
  readonly #hints = new Set<Hint['kind']>();
  #working: Promise<void> | undefined;
  #isSending = false;
  /** Who waits for news to be sent, and in how many sends from now they are, at the latest. */
  #waiters: { sends: number; tell: () => void }[] = [];
  readonly #stopping = new AbortController();

  constructor(send: (news: readonly News[]) => Promise<void>, onError: (error: Error) => void) {
    this.#send = send;
    this.#onError = onError;
  }

  add(news: readonly News[]): void {
    for (const one of news) this.#keep(one);
    if (this.#unsent.length > MOST) {
      this.#unsent = this.#unsent.slice(-MOST / 2);
      this.#hints.add('missed');
    }
    if (this.#due.size > MOST) {
      this.#due.clear();
      this.#hints.add('due');
    }
    this.#working ??= this.#work();
  }

  /** Once all that was added is sent, or so many milliseconds have passed. */
  emptied(withinMs: number): Promise<void> {
    if (!this.#isSending && this.#isEmpty) return Promise.resolve();
    return new Promise((resolve) => {
      const late = setTimeout(resolve, withinMs);
      const tell = () => {
        clearTimeout(late);
        resolve();
      };
      this.#waiters.push({ sends: this.#isSending && !this.#isEmpty ? 2 : 1, tell });
    });
  }

  /** Sends what is left, if it can be sent. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping;
    while (!this.#isEmpty) {
      const batch = this.#take();
      let pauseMs = EVERY_MS;
      this.#isSending = true;
      try {
        await this.#send(batch);
        this.#sent();
      } catch (error) {
        this.#onError(error as Error);
        // Whether it arrived is unknown; heard twice, it counts once.
        this.#putBack(batch);
        pauseMs = RETRY_MS;
        if (signal.aborted) break;
      } finally {
        this.#isSending = false;
      }
      await wait(pauseMs, undefined, { signal }).catch(() => {});
    }
    this.#working = undefined;
  }

  get #isEmpty(): boolean {
    return this.#unsent.length + this.#hints.size + this.#due.size === 0;
  }

  #sent(): void {
    for (const waiter of this.#waiters) waiter.sends--;
    const over = this.#waiters.filter(({ sends }) => sends <= 0);
    this.#waiters = this.#waiters.filter(({ sends }) => sends > 0);
    for (const { tell } of over) tell();
  }

  #keep(news: News): void {
    if (isHint(news)) this.#hints.add(news.kind);
    else if (news.kind === 'endpoint_due') this.#due.add(news.endpointId);
    else this.#unsent.push(news);
  }

  #take(): News[] {
    const hints = [...this.#hints].map((kind): Hint => ({ kind }));
    const due = [...this.#due].map((endpointId): News => ({ kind: 'endpoint_due', endpointId }));
    const batch = [...this.#unsent, ...due, ...hints];
    this.#unsent = [];
    this.#due.clear();
    this.#hints.clear();
    return batch;
  }

  #putBack(batch: readonly News[]): void {
    const later = this.#unsent;
    this.#unsent = [];
    for (const one of [...batch, ...later]) this.#keep(one);
  }
}
