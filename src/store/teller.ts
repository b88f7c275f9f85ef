// Tells of what was committed: at once to whoever listens in this process, and a few milliseconds later, all of that time
// in one NOTIFY, to the other processes. Never inside the transaction: of transactions with a NOTIFY PostgreSQL commits
// one at a time, each waiting for the disk's sync of the one before (93 % of samples while submitting).
import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { type News, pack, unpack } from './news.ts';
import { Outbox } from './outbox.ts';
import { openWire } from './wire.ts';

export type Hearer = (news: News) => void;

const CHANNEL = 'ringback_news';
/** A process with nothing to tell says so. */
const HEARTBEAT_MS = 5_000;
/** One that falls silent without a goodbye may have died between a commit and its telling. */
const SILENT_BEATS = 3;
/** The database may be away: nobody waits for ever. */
const TOLD_MS = 1_000;
/** Rows whose last change is remembered. */
const REMEMBERED = 10_000;

export class Teller {
  /** Names this process to the others. */
  readonly #id = randomBytes(6).toString('base64url');
  readonly #onError: (error: Error) => void;
  readonly #hearers = new Set<Hearer>();
  readonly #latest = new Latest();
  /** The other processes, and when each was last heard (performance.now). */
  readonly #others = new Map<string, number>();
  #outbox: Outbox | undefined;

  constructor(onError: (error: Error) => void) {
    this.#onError = onError;
  }

  /** Calls `hearer` with all news until the returned function is called. */
  hear(hearer: Hearer): () => void {
    this.#hearers.add(hearer);
    return () => this.#hearers.delete(hearer);
  }

  /** Of what is committed. */
  tell(news: readonly News[]): void {
    if (news.length === 0) return;
    for (const one of news) this.#pass(one);
    this.#outbox?.add(news);
  }

  /** Once what was told so far is on its way to the other processes; soon in any case. */
  async told(): Promise<void> {
    await this.#outbox?.emptied(TOLD_MS);
  }

  /** From now on other processes hear what is told here, and the other way round; the returned function ends it. */
  async join(connection: pg.ClientConfig, heartbeatMs = HEARTBEAT_MS): Promise<() => Promise<void>> {
    const wire = await openWire({
      connection,
      channel: CHANNEL,
      heard: (payload) => this.#heard(payload),
      connected: () => {
        this.#others.clear();
        this.#pass({ kind: 'missed' });
      },
      onError: this.#onError,
    });
    const outbox = new Outbox((news) => wire.notify(pack(this.#id, news)), this.#onError);
    this.#outbox = outbox;
    const heartbeat = setInterval(() => {
      this.#missTheSilent(SILENT_BEATS * heartbeatMs);
      wire.notify(pack(this.#id, [])).catch(this.#onError);
    }, heartbeatMs);
    return async () => {
      clearInterval(heartbeat);
      this.#outbox = undefined;
      await outbox.stop();
      await wire.notify(pack(this.#id, [{ kind: 'goodbye' }])).catch(this.#onError);
      await wire.stop();
    };
  }

  #heard(payload: string): void {
    try {
      const { from, news } = unpack(payload);
      // PostgreSQL sends us our own as well.
      if (from === this.#id) return;
      this.#others.set(from, performance.now());
      for (const one of news)
        if (one.kind === 'goodbye') this.#others.delete(from);
        else this.#pass(one);
    } catch (error) {
      this.#onError(new Error('heard news that makes no sense', { cause: error }));
    }
  }

  #pass(news: News): void {
    if ((news.kind === 'job' || news.kind === 'delivery') && !this.#latest.admit(news.id, news.at)) return;
    for (const hearer of this.#hearers)
      try {
        hearer(news);
      } catch (error) {
        this.#onError(new Error(`could not take the news of kind ${news.kind}`, { cause: error }));
      }
  }

  #missTheSilent(silentMs: number): void {
    const border = performance.now() - silentMs;
    const silent = [...this.#others].filter(([, at]) => at < border);
    for (const [id] of silent) this.#others.delete(id);
    if (silent.length > 0) this.#pass({ kind: 'missed' });
  }
}

/**
 * The last change of each row. Two processes (or two connections of one) that change a row one after the other may tell
 * the other way round: the earlier change, heard late, must not be taken for the row's state.
 */
class Latest {
  #young = new Map<string, number>();
  #old = new Map<string, number>();

  /** Whether this is news. */
  admit(id: string, at: number): boolean {
    if (at <= (this.#young.get(id) ?? this.#old.get(id) ?? 0)) return false;
    if (this.#young.size >= REMEMBERED) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(id, at);
    return true;
  }
}
