// Which attempt starts when. It leases due endpoints, keeps up to `concurrency` attempts of each in flight, records
// answers in batches, and gives an endpoint back when nothing of it is due or its slice is over.
//
// Two loops, each one statement at a time: `#claiming` takes work, `#recording` writes answers. Batches form by
// themselves: while one statement runs, the next collects. A place is free when its answer is there, but of attempts begun
// and not on record there are never more than twice the slots: what is unrecorded cannot pile up.
import { setImmediate as tick } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Bell } from '../bell.ts';
import type { Claimed, ClaimOptions, ClaimResult, Lease, Recorded, RecordedHealth } from '../store/leases.ts';
import type { Landed } from './attempt.ts';
import { firstRoom, HeldEndpoint } from './held.ts';

export type DispatcherStore = {
  claimEndpoints(options: ClaimOptions): Promise<ClaimResult>;
  claimDeliveries(wanted: readonly (Lease & { room: number })[]): Promise<Claimed[]>;
  record(batch: readonly Recorded[], healths: readonly RecordedHealth[]): Promise<unknown>;
  handBack(unsent: readonly Claimed[]): Promise<void>;
  releaseEndpoints(leases: readonly Lease[]): Promise<void>;
};

export type DispatcherOptions = {
  store: DispatcherStore;
  /** One attempt; resolves for every far-end failure, rejects only on a bug. */
  send: (claimed: Claimed, signal: AbortSignal) => Promise<Landed>;
  /** Attempts in flight per endpoint. */
  concurrency: number;
  /** Requests at a time in this process. */
  slots: number;
  /** Longest one attempt may take. */
  attemptMs: number;
  log: Logger;
};

/** Polling is the safety net; a NOTIFY wakes the loop at once. */
const POLL_MS = 500;
const BATCH = 200;
/**
 * Deliveries claimed ahead of time, of all endpoints and of one. A crash leaves as many attempts on record as `unknown`
 * that never began; in return a claim is of 100 rows and not of 10, whose statement costs the database twice as much a row.
 */
const AHEAD = 640;
const AHEAD_OF_ONE = 64;
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
  /** Requests under way. */
  #sending = 0;
  /** Attempts begun and not yet on record. */
  #open = 0;
  #look = true;
  /** When a retry that we recorded ourselves falls due (performance.now); polling would find it up to POLL_MS late. */
  #soonest = Number.POSITIVE_INFINITY;
  /** When due endpoints were last looked for. */
  #looked = Number.NEGATIVE_INFINITY;
  readonly #claimBell = new Bell();
  readonly #recordBell = new Bell();
  #loops: Promise<unknown> = Promise.resolve();

  constructor(options: DispatcherOptions) {
    this.#options = options;
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

  /** Something may be due. */
  wake(): void {
    this.#look = true;
    for (const held of this.#held.values()) held.more = true;
    this.#claimBell.ring();
  }

  /** Claims nothing more; running attempts have `graceMs` to finish, then they are cut off and handed back. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    this.#claimBell.ring();
    const cutOff = setTimeout(() => this.#cutOff.abort(), graceMs);
    await this.#loops;
    clearTimeout(cutOff);
  }

  /** How many more may begin. */
  get #free(): number {
    const { slots } = this.#options;
    return Math.max(0, Math.min(slots - this.#sending, 2 * slots - this.#open));
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
    if (this.#stopped || this.#free === 0) return false;
    const [now, at] = [this.#now(), performance.now()];
    const ahead = this.#ahead();
    return this.#look || [...this.#held.values()].some((held) => held.isHungry(now, at, ahead));
  }

  /** Deliveries to have ready of each endpoint: a share for each. */
  #ahead(): number {
    return Math.min(AHEAD_OF_ONE, Math.floor(AHEAD / this.#held.size));
  }

  async #pause(): Promise<void> {
    const at = performance.now();
    const ramping = [...this.#held.values()].some((held) => held.isRamping(this.#now()));
    await this.#claimBell.rung(Math.min(ramping ? RAMP_TICK_MS : POLL_MS, Math.max(0, this.#soonest - at)));
    // Whatever else this turn of the event loop brings: answers come by the dozen, and one look serves them all.
    await tick();
    for (const held of this.#held.values()) this.#launch(held);
    const since = performance.now();
    if (since < this.#soonest && since - this.#looked < POLL_MS) return;
    this.#soonest = Number.POSITIVE_INFINITY;
    this.#look = true;
    for (const held of this.#held.values()) held.more = true;
  }

  async #claim(): Promise<void> {
    const { store } = this.#options;
    const [now, at, ahead] = [this.#now(), performance.now(), this.#ahead()];
    const all = [...this.#held.values()];
    const wanted: (Lease & { room: number; held: HeldEndpoint })[] = [];
    // One that is hungry makes a claim; all the others fill up with it.
    if (all.some((held) => held.isHungry(now, at, ahead)))
      for (const held of all) {
        const room = held.room(now, at, ahead);
        if (room === 0) continue;
        wanted.push({ endpointId: held.id, token: held.token, room, held });
        held.more = false;
      }
    if (wanted.length > 0) {
      const claimed = await store.claimDeliveries(wanted.map(({ held: _, ...lease }) => lease));
      const byEndpoint = Map.groupBy(claimed, (item) => item.endpointId);
      for (const { held, room } of wanted) this.#take(held, byEndpoint.get(held.id) ?? [], room);
    }
    if (this.#look && this.#free > 0) await this.#claimEndpoints(this.#free);
  }

  #take(held: HeldEndpoint, claimed: readonly Claimed[], room: number): void {
    held.claimed(claimed);
    // A full answer means there may be more.
    if (claimed.length >= room) held.more = true;
    this.#launch(held);
  }

  async #claimEndpoints(free: number): Promise<void> {
    const { store, concurrency } = this.#options;
    this.#look = false;
    const endpoints = Math.max(1, Math.floor(free / concurrency));
    const at = performance.now();
    this.#looked = at;
    const { now, leases, claimed } = await store.claimEndpoints({
      endpoints,
      room: (health, claimedAt) => firstRoom(health, claimedAt, concurrency),
      leaseMs: this.#leaseMs,
    });
    if (now === null) return;
    if (leases.length === endpoints) this.#look = true;
    this.#clock = { database: now.getTime(), at };
    const byEndpoint = Map.groupBy(claimed, (item) => item.endpointId);
    for (const leased of leases) {
      const held = new HeldEndpoint({ leased, now, sliceEnds: at + this.#sliceMs, concurrency });
      this.#held.set(held.id, held);
      this.#take(held, byEndpoint.get(held.id) ?? [], firstRoom(held.health, now, concurrency));
    }
  }

  /** What fails here is tried again next time round: a lease that is merely forgotten costs its endpoint the rest of it. */
  async #release(): Promise<void> {
    const at = performance.now();
    const all = [...this.#held.values()];
    this.#unsent.push(...all.flatMap((held) => held.leftOver(at, this.#stopped)));
    if (this.#unsent.length > 0) await this.#options.store.handBack(this.#unsent);
    this.#unsent = [];
    const over = all.filter((held) => held.open === 0 && (this.#stopped || held.isOver(at)));
    if (over.length === 0) return;
    await this.#options.store.releaseEndpoints(over.map(({ id, token }) => ({ endpointId: id, token })));
    for (const { id } of over) this.#held.delete(id);
    // Its time is over, its deliveries may still be due: the poll would find them half a second later.
    if (over.some((held) => held.isClosing(at))) this.#look = true;
  }

  /** Starts what may start of an endpoint. */
  #launch(held: HeldEndpoint): void {
    const [now, at] = [this.#now(), performance.now()];
    while (!this.#stopped && this.#free > 0) {
      const claimed = held.next(now, at);
      if (!claimed) return;
      this.#send(claimed);
    }
  }

  #send(claimed: Claimed): void {
    this.#sending++;
    this.#open++;
    this.#options.send(claimed, this.#cutOff.signal).then(
      (landed) => {
        const wasFull = this.#free === 0;
        this.#sending--;
        this.#unrecorded.push(landed);
        const held = this.#held.get(claimed.endpointId);
        held?.landed(landed, this.#now());
        if (held) this.#launch(held);
        if (this.#unrecorded.length === 1 || !this.#awaitsCompany()) this.#recordBell.ring();
        // What was full may have kept another endpoint waiting.
        if (wasFull || !held || this.#wantsAttention(held)) this.#claimBell.ring();
      },
      (error: unknown) => {
        // A bug in building or judging the attempt: it stays claimed, and the reminder puts it back.
        this.#options.log.error({ err: error, delivery: claimed.id }, 'attempt failed inside Ringback');
        this.#sending--;
        this.#open--;
        this.#held.get(claimed.endpointId)?.lost();
        this.#claimBell.ring();
      },
    );
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
    return !this.#stopped && this.#unrecorded.length < BATCH && this.#free > 0;
  }

  /** Whether the claiming loop has something to do for this endpoint now. */
  #wantsAttention(held: HeldEndpoint): boolean {
    const at = performance.now();
    return held.isOver(at) || held.isHungry(this.#now(), at, this.#ahead());
  }

  #unwrittenHealths(): RecordedHealth[] {
    const changed = [...this.#held.values()].filter((held) => held.unwritten);
    for (const held of changed) held.unwritten = false;
    return changed.map(({ id, token, health }) => ({ endpointId: id, token, health }));
  }

  /** An answer in hand is never dropped: it is written when the database is back, or, when we must stop, put back by the next holder. */
  async #record(batch: readonly Recorded[], healths: readonly RecordedHealth[]): Promise<void> {
    for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
      try {
        await this.#options.store.record(batch, healths);
        return;
      } catch (error) {
        this.#options.log.warn({ err: error, attempts: batch.length }, 'could not record attempts');
        if (this.#cutOff.signal.aborted) return;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }
}
