// Who may begin an attempt: fairness among accounts and hosts. (Fairness among the deliveries of one endpoint is its lease's
// affair: held.ts.)
//
// An attempt takes a place, and memory for a large body, until its answer is there. Receivers that are known to answer
// quickly have a part of the places, all others have a part, and those known to be slow or failing a part of that part, so
// that however many of one kind hang, the other kinds find places. An attempt at a quick receiver that is not answered soon
// counts as a slow one from then on. Within each part accounts share by dynamic thresholds (shared-pool.ts). And a host has a limit
// of its own, however many endpoints it has.

import { SharedPool } from '../shared-pool.ts';
import type { Host } from './hosts.ts';
import { QUICK_MS } from './usual-time.ts';

/** What is known of the receiver: quick; nothing yet; that it takes long or has failed. */
export type Lane = 'quick' | 'unproven' | 'slow';

export type Receiver = {
  readonly host: Host;
  readonly lane: Lane;
  /** It is known by its own answers, not by those of others at its host. */
  readonly isQuickItself: boolean;
};

export type Place = {
  readonly host: Host;
  readonly bytes: number;
  /** Milliseconds that only ever go forward. */
  readonly since: number;
  /** What it counts as. */
  lane: Lane;
  /** It counts among those of its host that are not known to be quick themselves. */
  isOther: boolean;
  ended: boolean;
};

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
  /** Bytes of large bodies under way at a time. */
  bytes: number;
  /** Attempts under way per endpoint; limits per host are multiples of it. */
  concurrency: number;
  /** Milliseconds that only ever go forward. */
  now: () => number;
};

/** Of all there is: what quick receivers may have, what all others may have, and of these the slow and failing ones. */
const QUICK = 3 / 4;
const NOT_QUICK = 3 / 4;
const SLOW = 1 / 2;
/** Places looked at that are kept before they are let go together. */
const MOST_LOOKED = 1_024;
/** An attempt at a quick receiver that takes longer than this is one at a slow receiver. */
const OVERDUE_MS = 2 * QUICK_MS;
/** Times the limit of an endpoint: attempts at one host that answers quickly, and that has answered at all. */
const QUICK_HOST = 64;
const KNOWN_HOST = 16;

/** One thing there is only so much of, and the parts of it. */
type Parts = {
  readonly all: SharedPool;
  readonly notQuick: SharedPool;
  /** Those that each kind takes from. */
  readonly of: Record<Lane, readonly SharedPool[]>;
};

function partsOf(size: number): Parts {
  const all = new SharedPool(size);
  const quick = new SharedPool(Math.ceil(size * QUICK));
  const notQuick = new SharedPool(Math.ceil(size * NOT_QUICK));
  const slow = new SharedPool(Math.ceil(size * SLOW));
  return {
    all,
    notQuick,
    of: { quick: [all, quick], unproven: [all, notQuick], slow: [all, notQuick, slow] },
  };
}

function admits(parts: Parts, { host, lane }: Receiver, amount: number): boolean {
  return parts.of[lane].every((pool) => pool.admits(host.accountId, amount));
}

export class Capacity {
  readonly #places: Parts;
  readonly #bytes: Parts;
  readonly #concurrency: number;
  readonly #now: () => number;
  /** Places of quick receivers in the order in which they were taken, and where those begin that are not looked at yet. */
  #quick: Place[] = [];
  #looked = 0;

  constructor({ places, bytes, concurrency, now }: CapacityOptions) {
    this.#places = partsOf(places);
    this.#bytes = partsOf(bytes);
    this.#concurrency = concurrency;
    this.#now = now;
  }

  /** Attempts under way. */
  get open(): number {
    return this.#places.all.used;
  }

  /** How many more attempts may begin at this receiver at this moment, as far as its host and its account go. */
  room(receiver: Receiver): number {
    return admits(this.#places, receiver, 1) ? this.#roomOfHost(receiver) : 0;
  }

  #roomOfHost({ host, isQuickItself }: Receiver): number {
    // Where some paths hang and others answer, it is not the host that hangs.
    if (host.health.state === 'open' && !isQuickItself) return 0;
    if (host.health.state === 'half_open' && !isQuickItself) return Math.max(0, 1 - host.openOthers);
    const all = QUICK_HOST * this.#concurrency - host.open;
    return Math.max(0, isQuickItself ? all : Math.min(all, this.#limitOfOthers(host) - host.openOthers));
  }

  /** What it gives must be given back. */
  take(receiver: Receiver, bytes: number): Place | NoPlace {
    const { host, lane } = receiver;
    this.#moveOverdue();
    if (this.#roomOfHost(receiver) === 0) return 'host';
    if (!admits(this.#places, receiver, 1)) return 'pool';
    if (bytes > 0 && !admits(this.#bytes, receiver, bytes)) return 'pool';
    const isOther = !receiver.isQuickItself;
    const place: Place = { host, bytes, since: this.#now(), lane, isOther, ended: false };
    this.#count(place, 'take');
    host.open++;
    if (isOther) host.openOthers++;
    if (lane === 'quick') this.#quick.push(place);
    return place;
  }

  give(place: Place): void {
    const { host, isOther } = place;
    this.#count(place, 'give');
    place.ended = true;
    host.open--;
    if (isOther) host.openOthers--;
  }

  #count({ host, lane, bytes }: Place, what: 'take' | 'give'): void {
    for (const pool of this.#places.of[lane]) pool[what](host.accountId, 1);
    if (bytes > 0) for (const pool of this.#bytes.of[lane]) pool[what](host.accountId, bytes);
  }

  /** Quick receivers that have not answered soon are slow from now on, whatever they were before. */
  #moveOverdue(): void {
    const border = this.#now() - OVERDUE_MS;
    for (; this.#looked < this.#quick.length; this.#looked++) {
      const place = this.#quick[this.#looked] as Place;
      if (place.ended) continue;
      if (place.since > border) break;
      this.#count(place, 'give');
      place.lane = 'slow';
      this.#count(place, 'take');
      if (!place.isOther) place.host.openOthers++;
      place.isOther = true;
    }
    if (this.#looked < MOST_LOOKED) return;
    this.#quick = this.#quick.slice(this.#looked);
    this.#looked = 0;
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
