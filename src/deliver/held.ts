// One endpoint in our hands for the time of a lease: how many more of its deliveries may start now.
import type { EndpointHealth } from '../delivery.ts';
import type { Claimed, LeasedEndpoint } from '../store/leases.ts';
import type { Landed } from './attempt.ts';
import { nextHealth, paused, rampBudget } from './breaker.ts';

type Options = {
  leased: LeasedEndpoint;
  /** The database's time of the claim. */
  now: Date;
  /** No claim after this time (performance.now): what starts later could outlive the lease. */
  sliceEnds: number;
  concurrency: number;
};

/** Bytes of bodies claimed ahead of time, per endpoint. */
const AHEAD_BYTES = 256 * 1_024;

export class HeldEndpoint {
  readonly id: string;
  readonly token: number;
  /** More may be due. */
  more = false;
  health: EndpointHealth;
  /** Changed since it was last written. */
  unwritten = false;
  readonly #concurrency: number;
  #sliceEnds: number;
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

  constructor({ leased, now, sliceEnds, concurrency }: Options) {
    this.id = leased.endpointId;
    this.token = leased.token;
    this.health = leased.health;
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
    return (!this.more && this.#waiting.length === 0) || this.isClosing(at);
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
  isHungry(now: Date, at: number, ahead: number): boolean {
    return this.#waiting.length <= this.#ahead(now, ahead) / 2 && this.room(now, at, ahead) > 0;
  }

  /**
   * How many more to claim now: what may start, and on top of it, `ahead` at most, what will be wanted before the next
   * claim is back.
   */
  room(now: Date, at: number, ahead: number): number {
    if (!this.more || this.isClosing(at)) return 0;
    const places = Math.min(this.#limit() - this.#inFlight, this.#allowance(now));
    return Math.max(0, places + this.#ahead(now, ahead) - this.#waiting.length);
  }

  /**
   * A short body is fetched ahead by the dozen, a transcript of megabytes not at all; nor is anything for an endpoint on
   * probation or one that has not answered yet: of a dead one it would all go back.
   */
  #ahead(now: Date, ahead: number): number {
    if (!this.#answers || this.health.state !== 'closed' || this.isRamping(now)) return 0;
    return Math.max(0, Math.min(ahead, Math.floor(AHEAD_BYTES / this.#bodyBytes) - 1));
  }

  claimed(items: readonly Claimed[]): void {
    this.#waiting.push(...items);
    const bytes = items.reduce((sum, item) => sum + item.body.length, 0);
    if (items.length > 0) this.#bodyBytes = Math.max(1, bytes / items.length);
  }

  /** The next delivery that may start now. */
  next(now: Date, at: number): Claimed | undefined {
    if (this.isClosing(at) || this.#inFlight >= this.#limit() || this.#allowance(now) <= 0) return undefined;
    const item = this.#waiting.shift();
    if (!item) return undefined;
    this.#inFlight++;
    this.#taken++;
    return item;
  }

  /** What will not be started under this lease any more. */
  leftOver(at: number, stopped: boolean): Claimed[] {
    return stopped || this.isClosing(at) ? this.#waiting.splice(0) : [];
  }

  /** An attempt has ended: its place is free, and this is what it makes of the endpoint. */
  landed({ health, pauseMs }: Pick<Landed, 'health' | 'pauseMs'>, now: Date): void {
    this.#inFlight--;
    this.#unrecorded++;
    if (health === 'success') this.#answers = true;
    const before = this.health;
    this.health = nextHealth(this.health, health, now);
    if (pauseMs !== null) {
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

/** How many deliveries to take along with an endpoint that is being claimed. */
export function firstRoom(health: EndpointHealth, now: Date, concurrency: number): number {
  return health.state === 'closed' && rampBudget(health, now) === null ? concurrency : 1;
}
