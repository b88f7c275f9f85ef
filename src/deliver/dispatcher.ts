// Which attempt starts when. It leases due endpoints, keeps up to `concurrency` attempts of each in flight, records
// answers in batches, and gives an endpoint back when nothing of it is due or its slice is over.
//
// Two loops, each one statement at a time: `#claiming` takes work, `#recording` writes answers. Batches form by
// themselves: while one statement runs, the next collects. A place (capacity.ts: who may have one) is free when its answer
// is there, but nothing is begun while very many answers are not on record yet: what is unrecorded cannot pile up.
import { setImmediate as tick } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Bell } from '../bell.ts';
import type {
  Claimed,
  ClaimOptions,
  ClaimResult,
  HostChoice,
  Lease,
  LeasedEndpoint,
  Recorded,
  RecordedHealths,
  Told,
} from '../store/leases.ts';
import { isOfOneRow } from '../store/one-row.ts';
import type { Landed } from './attempt.ts';
import { CalledOff } from './called-off.ts';
import { Capacity, type Place, type Receiver } from './capacity.ts';
import { firstRoom, HeldEndpoint, type Wanted } from './held.ts';
import { Hosts } from './hosts.ts';
import { smaller } from './refused-record.ts';

export type DispatcherStore = {
  claimEndpoints(options: ClaimOptions): Promise<ClaimResult>;
  claimDeliveries(wanted: readonly (Lease & { room: number })[]): Promise<Claimed[]>;
  record(batch: readonly Recorded[], healths: RecordedHealths): Promise<unknown>;
  handBack(unsent: readonly Claimed[]): Promise<void>;
  releaseEndpoints(leases: readonly Lease[]): Promise<void>;
};

export type DispatcherOptions = {
  store: DispatcherStore;
  /**
   * One attempt; resolves for every far-end failure, with null when nothing was sent, as its owner wants it no more; rejects
   * only on a bug. `isWanted` is asked last of all.
   */
  send: (claimed: Claimed, signal: AbortSignal, isWanted: () => boolean) => Promise<Landed | null>;
  /** Attempts in flight per endpoint. */
  concurrency: number;
  /** Requests at a time in this process, and bytes of their bodies. */
  places: number;
  bytes: number;
  /** Longest one attempt may take. */
  attemptMs: number;
  log: Logger;
};

/** Polling is the safety net; what is told wakes the loop at once. */
const POLL_MS = 500;
const BATCH = 200;
/** Answers not on record, beyond which nothing is begun. */
const MOST_UNRECORDED = 512;
/** Endpoints taken by one claim. */
const ENDPOINTS = 64;
/**
 * Deliveries claimed ahead of time, of all endpoints and of one. A crash leaves as many attempts on record as `unknown`
 * that never began; in return a claim is of 100 rows and not of 10, whose statement costs the database twice as much a row.
 */
const AHEAD = 640;
const AHEAD_OF_ONE = 64;
/** An endpoint that has come due goes before those that have waited for so long; of so many the earliest are forgotten. */
const TOLD_MS = 30_000;
const MOST_TOLD = 1_000;
/** From one record to the next, unless a batch is full: while answers pour in, those of so long share a statement and a commit. */
const RECORD_MS = 10;
/** While a slow start holds deliveries back, the loop looks this often. */
const RAMP_TICK_MS = 20;
/** Between the end of an attempt and its record, and for clocks that run apart. */
const MARGIN_MS = 10_000;

/** An attempt begun at the very end of a slice is over, and recorded, before the lease is. */
export function leaseTimes(attemptMs: number): { leaseMs: number; sliceMs: number } {
  const sliceMs = Math.max(5_000, attemptMs);
  return { sliceMs, leaseMs: sliceMs + attemptMs + MARGIN_MS };
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #leaseMs: number;
  readonly #sliceMs: number;
  readonly #held = new Map<string, HeldEndpoint>();
  readonly #unrecorded: Landed[] = [];
  /** Claimed ahead, never to be sent by us, not yet handed back. */
  #unsent: Claimed[] = [];
  /** The database's time at a moment of ours (performance.now): our wall clock may be wrong, or step. */
  #clock = { database: Date.now(), at: performance.now() };
  readonly #stopping = new AbortController();
  readonly #cutOff = new AbortController();
  /** Attempts begun and not yet on record. */
  #open = 0;
  #look = true;
  /** Endpoints that have come due and were not had yet, and until when they go first (performance.now). */
  readonly #told = new Map<string, number>();
  readonly #calledOff = new CalledOff();
  /** Hosts and accounts that the last look passed over because they had as much under way as they may. */
  #passedOver: ReadonlySet<string> = new Set();
  /** Hosts at which something claimed could not begin for want of a place there; and whether any place was wanted. */
  readonly #starvedHosts = new Set<string>();
  #starved = false;
  readonly #hosts = new Hosts();
  readonly #capacity: Capacity;
  readonly #places = (receiver: Receiver) => this.#capacity.room(receiver);
  /** When a retry that we recorded ourselves falls due (performance.now); polling would find it up to POLL_MS late. */
  #soonest = Number.POSITIVE_INFINITY;
  /** When due endpoints were last looked for. */
  #looked = Number.NEGATIVE_INFINITY;
  readonly #claimBell = new Bell();
  readonly #recordBell = new Bell();
  #loops: Promise<unknown> = Promise.resolve();

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#capacity = new Capacity({ ...options, now: () => performance.now() });
    ({ leaseMs: this.#leaseMs, sliceMs: this.#sliceMs } = leaseTimes(options.attemptMs));
  }

  start(): void {
    this.#loops = Promise.all([this.#claiming(), this.#recording()]);
  }

  /** The owner disabled it: nothing more is begun, and what was claimed ahead goes back. */
  letGo(endpointId: string): void {
    this.#held.get(endpointId)?.close();
    this.#claimBell.ring();
  }

  /** The owner enabled it, at this time of the database: what attempts begun before will tell counts no more. */
  enabled(endpointId: string, hostId: string, at: Date): void {
    this.#held.get(endpointId)?.enabled(at);
    this.#hosts.triedAgain(hostId, at);
  }

  /** It is not begun any more. One that is begun ends as it ends. */
  callOff(endpointId: string, deliveryId: string): void {
    this.#calledOff.add(deliveryId, performance.now());
    const held = this.#held.get(endpointId);
    if (!held) return;
    this.#unsent.push(...held.drop((claimed) => claimed.id === deliveryId));
    this.#claimBell.ring();
  }

  isWantedAgain(deliveryId: string): void {
    this.#calledOff.forget(deliveryId);
  }

  /** News may not have been heard: what was claimed ahead is given back, and claimed again where it is still wanted. */
  recheck(): void {
    for (const held of this.#held.values()) this.#unsent.push(...held.drop(() => true));
    this.wake();
  }

  /** Something may be due: at this endpoint, or nobody says where. */
  wake(endpointId: string | null = null): void {
    if (endpointId === null) this.#lookEverywhere();
    else {
      const held = this.#held.get(endpointId);
      if (held) held.more = true;
      else {
        this.#told.set(endpointId, performance.now() + TOLD_MS);
        this.#look = true;
      }
    }
    this.#claimBell.ring();
  }

  #lookEverywhere(): void {
    this.#look = true;
    for (const held of this.#held.values()) held.more = true;
  }

  /** Claims nothing more; running attempts have `graceMs` to finish, then they are cut off and handed back. */
  async stop(graceMs: number): Promise<void> {
    const { log, attemptMs } = this.#options;
    this.#stopping.abort();
    this.#claimBell.ring();
    const callbacks = this.#capacity.open;
    if (callbacks > 0)
      log.info(
        { callbacks, seconds: Math.ceil(Math.min(graceMs, attemptMs) / 1_000) },
        'waiting for the answers of callbacks under way, so long at most',
      );
    const cutOff = setTimeout(() => {
      log.warn(
        { callbacks: this.#capacity.open },
        'callbacks without an answer yet are cut off: each goes out once more at the next start, with the same webhook-id',
      );
      this.#cutOff.abort();
    }, graceMs);
    await this.#loops;
    clearTimeout(cutOff);
  }

  /** Whether more may begin at all. */
  get #isOpen(): boolean {
    return this.#capacity.open < this.#options.places && this.#open - this.#capacity.open < MOST_UNRECORDED;
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #claiming(): Promise<void> {
    const isOver = () => this.#stopped && this.#held.size === 0;
    while (!isOver()) {
      try {
        if (!this.#stopped) await this.#claim();
        await this.#release();
      } catch (error) {
        this.#options.log.warn({ err: error }, 'could not claim or give back deliveries');
        // Stopping without a database: the leases run out by themselves.
        if (this.#cutOff.signal.aborted) this.#held.clear();
      }
      if (!isOver() && !this.#canClaim()) await this.#pause();
    }
    this.#recordBell.ring();
  }

  /** The database's time, now. */
  #now(): Date {
    return new Date(this.#clock.database + performance.now() - this.#clock.at);
  }

  /** Whether another claim right now could bring anything. */
  #canClaim(): boolean {
    if (this.#stopped || !this.#isOpen) return false;
    if (this.#look) return true;
    const wanted = this.#wanted();
    for (const held of this.#held.values()) if (held.isHungry(wanted)) return true;
    return false;
  }

  #wanted(): Wanted {
    return {
      now: this.#now(),
      at: performance.now(),
      // A share for each.
      ahead: Math.min(AHEAD_OF_ONE, Math.floor(AHEAD / this.#held.size)),
      places: this.#places,
    };
  }

  async #pause(): Promise<void> {
    const at = performance.now();
    const now = this.#now();
    const ramping = this.#held.values().some((held) => held.isRamping(now));
    await this.#claimBell.rung(Math.min(ramping ? RAMP_TICK_MS : POLL_MS, Math.max(0, this.#soonest - at)));
    // Whatever else this turn of the event loop brings: answers come by the dozen, and one look serves them all.
    await tick();
    this.#starved = false;
    this.#starvedHosts.clear();
    for (const held of this.#held.values()) this.#launch(held);
    const since = performance.now();
    if (since < this.#soonest && since - this.#looked < POLL_MS) return;
    this.#soonest = Number.POSITIVE_INFINITY;
    this.#lookEverywhere();
  }

  async #claim(): Promise<void> {
    const { store } = this.#options;
    const when = this.#wanted();
    const wanted: (Lease & { room: number; held: HeldEndpoint })[] = [];
    // One that is hungry makes a claim; all the others fill up with it.
    if (this.#held.values().some((held) => held.isHungry(when)))
      for (const held of this.#held.values()) {
        const room = held.room(when);
        if (room === 0) continue;
        wanted.push({ endpointId: held.id, token: held.token, room, held });
        held.more = false;
      }
    if (wanted.length > 0) {
      const claimed = await store.claimDeliveries(wanted.map(({ held: _, ...lease }) => lease));
      const byEndpoint = Map.groupBy(claimed, (item) => item.endpointId);
      for (const { held, room } of wanted) this.#take(held, byEndpoint.get(held.id) ?? [], room);
    }
    if (this.#look && this.#isOpen) await this.#claimEndpoints();
  }

  #take(held: HeldEndpoint, claimed: readonly Claimed[], room: number): void {
    const isWanted = ({ id }: Claimed) => !this.#calledOff.has(id);
    held.claimed(claimed.filter(isWanted), performance.now());
    // Called off while the answer to its claim was on its way.
    this.#unsent.push(...claimed.filter((one) => !isWanted(one)));
    // A full answer means there may be more.
    if (claimed.length >= room) held.more = true;
    this.#launch(held);
  }

  async #claimEndpoints(): Promise<void> {
    const { store, concurrency } = this.#options;
    this.#look = false;
    const at = performance.now();
    this.#looked = at;
    const roomOf = (leased: LeasedEndpoint, claimedAt: Date) =>
      firstRoom(leased.health, claimedAt, concurrency);
    const { now, leases, claimed } = await store.claimEndpoints({
      endpoints: ENDPOINTS,
      room: roomOf,
      leaseMs: this.#leaseMs,
      told: this.#toldOf(at),
      hosts: this.#choice(),
    });
    if (now === null) return;
    for (const { endpointId } of leases) this.#told.delete(endpointId);
    if (leases.length >= ENDPOINTS) this.#look = true;
    this.#clock = { database: now.getTime(), at };
    const byEndpoint = Map.groupBy(claimed, (item) => item.endpointId);
    for (const leased of leases) {
      const host = this.#hosts.of(leased);
      const usual = this.#hosts.usualOf(leased.endpointId);
      const held = new HeldEndpoint({
        leased,
        host,
        usual,
        now,
        at,
        sliceEnds: at + this.#sliceMs,
        concurrency,
      });
      this.#held.set(held.id, held);
      this.#take(held, byEndpoint.get(held.id) ?? [], roomOf(leased, now));
    }
  }

  /** The latest, as many as one look may take. */
  #toldOf(at: number): Told[] {
    for (const [id, until] of this.#told) {
      if (until > at && this.#told.size <= MOST_TOLD) break;
      this.#told.delete(id);
    }
    const latest = [...this.#told.keys()].slice(-ENDPOINTS);
    return latest.map((endpointId) => ({ endpointId, isQuick: this.#hosts.isQuick(endpointId) }));
  }

  /** Where a look for due endpoints is of use, and where first. */
  #choice(): HostChoice {
    const fullAccounts = this.#capacity.fullAccounts();
    const passedOver = new Set(fullAccounts);
    const full: string[] = [];
    for (const host of this.#hosts) {
      // Not due, or left out with its account.
      const isLeftOut = passedOver.has(host.accountId) && host.usual.quick !== true;
      if (host.health.state === 'open' || isLeftOut) continue;
      if (this.#capacity.isFull(host)) full.push(host.id);
    }
    for (const id of full) passedOver.add(id);
    this.#passedOver = passedOver;
    return { quick: this.#hosts.quick(), full, fullAccounts };
  }

  /** What fails here is tried again next time round: a lease that is merely forgotten costs its endpoint the rest of it. */
  async #release(): Promise<void> {
    const at = performance.now();
    const all = [...this.#held.values()];
    this.#unsent.push(...all.flatMap((held) => held.leftOver(at, this.#stopped)));
    await this.#handBack();
    const over = all.filter((held) => held.open === 0 && (this.#stopped || held.isOver(at)));
    if (over.length === 0) return;
    await this.#options.store.releaseEndpoints(over.map(({ id, token }) => ({ endpointId: id, token })));
    for (const { id } of over) this.#held.delete(id);
    // Its time is over, its deliveries may still be due: the poll would find them half a second later.
    if (over.some((held) => held.isClosing(at))) this.#look = true;
  }

  /** More may be called off meanwhile. */
  async #handBack(): Promise<void> {
    const batch = this.#unsent;
    if (batch.length === 0) return;
    this.#unsent = [];
    try {
      await this.#options.store.handBack(batch);
    } catch (error) {
      this.#unsent.push(...batch);
      throw error;
    }
  }

  /** Starts what may start of an endpoint. */
  #launch(held: HeldEndpoint): void {
    const [now, at] = [this.#now(), performance.now()];
    while (!this.#stopped) {
      const claimed = held.next(now, at);
      if (!claimed) return;
      // Small bodies are here already, and bounded by the places.
      const bytes = claimed.body === null ? claimed.bytes : 0;
      const place = this.#isOpen ? this.#capacity.take(held.receiver, bytes) : 'pool';
      if (place === 'pool') this.#starved = true;
      if (place === 'host') this.#starvedHosts.add(held.host.id);
      if (typeof place === 'string') return;
      held.begin();
      this.#send(held, claimed, place);
    }
  }

  #send(held: HeldEndpoint, claimed: Claimed, place: Place): void {
    this.#open++;
    const begunAt = this.#now();
    const isWanted = () => !this.#calledOff.has(claimed.id);
    this.#options.send(claimed, this.#cutOff.signal, isWanted).then(
      (landed) => {
        this.#leave(place);
        if (!landed) {
          this.#unsent.push(claimed);
          return this.#forget(held);
        }
        this.#unrecorded.push(landed);
        held.landed(landed, { begunAt, now: this.#now(), at: performance.now() });
        this.#launch(held);
        if (this.#unrecorded.length === 1 || !this.#awaitsCompany()) this.#recordBell.ring();
        if (this.#wantsAttention(held)) this.#claimBell.ring();
      },
      (error: unknown) => {
        // A bug in building or judging the attempt: it stays claimed, and the reminder puts it back.
        this.#options.log.error({ err: error, delivery: claimed.id }, 'attempt failed inside Ringback');
        this.#leave(place);
        this.#forget(held);
      },
    );
  }

  /** An attempt has ended: whoever was passed over for want of its place is looked at again. */
  #leave(place: Place): void {
    this.#capacity.give(place);
    const { host } = place;
    const wasPassedOver = this.#passedOver.has(host.id) || this.#passedOver.has(host.accountId);
    if (wasPassedOver) this.#look = true;
    if (wasPassedOver || this.#starved || this.#starvedHosts.has(host.id)) this.#claimBell.ring();
  }

  /** There is nothing to record. */
  #forget(held: HeldEndpoint): void {
    this.#open--;
    held.lost();
    this.#claimBell.ring();
  }

  async #recording(): Promise<void> {
    let since = Number.NEGATIVE_INFINITY;
    for (;;) {
      if (this.#unrecorded.length === 0) {
        if (this.#stopped && this.#held.size === 0 && this.#open === 0) return;
        await this.#recordBell.rung();
        await tick();
        continue;
      }
      const early = since + RECORD_MS - performance.now();
      if (early > 0 && this.#awaitsCompany()) {
        await this.#recordBell.rung(early);
        continue;
      }
      since = performance.now();
      const batch = this.#unrecorded.splice(0, BATCH);
      await this.#record(
        batch.map((landed) => landed.recorded),
        this.#unwrittenHealths(),
      );
      for (const { recorded } of batch) {
        const { waitMs } = recorded.next;
        if (waitMs !== null) this.#soonest = Math.min(this.#soonest, performance.now() + waitMs + 1);
        this.#open--;
        this.#held.get(recorded.endpointId)?.recorded();
      }
      this.#claimBell.ring();
    }
  }

  /** Answers may wait for others: they would not fill a batch, and nothing waits for them. */
  #awaitsCompany(): boolean {
    return !this.#stopped && this.#unrecorded.length < BATCH && this.#isOpen;
  }

  /** Whether the claiming loop has something to do for this endpoint now. */
  #wantsAttention(held: HeldEndpoint): boolean {
    return held.isOver(performance.now()) || held.isHungry(this.#wanted());
  }

  #unwrittenHealths(): RecordedHealths {
    const changed = [...this.#held.values()].filter((held) => held.unwritten);
    for (const held of changed) held.unwritten = false;
    const endpoints = changed.map(({ id, token, health }) => ({ endpointId: id, token, health }));
    return { endpoints, hosts: this.#hosts.takeUnwritten() };
  }

  /** An answer in hand is never dropped: it is written when the database is back, or, when we must stop, put back by the next holder. */
  async #record(batch: readonly Recorded[], healths: RecordedHealths): Promise<void> {
    for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
      try {
        await this.#options.store.record(batch, healths);
        return;
      } catch (error) {
        this.#options.log.warn({ err: error, attempts: batch.length }, 'could not record attempts');
        const parts = isOfOneRow(error) ? smaller(batch) : [];
        if (parts.length > 0) {
          for (const part of parts) await this.#record(part, healths);
          return;
        }
        if (this.#cutOff.signal.aborted) return;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }
}
