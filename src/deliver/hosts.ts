// What this process knows of hosts and endpoints beyond the lease of an endpoint: whether a host answers, how long its
// receivers take, and how many attempts are under way there.
import type { HostHealth } from '../delivery.ts';
import type { RecordedHost } from '../store/hosts.ts';
import type { LeasedEndpoint } from '../store/leases.ts';
import type { Span } from './breaker.ts';
import { type HostOutcome, nextHostHealth } from './host-breaker.ts';
import { UsualTime } from './usual-time.ts';

export class Host {
  readonly id: string;
  readonly accountId: string;
  health: HostHealth;
  /** Attempts under way. */
  open = 0;
  /** Those of them at endpoints that are not known to answer quickly themselves. */
  openOthers = 0;
  /** Something has answered here in the life of this process. */
  answers = false;
  /** Silence of attempts begun before tells nothing any more. */
  #countsFrom: Date | null = null;
  readonly usual = new UsualTime();
  readonly #onChange: (host: Host) => void;

  constructor(
    { accountId, host }: Pick<LeasedEndpoint, 'accountId' | 'host'>,
    onChange: (host: Host) => void = () => {},
  ) {
    this.id = host.id;
    this.accountId = accountId;
    this.health = host.health;
    this.#onChange = onChange;
  }

  landed(outcome: HostOutcome, { begunAt, now }: Span): void {
    if (outcome === 'answered') this.answers = true;
    else if (this.#countsFrom !== null && begunAt < this.#countsFrom) return;
    const before = this.health;
    this.health = nextHostHealth(before, outcome, now);
    if (this.health === before) return;
    if (before.state !== 'closed' && this.health.state === 'closed') this.#countsFrom = now;
    this.#onChange(this);
  }

  /** An endpoint of it was enabled: a host that rests is tried at once. */
  triedAgain(at: Date): void {
    this.#countsFrom = at;
    if (this.health.state === 'open') this.health = { ...this.health, state: 'half_open', openUntil: at };
  }
}

/** Of hosts and endpoints that have nothing under way, so many are remembered. */
const REMEMBERED = 10_000;
/** Of quick hosts, those heard of last are named to the database. */
const NAMED = 1_000;

export class Hosts {
  /** Those heard of last at the end. */
  readonly #hosts = new Map<string, Host>();
  readonly #endpoints = new Map<string, UsualTime>();
  /** Those whose health has changed since it was last written. */
  readonly #unwritten = new Set<Host>();

  /** The host of an endpoint that has just been leased. Where nothing is under way, the database knows its health best. */
  of(leased: LeasedEndpoint): Host {
    const known = this.#hosts.get(leased.host.id);
    const host = known ?? new Host(leased, (changed) => this.#unwritten.add(changed));
    if (known && this.#isAtRest(known)) known.health = leased.host.health;
    this.#hosts.delete(host.id);
    this.#hosts.set(host.id, host);
    forget(this.#hosts, (one) => this.#isAtRest(one));
    return host;
  }

  triedAgain(hostId: string, at: Date): void {
    const host = this.#hosts.get(hostId);
    if (!host) return;
    host.triedAgain(at);
    this.#unwritten.delete(host);
  }

  #isAtRest(host: Host): boolean {
    return host.open === 0 && !this.#unwritten.has(host);
  }

  isQuick(endpointId: string): boolean {
    return this.#endpoints.get(endpointId)?.quick === true;
  }

  usualOf(endpointId: string): UsualTime {
    const usual = this.#endpoints.get(endpointId) ?? new UsualTime();
    this.#endpoints.delete(endpointId);
    this.#endpoints.set(endpointId, usual);
    forget(this.#endpoints, () => true);
    return usual;
  }

  /** Ids of hosts that answer quickly. */
  quick(): string[] {
    const ids: string[] = [];
    for (const host of this.#hosts.values())
      if (host.usual.quick === true && host.health.state === 'closed') ids.push(host.id);
    return ids.slice(-NAMED);
  }

  [Symbol.iterator](): Iterator<Host> {
    return this.#hosts.values();
  }

  takeUnwritten(): RecordedHost[] {
    const changed = [...this.#unwritten];
    this.#unwritten.clear();
    return changed.map(({ id, health }) => ({ hostId: id, health }));
  }
}

/** Forgets what was heard of longest ago, beyond as many as are remembered. */
function forget<T>(known: Map<string, T>, mayGo: (one: T) => boolean): void {
  if (known.size <= REMEMBERED) return;
  for (const [id, one] of known) {
    if (known.size <= REMEMBERED) return;
    if (mayGo(one)) known.delete(id);
  }
}
