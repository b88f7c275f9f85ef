// One request over one connection, and its answer. The status decides: once it is here, the rest of the answer has only a
// short grace (callbacks), or the limits of its download.
//
// A connection is kept only when nothing about the exchange was out of the ordinary: the request was wholly sent before the
// answer began, and the answer was read to its end, to the letter of the standard, with nothing behind it.
import { type AnswerEvents, AnswerReader } from './answer.ts';
import type { AnswerHead } from './answer-head.ts';
import type { Connection, Listener } from './connections.ts';
import { OutboundError } from './failure.ts';
import type { ExchangeRequest, Step } from './request.ts';
import { OUT_OF_TIME } from './sentences.ts';
import type { Target } from './url.ts';

/** A body up to this size is copied behind its head, so that both travel in one packet. */
const JOINED_BYTES = 65_536;
/**
 * After a refusal (4xx, 5xx) the connection is kept only if the body was no larger than this. Whoever refuses a larger one may
 * have left it unread in its buffers, where we cannot see it, and the next request would wait behind it.
 */
const SURELY_READ_BYTES = 16_384;

/**
 * The system takes up to some 4 MB of a request before any of it has arrived: that a body larger than this is sent tells
 * nothing of how much of it the far end has. (2 MB on a line of 250 kB/s were sent after 0.1 s.)
 */
export const HIDDEN_BYTES = 262_144;

export type RoundTripOptions = {
  connection: Connection;
  target: Target;
  request: ExchangeRequest;
  /** The last byte of the request is with the system. */
  onSent(): void;
  onStatus(): void;
  onHead(head: AnswerHead): Step;
  onData(bytes: Buffer): Step | Promise<Step>;
};

export type RoundTripEnd = {
  body: 'complete' | 'stopped' | 'broken';
  /** Of a broken body. */
  error: unknown;
  /** Milliseconds for which the connection may be kept; 0: it is closed. */
  keepMs: number;
};

/** Something onHead or onData threw, in `cause`: the caller's, not the far end's. */
export class CallerError extends Error {}

export class RoundTrip implements Listener, AnswerEvents {
  readonly #options: RoundTripOptions;
  readonly #reader = new AnswerReader(this);
  readonly #end = Promise.withResolvers<RoundTripEnd>();
  #isSettled = false;
  /** The request is with the system to its last byte. */
  #isSent = false;
  /** The answer began before the request was sent. */
  #isEarly = false;
  /** The answer is read; the rest of the request may still be on its way, or the caller busy with the last of it. */
  #isRead = false;
  /** The caller holds the far end back. */
  #isHeld = false;
  /** Ends the trip after `idleMs` without a byte. */
  #silence: NodeJS.Timeout | undefined;
  /** Ends what follows the status. */
  #grace: NodeJS.Timeout | undefined;
  /** From then on a byte no longer prolongs it. */
  #graceEnds = Number.POSITIVE_INFINITY;

  constructor(options: RoundTripOptions) {
    this.#options = options;
  }

  /** Resolves once a status is here, whatever came after; rejects with why there is none, or with {@link CallerError}. */
  run(): Promise<RoundTripEnd> {
    const { connection, target, request } = this.#options;
    connection.listener = this;
    if (request.idleMs !== undefined) {
      const { idleMs } = request;
      this.#silence = setTimeout(
        () => this.stop(outOfTime(this.#reader.status === null ? 'firstByte' : 'body', idleMs)),
        idleMs,
      );
    }
    const { socket } = connection;
    const body = request.body ?? NO_BODY;
    const head = Buffer.from(headOf(target, request), 'latin1');
    if (body.length <= JOINED_BYTES) socket.write(Buffer.concat([head, body]), this.#onWritten);
    else {
      socket.cork();
      socket.write(head);
      socket.write(body, this.#onWritten);
      socket.uncork();
    }
    return this.#end.promise;
  }

  /** Ends it with what there is. */
  stop(error: unknown): void {
    if (this.#isSettled) return;
    this.#reader.giveUp();
    this.#settle('broken', error);
  }

  readonly #onWritten = (error?: Error | null) => {
    if (error || this.#isSettled) return;
    this.#isSent = true;
    if (this.#reader.status === null) this.#options.onSent();
    else this.#startGrace();
    this.#finish();
  };

  onBytes(bytes: Buffer): void {
    if (this.#isSettled) return;
    this.#silence?.refresh();
    try {
      this.#reader.push(bytes);
    } catch (error) {
      this.#settle('broken', error);
    }
    if (this.#isSettled || this.#reader.status === null) return;
    if (this.#grace === undefined) this.#startGrace();
    else if (performance.now() < this.#graceEnds) this.#grace.refresh();
  }

  onEnd(): void {
    if (this.#isSettled) return;
    try {
      this.#reader.close();
    } catch (error) {
      this.#settle('broken', error);
    }
    if (this.#isRead) this.#settle('complete', null);
    this.#settle('broken', this.#closedEarly());
  }

  onGone(error: Error | null): void {
    if (this.#isSettled) return;
    this.#reader.giveUp();
    this.#settle('broken', error ?? this.#closedEarly());
  }

  onStatus(): void {
    if (this.#isSettled) return;
    this.#isEarly = !this.#isSent;
    this.#options.onStatus();
  }

  onHead(head: AnswerHead): void {
    if (this.#isSettled) return;
    this.#ask(() => this.#options.onHead(head));
  }

  onData(bytes: Buffer): void {
    if (this.#isSettled) return;
    const step = this.#ask(() => this.#options.onData(bytes));
    if (!(step instanceof Promise)) return;
    const { socket } = this.#options.connection;
    socket.pause();
    this.#isHeld = true;
    step.then(
      (then) => {
        this.#isHeld = false;
        if (then === 'stop') this.#settle('stopped', null);
        this.#silence?.refresh();
        socket.resume();
        this.#finish();
      },
      (error: unknown) => this.#callersFault(error),
    );
  }

  onBodyEnd(): void {
    this.#isRead = true;
    this.#finish();
  }

  /** Whoever says 2xx early takes the rest of the request too, and gets it; a refusal is not argued with. */
  #finish(): void {
    if (!this.#isRead || this.#isHeld) return;
    if (this.#isSent || !this.#isTaken()) this.#settle('complete', null);
  }

  #isTaken(): boolean {
    const { status } = this.#reader;
    return status !== null && status >= 200 && status < 300;
  }

  #ask<T extends Step | Promise<Step>>(question: () => T): T | 'stop' {
    try {
      const step = question();
      if (step === 'stop') this.#settle('stopped', null);
      return step;
    } catch (error) {
      this.#callersFault(error);
      return 'stop';
    }
  }

  #closedEarly(): Error {
    const code = this.#reader.hasBegun
      ? 'CLOSED_IN_STATUS'
      : this.#options.target.secure
        ? 'CLOSED'
        : 'CLOSED_PLAIN';
    return Object.assign(new Error('the far end closed the connection'), { code });
  }

  /** From the status on, and not before the request is sent where it is taken. */
  #startGrace(): void {
    const { graceMs } = this.#options.request;
    if (graceMs === undefined || this.#grace !== undefined || (!this.#isSent && this.#isTaken())) return;
    this.#graceEnds = performance.now() + graceMs;
    this.#grace = setTimeout(() => this.stop(outOfTime('body', graceMs)), graceMs);
  }

  #callersFault(error: unknown): void {
    if (this.#isSettled) return;
    this.#over();
    this.#options.connection.destroy();
    this.#end.reject(new CallerError('thrown by the caller', { cause: error }));
  }

  #over(): void {
    this.#isSettled = true;
    clearTimeout(this.#silence);
    clearTimeout(this.#grace);
    this.#options.connection.listener = null;
  }

  #settle(body: RoundTripEnd['body'], error: unknown): void {
    if (this.#isSettled) return;
    this.#over();
    const keepMs = body === 'complete' && this.#isOrdinary() ? this.#reader.keepMs : 0;
    if (keepMs === 0) this.#options.connection.destroy();
    if (this.#reader.status === null) this.#end.reject(error);
    else this.#end.resolve({ body, error, keepMs });
  }

  #isOrdinary(): boolean {
    const size = this.#options.request.body?.length ?? 0;
    return this.#isSent && !this.#isEarly && (this.#isTaken() || size <= SURELY_READ_BYTES);
  }
}

const NO_BODY = new Uint8Array();

export function outOfTime(phase: keyof typeof OUT_OF_TIME, milliseconds: number): OutboundError {
  const message = OUT_OF_TIME[phase].replace('%', `within ${milliseconds / 1000} s`);
  return new OutboundError('timeout', message, { cause: { code: 'ETIMEDOUT' } });
}

/** Names and values are valid (request.ts has seen to it), and the path is the WHATWG parser's: no line can be smuggled in. */
function headOf(target: Target, { method, headers, body }: ExchangeRequest): string {
  const { pathname, search } = target.url;
  let text = `${method} ${pathname}${search} HTTP/1.1\r\nhost: ${hostOf(target)}\r\nconnection: keep-alive\r\n`;
  text += 'accept-encoding: identity\r\n';
  for (const name in headers) text += `${name}: ${headers[name]}\r\n`;
  if (method !== 'GET') text += `content-length: ${body?.length ?? 0}\r\n`;
  return `${text}\r\n`;
}

/** Without a trailing dot, as certificates and virtual hosts have it, and without the port that goes without saying. */
function hostOf({ host, literal, port, secure }: Target): string {
  const name = literal === 6 ? `[${host}]` : host;
  return port === (secure ? 443 : 80) ? name : `${name}:${port}`;
}
