// Who waits to hear of changes in this process: requests that wait for a job's end, and event streams. Should something
// not be told, one query for all waiting requests together finds out a little later.
import { randomBytes } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import { HttpError } from '../errors.ts';
import type { Change } from '../store/changes.ts';
import type { News } from '../store/news.ts';
import { EventStream, formatEvent } from './event-stream.ts';

export type ListenersOptions = {
  /** Which of these jobs have not ended. */
  unfinishedAmong: (ids: readonly string[]) => Promise<Set<string>>;
  /** Event streams of one account at a time; null: any number. */
  streamsPerAccount: number | null;
  log: FastifyBaseLogger;
  pollMs?: number;
};

const POLL_MS = 5_000;
const HEARTBEAT_MS = 15_000;
/** More requests than this do not wait: they are answered at once. */
const MOST_WAITING = 10_000;
/** Events kept for those who come back; twice as many at times. */
const KEPT = 1_000;

/** `refused`: the server stops, or as many wait as may. */
export type Woken = 'ended' | 'time' | 'gone' | 'refused';

type Kept = { number: number; accountId: string; text: string };

export class Listeners {
  readonly #options: ListenersOptions;
  /** By job: what to call when it ends. */
  readonly #waiting = new Map<string, Set<(why: Woken) => void>>();
  #waitingCount = 0;
  readonly #streams = new Map<string, Set<EventStream>>();
  /** Names this process's numbering: ids of another, or from before a gap, cannot be gone on from. */
  #series = randomBytes(4).toString('hex');
  #number = 0;
  #kept: Kept[] = [];
  #draining = false;
  #poll: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  /** Requests that wait at this moment. */
  get waiting(): number {
    return this.#waitingCount;
  }

  /** Event streams open at this moment. */
  get streams(): number {
    return [...this.#streams.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** What is told, in this process and by others. */
  heard(news: News): void {
    if (news.kind === 'job' || news.kind === 'delivery') this.#publish(news);
    if (news.kind === 'missed') this.#missed();
  }

  /**
   * Resolves with the reason when the job has ended, `ms` are over, or `gone` (the client) or the server stops.
   * `isUnfinished` is asked once we listen: what ends from then on is heard.
   */
  async untilEnded(
    id: string,
    { ms, gone, isUnfinished }: { ms: number; gone: AbortSignal; isUnfinished: () => Promise<boolean> },
  ): Promise<Woken> {
    if (gone.aborted) return 'gone';
    if (this.#draining || this.#waitingCount >= MOST_WAITING) return 'refused';
    const { promise, resolve } = Promise.withResolvers<Woken>();
    const others = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, others.add(resolve));
    this.#waitingCount++;
    this.#poll ??= setInterval(() => void this.#lookAgain(), this.#options.pollMs ?? POLL_MS);
    const timer = setTimeout(resolve, ms, 'time');
    const leave = () => resolve('gone');
    gone.addEventListener('abort', leave, { once: true });
    try {
      return (await isUnfinished()) ? await promise : 'ended';
    } finally {
      clearTimeout(timer);
      gone.removeEventListener('abort', leave);
      others.delete(resolve);
      if (others.size === 0 && this.#waiting.get(id) === others) this.#waiting.delete(id);
      this.#waitingCount--;
      if (this.#waitingCount === 0) {
        clearInterval(this.#poll);
        this.#poll = undefined;
      }
    }
  }

  /** A stream of the account's events from now on, or from after `lastEventId` while that is remembered. */
  open(accountId: string, lastEventId: string | undefined): EventStream {
    const mine = this.#streams.get(accountId) ?? new Set();
    const { streamsPerAccount } = this.#options;
    if (streamsPerAccount !== null && mine.size >= streamsPerAccount)
      throw new HttpError('streams_too_many', {
        message: `This account has ${mine.size} event streams open, as many as it may: close one, or share one.`,
        retryAfterSeconds: 10,
      });
    const stream = new EventStream(() => {
      mine.delete(stream);
      if (mine.size === 0 && this.#streams.get(accountId) === mine) this.#streams.delete(accountId);
      if (this.#streams.size === 0) {
        clearInterval(this.#heartbeat);
        this.#heartbeat = undefined;
      }
    });
    this.#streams.set(accountId, mine.add(stream));
    this.#heartbeat ??= setInterval(() => this.#all(':\n\n'), HEARTBEAT_MS);
    // Something at once, so that the client sees the stream open.
    stream.tell('retry: 2000\n\n');
    for (const text of this.#since(accountId, lastEventId)) stream.tell(text);
    if (this.#draining) stream.end();
    return stream;
  }

  /** Everyone is answered at once from now on. */
  drain(): void {
    this.#draining = true;
    for (const id of [...this.#waiting.keys()]) this.#wake(id, 'refused');
    for (const streams of [...this.#streams.values()]) for (const stream of [...streams]) stream.end();
  }

  #wake(id: string, why: Woken = 'ended'): void {
    for (const resolve of this.#waiting.get(id) ?? []) resolve(why);
  }

  async #lookAgain(): Promise<void> {
    const ids = [...this.#waiting.keys()];
    try {
      const unfinished = await this.#options.unfinishedAmong(ids);
      for (const id of ids) if (!unfinished.has(id)) this.#wake(id);
    } catch (error) {
      this.#options.log.warn({ err: error }, 'could not look after those who wait');
    }
  }

  #publish(change: Change): void {
    if (change.kind === 'job' && (change.status === 'done' || change.status === 'error'))
      this.#wake(change.id);
    this.#number++;
    const text = formatEvent(`${this.#series}-${this.#number}`, change);
    const { accountId } = change;
    this.#kept.push({ number: this.#number, accountId, text });
    if (this.#kept.length > 2 * KEPT) this.#kept = this.#kept.slice(-KEPT);
    for (const stream of this.#streams.get(accountId) ?? []) stream.tell(text);
  }

  #missed(): void {
    this.#series = randomBytes(4).toString('hex');
    this.#number = 0;
    this.#kept = [];
    this.#all(RESYNC);
    if (this.#waitingCount > 0) void this.#lookAgain();
  }

  #all(text: string): void {
    for (const streams of this.#streams.values()) for (const stream of streams) stream.tell(text);
  }

  #since(accountId: string, lastEventId: string | undefined): string[] {
    if (lastEventId === undefined) return [];
    const [, series, digits] = /^([0-9a-f]{8})-(\d{1,15})$/.exec(lastEventId) ?? [];
    const last = Number(digits);
    const oldest = this.#kept[0]?.number ?? this.#number + 1;
    if (series !== this.#series || last < oldest - 1 || last > this.#number) return [RESYNC];
    return this.#kept
      .filter((one) => one.number > last && one.accountId === accountId)
      .map(({ text }) => text);
  }
}

/** Something may have been missed: look at the lists. */
const RESYNC = 'event: resync\ndata: {}\n\n';
