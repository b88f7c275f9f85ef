// Which attempt starts when. It leases due endpoints, keeps up to `concurrency` attempts of each in flight, records
// answers in batches, and gives an endpoint back when nothing of it is due or its slice is over.
//
// Two loops, each one statement at a time: `#claiming` takes work, `#recording` writes answers. Batches form by
// themselves: while one statement runs, the next collects. An endpoint's place is free when its answer is there, a slot
// of the process only when the answer is recorded: what is unrecorded can never pile up.
import { setImmediate as tick } from 'node:timers/promises';
import type { Logger } from 'pino';
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
  /** Attempts in flight in this process. */
  slots: number;
  /** Longest one attempt may take. */
  attemptMs: number;
  log: Logger;
};

/** Polling is the safety net; a NOTIFY wakes the loop at once. */
const POLL_MS = 500;
const BATCH = 200;
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
  #inFlight = 0;
  #look = true;
  /** When a retry that we recorded ourselves falls due (performance.now); polling would find it up to POLL_MS late. */
  #soonest = Number.POSITIVE_INFINITY;
  /** When due endpoints were last looked for. */
  #looked = Number.NEGATIVE_INFINITY;
  #wakeClaiming: () => void = () => {};
  #wakeRecording: () => void = () => {};
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
    this.#wakeClaiming();
  }

  /** Something may be due. */
  wake(): void {
    this.#look = true;
    for (const held of this.#held.values()) held.more = true;
    this.#wakeClaiming();
  }

  /** Attempts in flight at this moment. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Claims nothing more; running attempts have `graceMs` to finish, then they are cut off and handed back. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    this.#wakeClaiming();
    const cutOff = setTimeout(() => this.#cutOff.abort(), graceMs);
    await this.#loops;
    clearTimeout(cutOff);
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #claiming(): Promise<void> {
    while (!this.#stopped || this.#held.size > 0) {
      const woken = new Promise<void>((resolve) => {
        this.#wakeClaiming = resolve;
      });
      try {
        if (!this.#stopped) await this.#claim();
        await this.#release();
      } catch (error) {
        this.#options.log.warn({ err: error }, 'could not claim or give back deliveries');
        // Stopping without a database: the leases run out by themselves.
        if (this.#cutOff.signal.aborted) this.#held.clear();
      }
      if (!this.#canClaim()) await this.#pause(woken);
    }
    this.#wakeRecording();
  }

  /** The database's time, now. */
  #now(): Date {
    return new Date(this.#clock.database + performance.now() - this.#clock.at);
  }

  /** Whether another claim right now could bring anything. */
  #canClaim(): boolean {
    if (this.#stopped || this.#inFlight >= this.#options.slots) return false;
    const [now, at] = [this.#now(), performance.now()];
    return this.#look || [...this.#held.values()].some((held) => held.appetite(now, at) > 0);
  }

  async #pause(woken: Promise<void>): Promise<void> {
    const { promise: slept, resolve } = Promise.withResolvers<void>();
    const at = performance.now();
    const ramping = [...this.#held.values()].some((held) => held.isRamping(this.#now()));
    const wait = Math.min(ramping ? RAMP_TICK_MS : POLL_MS, Math.max(0, this.#soonest - at));
    const timer = setTimeout(resolve, wait);
    await Promise.race([woken, slept]);
    clearTimeout(timer);
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
    const { store, slots } = this.#options;
    let free = slots - this.#inFlight;
    const [now, at] = [this.#now(), performance.now()];
    const wanted: (Lease & { room: number; held: HeldEndpoint })[] = [];
    for (const held of this.#held.values()) {
      const room = Math.min(held.appetite(now, at), free);
      if (room <= 0) continue;
      wanted.push({ endpointId: held.id, token: held.token, room, held });
      held.more = false;
      free -= room;
    }
    if (wanted.length > 0) {
      const claimed = await store.claimDeliveries(wanted.map(({ held: _, ...lease }) => lease));
      const byEndpoint = Map.groupBy(claimed, (item) => item.endpointId);
      for (const { held, room } of wanted) this.#take(held, byEndpoint.get(held.id) ?? [], room);
    }
    if (this.#look && free > 0) await this.#claimEndpoints(free);
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
  }

  /** Starts what may start of an endpoint. */
  #launch(held: HeldEndpoint): void {
    const [now, at] = [this.#now(), performance.now()];
    while (!this.#stopped && this.#inFlight < this.#options.slots) {
      const claimed = held.next(now, at);
      if (!claimed) return;
      this.#send(claimed);
    }
  }

  #send(claimed: Claimed): void {
    this.#inFlight++;
    this.#options.send(claimed, this.#cutOff.signal).then(
      (landed) => {
        this.#unrecorded.push(landed);
        const held = this.#held.get(claimed.endpointId);
        held?.landed(landed, this.#now());
        if (held) this.#launch(held);
        this.#wakeRecording();
        this.#wakeClaiming();
      },
      (error: unknown) => {
        // A bug in building or judging the attempt: it stays claimed, and the reminder puts it back.
        this.#options.log.error({ err: error, delivery: claimed.id }, 'attempt failed inside Ringback');
        this.#inFlight--;
        this.#held.get(claimed.endpointId)?.lost();
        this.#wakeClaiming();
      },
    );
  }

  async #recording(): Promise<void> {
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        this.#wakeRecording = resolve;
      });
      if (this.#unrecorded.length === 0) {
        if (this.#stopped && this.#held.size === 0 && this.#inFlight === 0) return;
        await woken;
        await tick();
        continue;
      }
      const batch = this.#unrecorded.splice(0, BATCH);
      await this.#record(
        batch.map((landed) => landed.recorded),
        this.#unwrittenHealths(),
      );
      for (const { recorded } of batch) {
        const { waitMs } = recorded.next;
        if (waitMs !== null) this.#soonest = Math.min(this.#soonest, performance.now() + waitMs + 1);
        this.#inFlight--;
        this.#held.get(recorded.endpointId)?.recorded();
      }
      this.#wakeClaiming();
    }
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
