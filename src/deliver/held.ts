// One endpoint in our hands for the time of a lease: how many more of its deliveries may start now.
import type { EndpointHealth } from '../delivery.ts';
import type { LeasedEndpoint } from '../store/leases.ts';
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

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Nothing more to be done under this lease, once nothing is in flight. */
  isOver(at: number): boolean {
    return !this.more || at > this.#sliceEnds || this.#limit() === 0;
  }

  /** How many deliveries may start now. */
  room(now: Date, at: number): number {
    if (this.isOver(at)) return 0;
    return Math.max(0, Math.min(this.#limit() - this.#inFlight, this.#allowance(now)));
  }

  take(): void {
    this.#inFlight++;
    this.#taken++;
  }

  /** An attempt has ended and is being recorded: what it makes of the endpoint. */
  judge({ health, pauseMs }: Pick<Landed, 'health' | 'pauseMs'>, now: Date): void {
    const before = this.health;
    this.health = nextHealth(this.health, health, now);
    if (pauseMs !== null) {
      this.health = paused(this.health, new Date(now.getTime() + pauseMs));
      // Given back at once: the next look is at the end of the pause.
      this.#sliceEnds = 0;
    }
    if (this.health === before) return;
    this.unwritten = true;
    if (this.health.rampFrom === before.rampFrom) return;
    this.#budgetFrom = rampBudget(this.health, now) ?? 0;
    this.#taken = 0;
  }

  landed(): void {
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
