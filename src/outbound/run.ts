// One exchange under way: its clock, its deadline, the sockets to destroy when that passes, and what is known so far.
import type { Socket } from 'node:net';
import type { AnswerHead } from './answer-head.ts';
import type { Connection } from './connections.ts';
import { type Failure, failureOf, OutboundError, onKeptConnection, type Phase } from './failure.ts';
import type { Exchange, ExchangeRequest } from './request.ts';
import { HIDDEN_BYTES, outOfTime, RoundTrip } from './round-trip.ts';
import { OF_CLASS } from './sentences.ts';
import type { Target } from './url.ts';

export class Run {
  readonly request: ExchangeRequest;
  reused = false;

  readonly #started = performance.now();
  readonly #phases: Partial<Record<Phase, number>> = {};
  #phase: Phase | null = null;
  #phaseSince = this.#started;
  #head: AnswerHead | null = null;
  #body: Exchange['body'] = null;
  #failure: Failure | null = null;
  #bodyFailure: Failure | null = null;
  #bodyBytes = 0;
  #address: string | null = null;
  /** While connecting there may be several. */
  readonly #sockets = new Set<Socket>();

  #stopped: OutboundError | null = null;
  #onStop: ((error: OutboundError) => void) | null = null;
  readonly #deadline: NodeJS.Timeout;
  readonly #abort = () => this.stop(new OutboundError('aborted', OF_CLASS.aborted));

  constructor(request: ExchangeRequest) {
    this.request = request;
    this.#deadline = setTimeout(() => this.#timeOut(request.deadlineMs), request.deadlineMs);
    if (request.signal?.aborted) this.#abort();
    else request.signal?.addEventListener('abort', this.#abort, { once: true });
  }

  get isStopped(): boolean {
    return this.#stopped !== null;
  }

  /** Ends the current phase and begins another; null between phases. */
  enter(phase: Phase | null): void {
    const now = performance.now();
    if (this.#phase !== null) this.#phases[this.#phase] = round(now - this.#phaseSince);
    this.#phase = phase;
    this.#phaseSince = now;
  }

  /** A socket that dies with the deadline. */
  hold(socket: Socket): void {
    this.#sockets.add(socket);
    if (this.#stopped) socket.destroy();
  }

  /** First call wins. Everything waiting settles now; nobody waits for a socket to agree. */
  stop(error: OutboundError): void {
    if (this.#stopped) return;
    this.#stopped = error;
    for (const socket of this.#sockets) socket.destroy();
    this.#onStop?.(error);
  }

  /** `work` in at most `connectMs` and within the deadline; it is told how many milliseconds it has. */
  within<T>(work: (left: number) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) return reject(this.#stopped);
      const { deadlineMs, connectMs = Number.POSITIVE_INFINITY } = this.request;
      const left = Math.min(connectMs, Math.max(1, this.#started + deadlineMs - performance.now()));
      const timer = left < connectMs ? undefined : setTimeout(() => this.#timeOut(connectMs), connectMs);
      this.#onStop = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      // Also after a stop: whatever the abandoned work comes to must have somebody to come to.
      work(left)
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  }

  /** Sends and reads. Returns for how many milliseconds the connection may be kept; 0: not at all. */
  async send(connection: Connection, target: Target): Promise<number> {
    if (this.#stopped) throw this.#stopped;
    const { request } = this;
    this.hold(connection.socket);
    this.#address = connection.address;
    const trip = new RoundTrip({
      connection,
      target,
      request,
      onSent: () => this.enter('firstByte'),
      onStatus: () => this.enter('body'),
      onHead: (head) => {
        this.#head = head;
        return request.onHead?.(head) ?? 'read';
      },
      onData: (bytes) => {
        this.#bodyBytes += bytes.length;
        return request.onData?.(bytes) ?? 'read';
      },
    });
    this.#onStop = (error) => trip.stop(error);
    this.enter('send');
    const { body, error, keepMs } = await trip.run();
    this.#body = body;
    if (body === 'broken') this.#bodyFailure = failureOf(error, this.#phase);
    this.enter(null);
    return keepMs;
  }

  fail(error: unknown): void {
    const failure = failureOf(error, this.#phase);
    this.#failure = this.reused ? onKeptConnection(failure) : failure;
    this.enter(null);
  }

  dispose(): void {
    clearTimeout(this.#deadline);
    this.request.signal?.removeEventListener('abort', this.#abort);
    if (this.#failure) for (const socket of this.#sockets) socket.destroy();
  }

  record(): Exchange {
    const { framing, isCertain } = this.#head ?? { framing: null, isCertain: false };
    return {
      head: this.#head,
      failure: this.#failure,
      body: this.#body,
      bodyFailure: this.#bodyFailure,
      announced: framing?.kind === 'length' && isCertain ? framing.bytes : null,
      bodyBytes: this.#bodyBytes,
      address: this.#address,
      reused: this.reused,
      phases: this.#phases,
      durationMs: round(performance.now() - this.#started),
    };
  }

  #timeOut(milliseconds: number): void {
    const phase = this.#phase ?? 'connect';
    const isLarge = (this.request.body?.length ?? 0) > HIDDEN_BYTES;
    const error = outOfTime(phase === 'firstByte' && isLarge ? 'firstByteOfLarge' : phase, milliseconds);
    this.stop(
      phase === 'dns' ? new OutboundError('dns', error.message, { cause: { code: 'ETIMEOUT' } }) : error,
    );
  }
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}
