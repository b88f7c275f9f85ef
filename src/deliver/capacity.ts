// Who may begin an attempt: fairness among accounts and hosts. (Fairness among the deliveries of one endpoint is its lease's
// affair: held.ts.)
//
// An attempt takes a place, and memory for its body, until its answer is there. Receivers that are known to answer quickly
// may have any place; all others share a part of them, and those known to be slow or failing a part of that part, so that
// however many hang, a quick one always finds a place. Within each part accounts share by dynamic thresholds (pool.ts). And
// a host has a limit of its own, however many endpoints it has.
import type { Host } from './hosts.ts';
import { SharedPool } from './pool.ts';

/** What is known of the receiver: quick; nothing yet; that it takes long or has failed. */
export type Lane = 'quick' | 'unproven' | 'slow';

export type Receiver = {
  readonly host: Host;
  readonly lane: Lane;
  /** It is known by its own answers, not by those of others at its host. */
  readonly isQuickItself: boolean;
};

export type Place = { readonly receiver: Receiver; readonly bytes: number };

/** Whose end may make room: of an attempt at the same host, or of any. */
export type NoPlace = 'host' | 'pool';

/** Of an endpoint that answers as it does (null: nobody knows) at this host. */
export function laneOf(host: Host, isQuickItself: boolean | null): Lane {
  if (host.health.silent > 0) return 'slow';
  const quick = isQuickItself ?? host.usual.quick;
  if (quick === null) return 'unproven';
  return quick ? 'quick' : 'slow';
}

export type CapacityOptions = {
  /** Attempts under way at a time. */
  places: number;
  /** Bytes of bodies under way at a time. */
  bytes: number;
  /** Attempts under way per endpoint; limits per host are multiples of it. */
  concurrency: number;
};

/** Of all there is: what receivers that are not quick may have, and what slow and failing ones may have. */
const NOT_QUICK = 3 / 4;
const SLOW = 1 / 2;
/** Times the limit of an endpoint: attempts at one host that answers quickly, and that has answered at all. */
const QUICK_HOST = 64;
const KNOWN_HOST = 16;

/** One thing there is only so much of, and the parts of it. */
type Parts = { readonly all: SharedPool; readonly notQuick: SharedPool; readonly slow: SharedPool };

function partsOf(size: number): Parts {
  return {
    all: new SharedPool(size),
    notQuick: new SharedPool(Math.ceil(size * NOT_QUICK)),
    slow: new SharedPool(Math.ceil(size * SLOW)),
  };
}

function poolsOf({ all, notQuick, slow }: Parts, lane: Lane): readonly SharedPool[] {
  switch (lane) {
    case 'quick':
      return [all];
    case 'unproven':
      return [all, notQuick];
    case 'slow':
      return [all, notQuick, slow];
    default:
      return lane satisfies never;
  }
}

export class Capacity {
  readonly #places: Parts;
  readonly #bytes: Parts;
  readonly #concurrency: number;

  constructor({ places, bytes, concurrency }: CapacityOptions) {
    this.#places = partsOf(places);
    this.#bytes = partsOf(bytes);
    this.#concurrency = concurrency;
  }

  /** Attempts under way. */
  get open(): number {
    return this.#places.all.used;
  }

  /** How many more attempts may begin at this receiver at this moment, as far as its host and its account go. */
  room(receiver: Receiver): number {
    const { host, lane } = receiver;
    if (!poolsOf(this.#places, lane).every((pool) => pool.admits(host.accountId, 1))) return 0;
    return this.#roomOfHost(receiver);
  }

  #roomOfHost({ host, isQuickItself }: Receiver): number {
    if (host.health.state === 'open') return 0;
    if (host.health.state === 'half_open') return Math.max(0, 1 - host.open);
    const all = QUICK_HOST * this.#concurrency - host.open;
    return Math.max(0, isQuickItself ? all : Math.min(all, this.#limitOfOthers(host) - host.openOthers));
  }

  /** What it gives must be given back. */
  take(receiver: Receiver, bytes: number): Place | NoPlace {
    const { host, lane } = receiver;
    if (this.#roomOfHost(receiver) === 0) return 'host';
    if (this.room(receiver) === 0) return 'pool';
    if (!poolsOf(this.#bytes, lane).every((pool) => pool.admits(host.accountId, bytes))) return 'pool';
    for (const pool of poolsOf(this.#places, lane)) pool.take(host.accountId, 1);
    for (const pool of poolsOf(this.#bytes, lane)) pool.take(host.accountId, bytes);
    host.open++;
    if (!receiver.isQuickItself) host.openOthers++;
    return { receiver, bytes };
  }

  give({ receiver, bytes }: Place): void {
    const { host, lane } = receiver;
    for (const pool of poolsOf(this.#places, lane)) pool.give(host.accountId, 1);
    for (const pool of poolsOf(this.#bytes, lane)) pool.give(host.accountId, bytes);
    host.open--;
    if (!receiver.isQuickItself) host.openOthers--;
  }

  /** Whether none of the host's endpoints could be sent anything, but for those known to be quick themselves. */
  isFull(host: Host): boolean {
    return this.room({ host, lane: laneOf(host, null), isQuickItself: false }) === 0;
  }

  /** Accounts of which only quick receivers may have more. */
  fullAccounts(): string[] {
    return [...this.#places.notQuick.full()];
  }

  /**
   * A host that has not answered yet is sent as much as an endpoint is, while there is plenty; when the account has a good
   * part of its share under way, one at a time, so that hosts nobody has tried find places too.
   */
  #limitOfOthers(host: Host): number {
    if (host.health.silent === 0 && host.answers) return KNOWN_HOST * this.#concurrency;
    return this.#places.notQuick.admits(host.accountId, 4 * this.#places.notQuick.usedBy(host.accountId))
      ? this.#concurrency
      : 1;
  }
}
