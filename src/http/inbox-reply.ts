// The answer of an inbox to one request: as told, as a forwarder gives it, or that it should come again.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { HttpError } from '../errors.ts';
import { INBOX_LIMITS, type ToldAnswer } from '../inbox.ts';
import type { TellingDb } from '../store/database.ts';
import { COME_AGAIN_ANSWER, type Received, TOO_LARGE_ANSWER } from '../store/inbox-arrivals.ts';
import { type GivenAnswer, givenAnswer, giveUpWaiting } from '../store/inbox-requests.ts';
import { safeHeaders } from './inbox-answer.ts';
import type { InboxHub } from './inbox-hub.ts';
import { isUnread } from './patience.ts';

type Deps = { db: TellingDb; hub: InboxHub; waitMs: number; inboxId: string };

const TOO_LATE_ANSWER: ToldAnswer = {
  status: 503,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '5' },
  body: 'Whoever is connected to answer for this inbox did not answer in time: try again later.\n',
};

export class InboxReply {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The server stops. */
  readonly #drained: AbortSignal;
  readonly #gone = new AbortController();

  constructor(request: IncomingMessage, response: ServerResponse, drained: AbortSignal) {
    this.request = request;
    this.response = response;
    this.#drained = drained;
    response.once('close', () => this.#gone.abort());
  }

  async give(received: Received, deps: Deps): Promise<void> {
    switch (received.todo) {
      case 'too_large':
        return this.#tell(TOO_LARGE_ANSWER);
      case 'come_again':
        return this.#tell(COME_AGAIN_ANSWER);
      case 'tell':
        return this.#asTold(received.answer);
      case 'wait':
        return this.#forwarded(received.number, deps);
      default:
        return received satisfies never;
    }
  }

  /** The rest of a body that nobody reads, and the connection with it, ends. */
  write({ status, headers, body }: GivenAnswer): void {
    const { response } = this;
    if (response.headersSent || response.destroyed) return;
    const bodiless = status === 204 || status === 304;
    // A connection that is kept would keep the server from stopping.
    const isLast = isUnread(this.request) || this.#drained.aborted;
    response.writeHead(status, {
      ...safeHeaders(headers),
      ...(isLast && { connection: 'close' }),
      ...(!bodiless && { 'content-length': body.length }),
    });
    response.end(bodiless ? undefined : body);
    // What was begun to be read and given up: thrown away, for a while (patience.ts).
    this.request.resume();
  }

  cut(): void {
    this.response.destroy();
  }

  async #asTold(answer: ToldAnswer): Promise<void> {
    const { action = 'answer', delay_ms = 0 } = answer;
    const end = AbortSignal.any([this.#gone.signal, this.#drained]);
    const pause = (ms: number) => wait(ms, undefined, { signal: end }).catch(() => {});
    if (delay_ms > 0) await pause(delay_ms);
    if (action === 'hang') await pause(INBOX_LIMITS.hangMs);
    if (action !== 'answer') return this.cut();
    this.#tell(answer);
  }

  async #forwarded(number: number, { db, hub, waitMs, inboxId }: Deps): Promise<void> {
    const gone = this.#gone.signal;
    const answer = await hub.untilAnswered(inboxId, number, { ms: waitMs, gone });
    if (answer) return this.write(answer);
    if (answer === undefined) throw new HttpError('inbox_unknown');
    const end = gone.aborted ? 'left' : { answer: TOO_LATE_ANSWER };
    // An answer that came at the last moment counts.
    const gaveUp = await giveUpWaiting(db, inboxId, number, end);
    const late = gaveUp ? null : await givenAnswer(db, inboxId, number);
    if (late) this.write(late);
    else this.#tell(TOO_LATE_ANSWER);
  }

  #tell({ status = 200, headers = {}, body = '' }: ToldAnswer): void {
    this.write({ status, headers, body: Buffer.from(body) });
  }
}
