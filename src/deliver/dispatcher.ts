// Which attempt starts when. It leases due endpoints, keeps up to `concurrency` attempts of each in flight, records
// answers in batches, and gives an endpoint back when nothing of it is due or its slice is over.
//
// Two loops, each one statement at a time: `#claiming` takes work, `#recording` writes answers. Batches form by
// themselves: while one statement runs, the next collects. An attempt's slot is free only once its answer is recorded,
// so what is unrecorded can never pile up.
import type { Logger } from 'pino';
import type { Claimed, ClaimOptions, Lease, Recorded } from '../store/leases.ts';

export type DispatcherStore = {
  claimEndpoints(options: ClaimOptions): Promise<{ leases: Lease[]; claimed: Claimed[] }>;
  claimDeliveries(wanted: readonly (Lease & { room: number })[]): Promise<Claimed[]>;
  record(batch: readonly Recorded[]): Promise<unknown>;
  releaseEndpoints(leases: readonly Lease[]): Promise<void>;
};

export type DispatcherOptions = {
  store: DispatcherStore;
  /** One attempt; resolves for every far-end failure, rejects only on a bug. */
  send: (claimed: Claimed, signal: AbortSignal) => Promise<Recorded>;
  /** Attempts in flight per endpoint. */
  concurrency: number;
  /** Attempts in flight in this process. */
  slots: number;
  /** Longest one attempt may take. */
  attemptMs: number;
  log: Logger;
};

type Held = {
  lease: Lease;
  /** No claim after this time (performance.now): what starts later could outlive the lease. */
  sliceEnds: number;
  inFlight: number;
  /** More may be due. */
  more: boolean;
};

/** Polling is the safety net; a NOTIFY wakes the loop at once. */
const POLL_MS = 500;
const BATCH = 200;
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
  readonly #held = new Map<string, Held>();
  readonly #unrecorded: Recorded[] = [];
  readonly #stopping = new AbortController();
  readonly #cutOff = new AbortController();
  #inFlight = 0;
  #look = true;
  /** When a retry that we recorded ourselves falls due (performance.now); polling would find it up to POLL_MS late. */
  #soonest = Number.POSITIVE_INFINITY;
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
        this.#options.log.warn({ err: error }, 'could not claim deliveries');
      }
      if (!this.#canClaim()) await this.#pause(woken);
    }
    this.#wakeRecording();
  }

  /** Whether another claim right now could bring anything. */
  #canClaim(): boolean {
    if (this.#stopped || this.#inFlight >= this.#options.slots) return false;
    return this.#look || [...this.#held.values()].some((held) => this.#room(held) > 0);
  }

  async #pause(woken: Promise<void>): Promise<void> {
    const { promise: polled, resolve } = Promise.withResolvers<void>();
    const wait = Math.min(POLL_MS, Math.max(0, this.#soonest - performance.now()));
    const timer = setTimeout(() => {
      this.#soonest = Number.POSITIVE_INFINITY;
      this.#look = true;
      for (const held of this.#held.values()) held.more = true;
      resolve();
    }, wait);
    await Promise.race([woken, polled]);
    clearTimeout(timer);
  }

  #room(held: Held): number {
    if (!held.more || performance.now() > held.sliceEnds) return 0;
    return this.#options.concurrency - held.inFlight;
  }

  async #claim(): Promise<void> {
    const { store, slots, concurrency } = this.#options;
    let free = slots - this.#inFlight;
    const wanted = [];
    for (const held of this.#held.values()) {
      const room = Math.min(this.#room(held), free);
      if (room <= 0) continue;
      wanted.push({ ...held.lease, room });
      held.more = false;
      free -= room;
    }
    if (wanted.length > 0) {
      const claimed = await store.claimDeliveries(wanted);
      for (const { endpointId, room } of wanted) {
        const held = this.#held.get(endpointId);
        // A full answer means there may be more.
        if (held && claimed.filter((item) => item.endpointId === endpointId).length === room)
          held.more = true;
      }
      for (const item of claimed) this.#launch(item);
    }
    if (!this.#look || free <= 0) return;
    this.#look = false;
    const endpoints = Math.max(1, Math.floor(free / concurrency));
    const sliceEnds = performance.now() + this.#sliceMs;
    const { leases, claimed } = await store.claimEndpoints({
      endpoints,
      room: concurrency,
      leaseMs: this.#leaseMs,
    });
    if (leases.length === endpoints) this.#look = true;
    for (const lease of leases)
      this.#held.set(lease.endpointId, { lease, sliceEnds, inFlight: 0, more: false });
    for (const item of claimed) this.#launch(item);
    for (const held of this.#held.values()) if (held.inFlight === concurrency) held.more = true;
  }

  async #release(): Promise<void> {
    const idle = [...this.#held.values()].filter(
      (held) => held.inFlight === 0 && (this.#stopped || this.#room(held) <= 0),
    );
    if (idle.length === 0) return;
    const leases = idle.map((held) => held.lease);
    for (const { endpointId } of leases) this.#held.delete(endpointId);
    await this.#options.store.releaseEndpoints(leases);
  }

  #launch(claimed: Claimed): void {
    const held = this.#held.get(claimed.endpointId);
    if (held) held.inFlight++;
    this.#inFlight++;
    this.#options.send(claimed, this.#cutOff.signal).then(
      (recorded) => {
        this.#unrecorded.push(recorded);
        this.#wakeRecording();
      },
      (error: unknown) => {
        // A bug in building or judging the attempt: it stays claimed, and the end of the lease puts it back.
        this.#options.log.error({ err: error, delivery: claimed.id }, 'attempt failed inside Ringback');
        this.#landed(claimed.endpointId);
      },
    );
  }

  #landed(endpointId: string): void {
    this.#inFlight--;
    const held = this.#held.get(endpointId);
    if (held) held.inFlight--;
    this.#wakeClaiming();
  }

  async #recording(): Promise<void> {
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        this.#wakeRecording = resolve;
      });
      if (this.#unrecorded.length === 0) {
        if (this.#stopped && this.#held.size === 0 && this.#inFlight === 0) return;
        await woken;
        continue;
      }
      const batch = this.#unrecorded.splice(0, BATCH);
      await this.#record(batch);
      for (const { endpointId, next } of batch) {
        const held = this.#held.get(endpointId);
        // A paused endpoint goes back at once: its next look is at the end of the pause.
        if (held && next.pauseEndpointMs !== null) held.sliceEnds = 0;
        if (next.waitMs !== null)
          this.#soonest = Math.min(this.#soonest, performance.now() + next.waitMs + 1);
        this.#landed(endpointId);
      }
    }
  }

  /** An answer in hand is never dropped: it is written when the database is back, or, when we must stop, put back by the next holder. */
  async #record(batch: readonly Recorded[]): Promise<void> {
    for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
      try {
        await this.#options.store.record(batch);
        return;
      } catch (error) {
        this.#options.log.warn({ err: error, attempts: batch.length }, 'could not record attempts');
        if (this.#cutOff.signal.aborted) return;
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }
}
