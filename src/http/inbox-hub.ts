// Who waits for what at the inboxes, in this process: readers of an inbox's requests, and requests that wait for the answer
// of a forwarder, which may be connected to another process. Rows are the truth: what is not heard is found by looking.
import { randomUUID } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import { HttpError } from '../errors.ts';
import type { TellingDb } from '../store/database.ts';
import {
  beatForwarders,
  enterForwarder,
  FORWARDER_BEAT_MS,
  leaveForwarder,
} from '../store/inbox-forwarders.ts';
import {
  type GivenAnswer,
  givenAnswer,
  type InboxRequestRow,
  nextInboxRequests,
} from '../store/inbox-requests.ts';
import type { InboxRow } from '../store/inboxes.ts';
import type { News } from '../store/news.ts';
import { InboxStream } from './inbox-stream.ts';
import { showInboxRequest } from './show-inbox.ts';

export type InboxHubOptions = {
  db: TellingDb;
  log: FastifyBaseLogger;
  /** Streams of one account at a time; null: any number. */
  streamsPerAccount: number | null;
};

/** Requests that are read for a stream at a time: of small bodies alone, half a megabyte. */
const BATCH = 20;
/** Whether the answer is there although nobody said so. */
const LOOK_MS = 2_000;
const GONE = 'event: gone\ndata: {}\n\n';

export class InboxHub {
  readonly #options: InboxHubOptions;
  /** By inbox. */
  readonly #streams = new Map<string, Set<InboxStream>>();
  readonly #byAccount = new Map<string, number>();
  /** By inbox and number. */
  readonly #waiting = new Map<string, () => void>();
  /** Those of this process that are connected. */
  readonly #forwarders = new Set<string>();
  readonly #draining = new AbortController();
  #beat: NodeJS.Timeout | undefined;

  constructor(options: InboxHubOptions) {
    this.#options = options;
  }

  get isDraining(): boolean {
    return this.#draining.signal.aborted;
  }

  /** Aborted when the server begins to stop. */
  get drained(): AbortSignal {
    return this.#draining.signal;
  }

  /** What is told, in this process and by others. */
  heard(news: News): void {
    switch (news.kind) {
      case 'inbox_request':
        for (const stream of this.#streams.get(news.inboxId) ?? []) stream.wake();
        break;
      case 'inbox_answer':
        this.#waiting.get(keyOf(news.inboxId, news.number))?.();
        break;
      case 'inbox_gone':
        for (const stream of [...(this.#streams.get(news.inboxId) ?? [])]) stream.end(GONE);
        for (const [key, look] of this.#waiting) if (key.startsWith(news.inboxId)) look();
        break;
      case 'missed':
        for (const streams of this.#streams.values()) for (const stream of streams) stream.wake();
        for (const look of this.#waiting.values()) look();
        break;
    }
  }

  /** The requests of an inbox from now on, or from after number `after`; a forwarder's, with those that wait already. */
  async open(
    inbox: InboxRow,
    { forward, after }: { forward: boolean; after: number | null },
  ): Promise<InboxStream> {
    const { db, log } = this.#options;
    this.#admit(inbox.account_id);
    const forwarder = forward ? randomUUID() : null;
    try {
      // From here on requests wait; whatever came before does not, or is found waiting.
      if (forwarder !== null && !(await enterForwarder(db, inbox.id, forwarder)))
        throw new HttpError('inbox_unknown');
      if (forwarder !== null) this.#forwarders.add(forwarder);
      const start = after ?? inbox.last_number;
      // What is numbered higher is read like everything that comes.
      const first = forward
        ? (await nextInboxRequests(db, inbox.id, { after: 0, limit: 100, waiting: true })).filter(
            ({ number }) => number <= start,
          )
        : [];
      const streams = this.#streams.get(inbox.id) ?? new Set();
      const stream = new InboxStream({
        first: first.map(eventOf),
        after: start,
        load: async (number) =>
          (await nextInboxRequests(db, inbox.id, { after: number, limit: BATCH })).map(eventOf),
        closed: (byReader) => {
          streams.delete(stream);
          if (streams.size === 0 && this.#streams.get(inbox.id) === streams) this.#streams.delete(inbox.id);
          void this.#left(inbox.account_id, forwarder, byReader);
        },
        failed: (error) => log.warn({ err: error }, 'could not read an inbox for its stream'),
      });
      this.#streams.set(inbox.id, streams.add(stream));
      this.#beat ??= setInterval(() => void this.#beatAll(), FORWARDER_BEAT_MS);
      if (this.isDraining) stream.end();
      return stream;
    } catch (error) {
      await this.#left(inbox.account_id, forwarder, true);
      throw error;
    }
  }

  /**
   * The answer that somebody gives within `ms`; null: nobody did, or `gone` (the sender) or the server stops. Undefined: the
   * inbox was deleted.
   */
  async untilAnswered(
    inboxId: string,
    number: number,
    { ms, gone }: { ms: number; gone: AbortSignal },
  ): Promise<GivenAnswer | null | undefined> {
    const end = AbortSignal.any([gone, this.#draining.signal, AbortSignal.timeout(Math.ceil(ms))]);
    const key = keyOf(inboxId, number);
    try {
      while (!end.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, LOOK_MS);
          const wake = () => {
            clearTimeout(timer);
            end.removeEventListener('abort', wake);
            resolve();
          };
          this.#waiting.set(key, wake);
          end.addEventListener('abort', wake, { once: true });
        });
        if (gone.aborted) return null;
        const answer = await givenAnswer(this.#options.db, inboxId, number);
        if (answer !== null) return answer;
      }
      return null;
    } finally {
      this.#waiting.delete(key);
    }
  }

  /** Streams end, and who waits is answered at once. */
  drain(): void {
    this.#draining.abort();
    for (const streams of [...this.#streams.values()]) for (const stream of [...streams]) stream.end();
  }

  #admit(accountId: string): void {
    const { streamsPerAccount } = this.#options;
    const open = this.#byAccount.get(accountId) ?? 0;
    if (streamsPerAccount !== null && open >= streamsPerAccount)
      throw new HttpError('streams_too_many', {
        message: `This account has ${open} inbox streams open, as many as it may: close one.`,
        retryAfterSeconds: 10,
      });
    this.#byAccount.set(accountId, open + 1);
  }

  /** One that we end comes back: until then requests go on waiting for it. */
  async #left(accountId: string, forwarder: string | null, byReader: boolean): Promise<void> {
    const open = (this.#byAccount.get(accountId) ?? 1) - 1;
    if (open === 0) this.#byAccount.delete(accountId);
    else this.#byAccount.set(accountId, open);
    if (this.#streams.size === 0) {
      clearInterval(this.#beat);
      this.#beat = undefined;
    }
    if (forwarder === null || !this.#forwarders.delete(forwarder) || !byReader) return;
    await leaveForwarder(this.#options.db, forwarder).catch((error: unknown) =>
      this.#options.log.warn({ err: error }, 'could not note that a forwarder left; it is forgotten in 15 s'),
    );
  }

  async #beatAll(): Promise<void> {
    for (const streams of this.#streams.values()) for (const stream of streams) stream.beat();
    if (this.#forwarders.size === 0) return;
    await beatForwarders(this.#options.db, [...this.#forwarders]).catch((error: unknown) =>
      this.#options.log.warn({ err: error }, 'could not note that forwarders are there'),
    );
  }
}

const keyOf = (inboxId: string, number: number) => `${inboxId}/${number}`;

function eventOf(row: InboxRequestRow) {
  return {
    number: row.number,
    text: `id: ${row.number}\nevent: request\ndata: ${JSON.stringify(showInboxRequest(row))}\n\n`,
  };
}
