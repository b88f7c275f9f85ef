// One endpoint in our hands for the time of a lease: how many more of its deliveries may start now.
import type { EndpointHealth } from '../delivery.ts';
import type { Claimed, LeasedEndpoint } from '../store/leases.ts';
import type { Landed } from './attempt.ts';
import { enabled, isOfBefore, nextHealth, paused, rampBudget } from './breaker.ts';
import { laneOf, type Receiver } from './capacity.ts';
import type { Host } from './hosts.ts';
import type { UsualTime } from './usual-time.ts';

type Options = {
  leased: LeasedEndpoint;
  host: Host;
  /** How long it took to answer so far, under earlier leases too. */
  usual: UsualTime;
  /** The database's time of the claim, and ours (performance.now). */
  now: Date;
  at: number;
  /** No claim after this time (performance.now): what starts later could outlive the lease. */
  sliceEnds: number;
  concurrency: number;
};

/** Bytes of bodies claimed ahead of time, per endpoint. */
const AHEAD_BYTES = 256 * 1_024;
/**
 * An endpoint that answers is kept for so long after its last delivery. Given back at once, its row would be written twice
 * for every result, and those who open deliveries would wait for one another's commits.
 */
const LINGER_MS = 1_000;

export class HeldEndpoint {
  readonly id: string;
  readonly token: number;
  /** More may be due. */
  more = false;
  health: EndpointHealth;
  /** Changed since it was last written. */
  unwritten = false;
  readonly host: Host;
  readonly #usual: UsualTime;
  readonly #concurrency: number;
  /** As the lease has it; and as it is, closed before its time or not. */
  readonly #leaseEnds: number;
  #sliceEnds: number;
  /** When a delivery of it was last claimed or answered (performance.now). */
  #busyAt: number;
  #inFlight = 0;
  #unrecorded = 0;
  /** Claimed and not begun: what a free place takes without asking the database. */
  #waiting: Claimed[] = [];
  #bodyBytes = AHEAD_BYTES;
  /** It has answered well under this lease. */
  #answers = false;
  /** Deliveries the slow start had allowed by the claim, and those taken since. */
  #budgetFrom: number;
  #taken = 0;

  constructor({ leased, host, usual, now, at, sliceEnds, concurrency }: Options) {
    this.id = leased.endpointId;
    this.host = host;
    this.#usual = usual;
    this.#busyAt = at;
    this.token = leased.token;
    this.health = leased.health;
    this.#leaseEnds = sliceEnds;
    this.#sliceEnds = sliceEnds;
    this.#concurrency = concurrency;
    this.#budgetFrom = rampBudget(this.health, now) ?? 0;
  }

  /** Attempts begun and not yet on record. */
  get open(): number {
    return this.#inFlight + this.#unrecorded;
  }

  /** Nothing more to be started under this lease. */
  isOver(at: number): boolean {
    const isIdle = !this.more && this.#waiting.length === 0 && this.open === 0;
    return this.isClosing(at) || (isIdle && (!this.#answers || at > this.#busyAt + LINGER_MS));
  }

  get receiver(): Receiver {
    const { quick } = this.#usual;
    const lane = this.health.failures > this.health.refusals ? 'slow' : laneOf(this.host, quick);
    return { host: this.host, lane, isQuickItself: quick === true };
  }

  /** Nothing more under this lease. */
  close(): void {
    this.#sliceEnds = Number.NEGATIVE_INFINITY;
  }

  /** Its time is over, or its health forbids more. */
  isClosing(at: number): boolean {
    return at > this.#sliceEnds || this.#limit() === 0;
  }

  /** Half full is soon enough to ask for more. */
  isHungry({ ahead, places, ...when }: Wanted): boolean {
    if (!this.more) return false;
    return (
      this.#waiting.length <= this.#ahead(when.now, ahead) / 2 && this.room({ ahead, places, ...when }) > 0
    );
  }

  /**
   * How many more to claim now: what may start, and on top of it, `ahead` at most, what will be wanted before the next
   * claim is back.
   */
  room({ now, at, ahead, places }: Wanted): number {
    if (!this.more || this.isClosing(at)) return 0;
    const own = Math.min(this.#limit() - this.#inFlight, this.#allowance(now), places(this.receiver));
    return Math.max(0, own + this.#ahead(now, ahead) - this.#waiting.length);
  }

  /**
   * A short body is fetched ahead by the dozen, a transcript of megabytes not at all; nor is anything for an endpoint on
   * probation or one that has not answered yet: of a dead one it would all go back.
   */
  #ahead(now: Date, ahead: number): number {
    if (!this.#answers || this.health.state !== 'closed' || this.isRamping(now)) return 0;
    return Math.max(0, Math.min(ahead, Math.floor(AHEAD_BYTES / this.#bodyBytes) - 1));
  }

  claimed(items: readonly Claimed[], at: number): void {
    if (items.length === 0) return;
    this.#busyAt = at;
    this.#waiting.push(...items);
    const bytes = items.reduce((sum, item) => sum + item.bytes, 0);
    this.#bodyBytes = Math.max(1, bytes / items.length);
  }

  /** The next delivery, if it may start as far as the endpoint goes. */
  next(now: Date, at: number): Claimed | undefined {
    if (this.#waiting.length === 0) return undefined;
    if (this.isClosing(at) || this.#inFlight >= this.#limit() || this.#allowance(now) <= 0) return undefined;
    return this.#waiting[0];
  }

  /** What `next` named is begun. */
  begin(): void {
    this.#waiting.shift();
    this.#inFlight++;
    this.#taken++;
  }

  /**
   * Its owner wants it called again: what the attempts under way will tell is of the time before. What waits does not wait for
   * these: one that hangs would hold it up for as long as it may take.
   */
  enabled(at: Date): void {
    this.health = enabled(at);
    this.#sliceEnds = this.#leaseEnds;
    this.unwritten = false;
    this.#budgetFrom = 0;
    this.#taken = 0;
  }

  /** Those of what waits here that are not wanted. */
  drop(isUnwanted: (claimed: Claimed) => boolean): Claimed[] {
    const dropped = this.#waiting.filter(isUnwanted);
    if (dropped.length > 0) this.#waiting = this.#waiting.filter((claimed) => !isUnwanted(claimed));
    return dropped;
  }

  /** What will not be started under this lease any more. */
  leftOver(at: number, stopped: boolean): Claimed[] {
    return stopped || this.isClosing(at) ? this.#waiting.splice(0) : [];
  }

  /** An attempt has ended: its place is free, and this is what it makes of the endpoint. */
  landed(
    { health, pauseMs, host, tookMs }: Omit<Landed, 'recorded'>,
    { begunAt, now, at }: { begunAt: Date; now: Date; at: number },
  ): void {
    this.#inFlight--;
    this.#unrecorded++;
    this.#busyAt = at;
    if (health === 'success') this.#answers = true;
    if (tookMs !== null) {
      this.#usual.add(tookMs);
      this.host.usual.add(tookMs);
    }
    this.host.landed(host, { begunAt, now });
    const before = this.health;
    this.health = nextHealth(this.health, health, { begunAt, now });
    if (pauseMs !== null && !isOfBefore(this.health, begunAt)) {
      this.health = paused(this.health, new Date(now.getTime() + pauseMs));
      // Given back at once: the next look is at the end of the pause.
      this.close();
    }
    if (this.health === before) return;
    this.unwritten = true;
    if (this.health.rampFrom === before.rampFrom) return;
    this.#budgetFrom = rampBudget(this.health, now) ?? 0;
    this.#taken = 0;
  }

  /** Held back by its slow start. */
  isRamping(now: Date): boolean {
    return rampBudget(this.health, now) !== null;
  }

  recorded(): void {
    this.#unrecorded--;
  }

  /** An attempt that brought nothing to record. */
  lost(): void {
    this.#inFlight--;
  }

  #limit(): number {
    if (this.host.health.state === 'open' && this.#usual.quick !== true) return 0;
    switch (this.health.state) {
      case 'closed':
        return this.#concurrency;
      case 'half_open':
        return 1;
      case 'open':
      case 'disabled':
        return 0;
      default:
        return this.health.state satisfies never;
    }
  }

  /** One at once, then as the slow start allows. */
  #allowance(now: Date): number {
    const budget = rampBudget(this.health, now);
    if (budget === null) return Number.POSITIVE_INFINITY;
    return Math.floor(1 + budget - this.#budgetFrom) - this.#taken;
  }
}

/** At what time, how many deliveries to have ready, and how many may begin at a receiver as far as others go. */
export type Wanted = { now: Date; at: number; ahead: number; places: (receiver: Receiver) => number };

/** How many deliveries to take along with an endpoint that is being claimed. */
export function firstRoom(health: EndpointHealth, now: Date, concurrency: number): number {
  return health.state === 'closed' && rampBudget(health, now) === null ? concurrency : 1;
}
