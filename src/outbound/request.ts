// The only way out of the house to an address somebody else chose: one guarded HTTP exchange, used for callbacks and for
// audio downloads. Judged before DNS, after DNS and on the open socket; no redirect followed, nothing inflated, no
// proxy of the environment used, nothing sent twice; one deadline over all of it that nothing defeats.
//
// On undici's `dispatch` rather than `request()`: the same engine without a stream per answer, and the body can be cut
// or held back (a slow disk) where it arrives.
import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { Socket } from 'node:net';
import { type AddressPolicy, judgeAddress } from './address.ts';
import { Connection, Connections } from './connections.ts';
import { type Connect, dial } from './dial.ts';
import { type Failure, failureOf, OutboundError, onKeptConnection, type Phase } from './failure.ts';
import { createResolve, type Resolve } from './resolve.ts';
import { judgeUrl, type Target, URL_REFUSALS, type UrlRefusal } from './url.ts';

export type Head = {
  readonly status: number;
  /** Lower-case names; a header that came twice is an array. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
};
export type Step = 'read' | 'stop';

export type ExchangeRequest = {
  url: string;
  method: 'GET' | 'POST' | 'PUT';
  headers: Readonly<Record<string, string>>;
  body?: Uint8Array;
  /** Milliseconds over everything: DNS, connect, TLS, send, status, body. */
  deadlineMs: number;
  /** Milliseconds for TCP and TLS together, inside the deadline. */
  connectMs?: number;
  /** Milliseconds without a byte from the far end, once the request is being sent; unset: the deadline alone. */
  idleMs?: number;
  signal?: AbortSignal;
  /** Characters; see url.ts. */
  maxUrlLength?: number;
  /** Whether the body is wanted. `stop` cuts the connection. */
  onHead?(head: Head): Step;
  /** A promise holds the far end back until it settles. */
  onData?(chunk: Buffer): Step | Promise<Step>;
};

/** What happened. A status means the far end answered, whatever came after. */
export type Exchange = {
  readonly head: Head | null;
  /** Why there is no status; null when there is one. */
  readonly failure: Failure | null;
  /** complete: read to its end. stopped: by onHead or onData. broken: the far end or the deadline cut it short. */
  readonly body: 'complete' | 'stopped' | 'broken' | null;
  readonly bodyFailure: Failure | null;
  /** Bytes read; the answer may have been longer unless `body` is complete. */
  readonly bodyBytes: number;
  /** The vetted peer, once connected. */
  readonly address: string | null;
  readonly reused: boolean;
  /** Milliseconds each phase took, as far as it got. */
  readonly phases: Partial<Record<Phase, number>>;
  readonly durationMs: number;
};

export type OutboundOptions = {
  policy: AddressPolicy;
  resolve?: Resolve;
  connect?: Connect;
  ca?: string;
  /** Milliseconds for a name's addresses; a question shared with others goes on without this exchange. */
  dnsMs?: number;
};

/** Addresses tried per exchange; all are judged. */
const MAX_ADDRESSES = 16;
const MALFORMED: ReadonlySet<UrlRefusal> = new Set([
  'angle_brackets',
  'control_character',
  'too_long',
  'unparsable',
  'host',
]);

export class Outbound {
  #policy: AddressPolicy;
  #closed = false;
  readonly #idle = new Connections();
  readonly #resolve: Resolve;
  readonly #connect: Connect | undefined;
  readonly #ca: string | undefined;
  readonly #dnsMs: number;

  constructor(options: OutboundOptions) {
    this.#policy = options.policy;
    this.#dnsMs = options.dnsMs ?? 5_000;
    this.#resolve = options.resolve ?? createResolve({ timeoutMs: this.#dnsMs });
    this.#connect = options.connect;
    this.#ca = options.ca;
  }

  get policy(): AddressPolicy {
    return this.#policy;
  }

  /** Connections made under the old policy are not used again. */
  setPolicy(policy: AddressPolicy): void {
    this.#policy = policy;
    this.#idle.clear();
  }

  /** Open connections waiting for reuse. */
  get idleConnections(): number {
    return this.#idle.count;
  }

  /** Ends idle connections; exchanges under way end by their own signals and deadlines. */
  close(): void {
    this.#closed = true;
    this.#idle.clear();
  }

  /** Never rejects for what the far end does; only with what `onHead` or `onData` threw. */
  async exchange(request: ExchangeRequest): Promise<Exchange> {
    const run = new Run(request);
    try {
      for (const [name, value] of Object.entries(request.headers)) {
        validateHeaderName(name);
        validateHeaderValue(name, value);
      }
      const policy = this.#policy;
      const verdict = judgeUrl(request.url, policy, request.maxUrlLength);
      if (!verdict.ok)
        throw new OutboundError(
          MALFORMED.has(verdict.reason) ? 'config' : 'blocked_address',
          verdict.message,
        );
      const { target } = verdict;
      const addresses = await this.#vettedAddresses(target, policy, run);
      const key = `${originOf(target)} ${[...addresses].sort().join(' ')}`;
      let connection = this.#idle.take(key, performance.now());
      if (connection) {
        run.reused = true;
        if (!(await run.send(connection, target))) {
          // The idle connection had gone before a byte of this request was written: a fresh one is safe.
          run.reused = false;
          connection = null;
        }
      }
      if (!connection) {
        connection = await this.#open(target, addresses, policy, run);
        await run.send(connection, target);
      }
      if (run.body !== 'complete' || this.#closed || policy !== this.#policy) connection.destroy();
      else this.#idle.give(key, connection);
    } catch (error) {
      if (run.callerError) throw run.callerError.error;
      run.fail(error);
    } finally {
      run.dispose();
    }
    return run.record();
  }

  async #vettedAddresses(target: Target, policy: AddressPolicy, run: Run): Promise<readonly string[]> {
    if (target.literal !== 0) return [target.host];
    run.enter('dns');
    let addresses = await run.within(() => this.#resolve(target.host), this.#dnsMs);
    run.enter(null);
    const judge = (address: string) => judgeAddress(address, target.port, policy);
    // These two answers are our own, not a resolver's: where only one loopback family is allowed, that one is used.
    if (target.host === 'localhost' || target.host.endsWith('.localhost')) {
      const allowed = addresses.filter((address) => judge(address).ok);
      if (allowed.length > 0) addresses = allowed;
    }
    // One bad answer refuses all: an attack must not hide behind a good address.
    for (const address of addresses) {
      const verdict = judge(address);
      if (!verdict.ok)
        throw new OutboundError('blocked_address', URL_REFUSALS[verdict.reason], {
          detail: `${target.host} has the address ${address}: ${verdict.range}`,
        });
    }
    return addresses.slice(0, MAX_ADDRESSES);
  }

  async #open(
    target: Target,
    addresses: readonly string[],
    policy: AddressPolicy,
    run: Run,
  ): Promise<Connection> {
    const opening = () =>
      dial({
        target,
        addresses,
        policy,
        ...(this.#connect ? { connect: this.#connect } : {}),
        ...(this.#ca === undefined ? {} : { ca: this.#ca }),
        onPhase: (phase) => run.enter(phase),
        onSocket: (socket) => run.hold(socket),
      });
    const socket = await run.within(opening, run.request.connectMs ?? 5_000);
    return new Connection(originOf(target), socket, performance.now());
  }
}

/** Name and port as called; a trailing dot is left out, as certificates and virtual hosts do. */
function originOf(target: Target): string {
  const host = target.literal === 6 ? `[${target.host}]` : target.host;
  return `${target.secure ? 'https' : 'http'}://${host}:${target.port}`;
}

/** One exchange under way: its clock, its deadline, the socket to destroy when that passes, and what is known so far. */
class Run {
  readonly request: ExchangeRequest;
  reused = false;
  body: Exchange['body'] = null;
  /** Something onHead or onData threw: the caller's, not the far end's. */
  callerError: { error: unknown } | null = null;

  readonly #started = performance.now();
  readonly #phases: Partial<Record<Phase, number>> = {};
  #phase: Phase | null = null;
  #phaseSince = this.#started;
  #head: Head | null = null;
  #failure: Failure | null = null;
  #bodyFailure: Failure | null = null;
  #bodyBytes = 0;
  #address: string | null = null;
  #socket: Socket | null = null;

  #stopped: OutboundError | null = null;
  #onStop: ((error: OutboundError) => void) | null = null;
  readonly #deadline: NodeJS.Timeout;
  #idleTimer: NodeJS.Timeout | undefined;
  readonly #abort = () => this.stop(new OutboundError('aborted', ABORTED));

  constructor(request: ExchangeRequest) {
    this.request = request;
    this.#deadline = setTimeout(() => this.#timeOut(request.deadlineMs), request.deadlineMs);
    if (request.signal?.aborted) this.#abort();
    else request.signal?.addEventListener('abort', this.#abort, { once: true });
  }

  /** Ends the current phase and begins another; null between phases. */
  enter(phase: Phase | null): void {
    const now = performance.now();
    if (this.#phase !== null) this.#phases[this.#phase] = round(now - this.#phaseSince);
    this.#phase = phase;
    this.#phaseSince = now;
  }

  /** The socket that dies with the deadline. */
  hold(socket: Socket): void {
    this.#socket = socket;
    if (this.#stopped) socket.destroy();
  }

  /** First call wins. Everything waiting settles now; nobody waits for a socket to agree. */
  stop(error: OutboundError): void {
    if (this.#stopped) return;
    this.#stopped = error;
    this.#socket?.destroy();
    this.#onStop?.(error);
  }

  /** `work` in at most `milliseconds` and within the deadline. */
  within<T>(work: () => Promise<T>, milliseconds: number): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) return reject(this.#stopped);
      const timer = setTimeout(() => this.#timeOut(milliseconds), milliseconds);
      this.#onStop = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      // Also after a stop: whatever the abandoned work comes to must have somebody to come to.
      work()
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  }

  /** Sends and reads. False: a reused connection was gone before anything was written. */
  send(connection: Connection, target: Target): Promise<boolean> {
    const { request } = this;
    const { socket } = connection;
    this.hold(socket);
    this.#address = connection.address;
    return new Promise((resolve, reject) => {
      if (this.#stopped) return reject(this.#stopped);
      let settled = false;
      let begun = false;
      const settle = (error: unknown) => {
        if (settled) return;
        settled = true;
        clearTimeout(this.#idleTimer);
        if (error === null) this.enter(null);
        if (error !== null) connection.destroy();
        if (error === null || this.#head) {
          if (error !== null) {
            this.body = 'broken';
            this.#bodyFailure = failureOf(error, this.#phase);
            this.enter(null);
          }
          resolve(true);
        } else reject(error);
      };
      const stopReading = () => {
        this.body = 'stopped';
        connection.destroy();
        settle(null);
      };
      const callersFault = (error: unknown) => {
        this.callerError = { error };
        connection.destroy();
        if (settled) return;
        settled = true;
        clearTimeout(this.#idleTimer);
        reject(error);
      };
      this.#onStop = settle;
      const alive = () => {
        this.#idleTimer?.refresh();
      };
      if (request.idleMs !== undefined) {
        const { idleMs } = request;
        this.#idleTimer = setTimeout(() => this.#timeOut(idleMs), idleMs);
      }

      this.enter('send');
      connection.client.dispatch(
        {
          path: `${target.url.pathname}${target.url.search}`,
          method: request.method,
          headers: { 'accept-encoding': 'identity', ...request.headers },
          body: request.body ?? null,
        },
        {
          onRequestStart: () => {
            begun = true;
          },
          onRequestSent: () => {
            // A large body is still in our buffers: it counts as sent once the kernel has it all.
            if (!socket.writableNeedDrain) this.enter('firstByte');
            else
              socket.once('drain', () => {
                if (!settled && this.#phase === 'send') this.enter('firstByte');
              });
          },
          onResponseStart: (_controller, status, headers) => {
            // 1xx are not answers, and do not count as life: an endless row of them ends at the deadline.
            if (settled || status < 200) return;
            alive();
            this.#head = { status, headers };
            this.enter('body');
            try {
              if (request.onHead?.(this.#head) === 'stop') stopReading();
            } catch (error) {
              callersFault(error);
            }
          },
          onResponseData: (controller, chunk) => {
            if (settled) return;
            alive();
            this.#bodyBytes += chunk.length;
            try {
              const step = request.onData?.(chunk) ?? 'read';
              if (step === 'stop') stopReading();
              else if (step !== 'read') {
                controller.pause();
                step.then((then) => {
                  if (settled) return;
                  if (then === 'stop') return stopReading();
                  alive();
                  controller.resume();
                }, callersFault);
              }
            } catch (error) {
              callersFault(error);
            }
          },
          onResponseEnd: () => {
            if (settled) return;
            this.body = 'complete';
            // undici closes a connection that must not be kept right after this returns: look then.
            queueMicrotask(() => settle(null));
          },
          onResponseError: (_controller, error) => {
            if (!begun && this.reused && !this.#stopped && !settled) {
              settled = true;
              clearTimeout(this.#idleTimer);
              connection.destroy();
              this.enter(null);
              this.#address = null;
              resolve(false);
            } else settle(this.#stopped ?? error);
          },
        },
      );
    });
  }

  fail(error: unknown): void {
    const failure = failureOf(error, this.#phase);
    this.#failure = this.reused ? onKeptConnection(failure) : failure;
    this.enter(null);
  }

  dispose(): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#idleTimer);
    this.request.signal?.removeEventListener('abort', this.#abort);
    if (this.#failure) this.#socket?.destroy();
  }

  record(): Exchange {
    return {
      head: this.#head,
      failure: this.#failure,
      body: this.body,
      bodyFailure: this.#bodyFailure,
      bodyBytes: this.#bodyBytes,
      address: this.#address,
      reused: this.reused,
      phases: this.#phases,
      durationMs: round(performance.now() - this.#started),
    };
  }

  #timeOut(milliseconds: number): void {
    const within = `within ${milliseconds / 1000} s`;
    const phase = this.#phase ?? 'connect';
    if (phase === 'dns')
      this.stop(
        new OutboundError('dns', `The host name could not be resolved ${within}.`, {
          cause: { code: 'ETIMEOUT' },
        }),
      );
    else
      this.stop(
        new OutboundError('timeout', TIMEOUTS[phase].replace('%', within), { cause: { code: 'ETIMEDOUT' } }),
      );
  }
}

const ABORTED = 'The request was interrupted because this server is stopping.';
const TIMEOUTS = {
  connect: 'No connection %: the host does not answer there, or a firewall drops the packets.',
  tls: 'The TLS handshake was not finished %.',
  send: 'The far end did not take the whole request %.',
  firstByte: 'No answer %: a receiver should answer first and work later.',
  body: 'The answer was not complete %.',
} as const satisfies Record<Exclude<Phase, 'dns'>, string>;

function round(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}
