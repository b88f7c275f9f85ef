// The only way out of the house to an address somebody else chose: one guarded HTTP exchange, used for callbacks and for
// audio downloads. Judged before DNS, after DNS and on the open socket; no redirect followed, nothing inflated, no
// proxy of the environment used, nothing sent twice; one deadline over all of it that nothing defeats.
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { type AddressPolicy, judgeAddress } from './address.ts';
import type { Head } from './answer-head.ts';
import { Connection, Connections } from './connections.ts';
import { type Connect, dial } from './dial.ts';
import { type Failure, OutboundError, type Phase } from './failure.ts';
import { createResolve, type Resolve } from './resolve.ts';
import { CallerError } from './round-trip.ts';
import { Run } from './run.ts';
import { judgeUrl, type Target, URL_REFUSALS, type UrlRefusal } from './url.ts';

export type { Head } from './answer-head.ts';
export type Step = 'read' | 'stop';

export type ExchangeRequest = {
  url: string;
  method: 'GET' | 'POST' | 'PUT';
  headers: Readonly<Record<string, string>>;
  body?: Uint8Array;
  /** Milliseconds over everything: DNS, connect, TLS, send, status, body. */
  deadlineMs: number;
  /** Milliseconds for DNS, and again for TCP and TLS together; unset: the deadline alone. */
  connectMs?: number;
  /** Milliseconds without a byte from the far end, once the request is being sent; unset: the deadline alone. */
  idleMs?: number;
  /**
   * Milliseconds without a byte, at most twice that in all, for what follows the status; unset: it is waited for like the
   * status. A body that stays open then ends as `broken`.
   */
  graceMs?: number;
  signal?: AbortSignal;
  /** Characters; see url.ts. */
  maxUrlLength?: number;
  /** Whether it may go to an inbox of this server; false by default. */
  mayCallInbox?: boolean;
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
  /** Bytes of the body by its headers, where these leave no doubt about it. */
  readonly announced: number | null;
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
};

/** The resolver gives up so much before the exchange does: it knows more of why. */
const BEFORE_THE_END_MS = 20;
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
  readonly #kept = new Connections();
  readonly #resolve: Resolve;
  readonly #connect: Connect | undefined;
  readonly #ca: string | undefined;

  constructor(options: OutboundOptions) {
    this.#policy = options.policy;
    this.#resolve = options.resolve ?? createResolve();
    this.#connect = options.connect;
    this.#ca = options.ca;
  }

  get policy(): AddressPolicy {
    return this.#policy;
  }

  /** Connections made under the old policy are not used again. */
  setPolicy(policy: AddressPolicy): void {
    this.#policy = policy;
    this.#kept.clear();
  }

  /** Open connections waiting for reuse. */
  get idleConnections(): number {
    return this.#kept.count;
  }

  /** Ends idle connections; exchanges under way end by their own signals and deadlines. */
  close(): void {
    this.#closed = true;
    this.#kept.clear();
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
      const judged = request.mayCallInbox ? policy : { ...policy, inboxes: [] };
      const verdict = judgeUrl(request.url, judged, request.maxUrlLength);
      if (!verdict.ok)
        throw new OutboundError(
          MALFORMED.has(verdict.reason) ? 'config' : 'blocked_address',
          verdict.message,
        );
      const { target } = verdict;
      const addresses = await this.#vettedAddresses(target, policy, run);
      const key = `${originOf(target)} ${[...addresses].sort().join(' ')}`;
      let connection = this.#kept.take(key, performance.now());
      run.reused = connection !== null;
      connection ??= await this.#open(target, addresses, policy, run);
      const keepMs = await run.send(connection, target);
      if (keepMs === 0 || this.#closed || policy !== this.#policy) connection.destroy();
      else this.#kept.give(key, connection, keepMs);
    } catch (error) {
      if (error instanceof CallerError) throw error.cause;
      run.fail(error);
    } finally {
      run.dispose();
    }
    return run.record();
  }

  async #vettedAddresses(target: Target, policy: AddressPolicy, run: Run): Promise<readonly string[]> {
    if (target.literal !== 0) return [target.host];
    run.enter('dns');
    let addresses = await run.within((left) => this.#resolve(target.host, left - BEFORE_THE_END_MS));
    run.enter(null);
    if (target.inbox) return addresses.slice(0, MAX_ADDRESSES);
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
        isStopped: () => run.isStopped,
      });
    return new Connection(await run.within(opening), performance.now());
  }
}

/** Name and port as called; a trailing dot is left out, as certificates and virtual hosts do. */
function originOf(target: Target): string {
  const host = target.literal === 6 ? `[${target.host}]` : target.host;
  return `${target.secure ? 'https' : 'http'}://${host}:${target.port}`;
}
