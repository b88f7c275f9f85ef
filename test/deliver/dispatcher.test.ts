// When the dispatcher claims, sends and records. The store is in memory: the statements themselves are tested against
// PostgreSQL in test/store/leases.test.ts.
import { setTimeout as wait } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import type { Landed } from '../../src/deliver/attempt.ts';
import { Dispatcher, type DispatcherStore } from '../../src/deliver/dispatcher.ts';
import type { Claimed, HostChoice } from '../../src/store/leases.ts';
import { eventually } from '../rig/eventually.ts';
import { answering, healthy } from '../rig/health.ts';

const CONCURRENCY = 4;
const PLACES = 8_192;

type Call = { at: number; rows: number };

/** Endpoints that always have more due, and what was asked of the store. */
class Endless implements DispatcherStore {
  readonly claims: Call[] = [];
  readonly endpointClaims: Call[] = [];
  readonly records: Call[] = [];
  readonly releases: Call[] = [];
  claimed = 0;
  handedBack = 0;
  /** Deliveries that are still due. */
  due = Number.POSITIVE_INFINITY;
  /** Nothing is on record before. */
  recording: Promise<unknown> = Promise.resolve();
  /** What each look was told of hosts. */
  readonly choices: HostChoice[] = [];
  readonly #free: Set<string>;
  readonly #hostOf: (endpointId: string) => string;

  constructor(endpoints: number, hostOf: (endpointId: string) => string = () => 'host') {
    this.#hostOf = hostOf;
    this.#free = new Set(Array.from({ length: endpoints }, (_, n) => `endpoint ${n}`));
  }

  #take(endpointId: string, room: number): Claimed[] {
    const count = Math.min(room, this.due);
    this.due -= count;
    return Array.from({ length: count }, () => {
      this.claimed++;
      return {
        endpointId,
        token: 1,
        id: `delivery ${this.claimed}`,
        bytes: 2_000,
        body: Buffer.alloc(2_000),
      } as unknown as Claimed;
    });
  }

  async claimEndpoints({ endpoints, room, hosts }: Parameters<DispatcherStore['claimEndpoints']>[0]) {
    this.choices.push(hosts);
    const now = new Date();
    const leases = [...this.#free].slice(0, this.due > 0 ? endpoints : 0).map((endpointId) => ({
      endpointId,
      token: 1,
      health: healthy,
      accountId: 'account',
      host: { id: this.#hostOf(endpointId), health: answering },
    }));
    for (const { endpointId } of leases) this.#free.delete(endpointId);
    const claimed = leases.flatMap((leased) => this.#take(leased.endpointId, room(leased, now)));
    if (leases.length > 0) this.endpointClaims.push({ at: performance.now(), rows: claimed.length });
    return { now: leases.length > 0 ? now : null, leases, claimed };
  }

  async claimDeliveries(wanted: Parameters<DispatcherStore['claimDeliveries']>[0]) {
    await wait(2);
    const claimed = wanted.flatMap(({ endpointId, room }) => this.#take(endpointId, room));
    this.claims.push({ at: performance.now(), rows: claimed.length });
    return claimed;
  }

  async record(batch: Parameters<DispatcherStore['record']>[0]) {
    this.records.push({ at: performance.now(), rows: batch.length });
    await Promise.all([this.recording, wait(3)]);
  }

  async handBack(unsent: readonly Claimed[]) {
    this.handedBack += unsent.length;
  }

  async releaseEndpoints(leases: Parameters<DispatcherStore['releaseEndpoints']>[0]) {
    this.releases.push({ at: performance.now(), rows: leases.length });
    for (const { endpointId } of leases) this.#free.add(endpointId);
  }
}

let stop: (() => Promise<void>) | undefined;
afterEach(() => stop?.());

/** Answers come after `answerMs`. */
function start(store: DispatcherStore, answerMs: (endpointId: string) => number) {
  const sent = { begun: 0, underWay: 0, most: 0 };
  const dispatcher = new Dispatcher({
    store,
    send: async ({ endpointId, id }, signal) => {
      sent.begun++;
      sent.most = Math.max(sent.most, ++sent.underWay);
      await wait(answerMs(endpointId), undefined, { signal }).catch(() => {});
      sent.underWay--;
      const recorded = { endpointId, token: 1, deliveryId: id, next: { waitMs: null } };
      return {
        recorded,
        health: 'success',
        host: 'answered',
        tookMs: answerMs(endpointId),
        pauseMs: null,
      } as unknown as Landed;
    },
    concurrency: CONCURRENCY,
    places: PLACES,
    bytes: 64_000_000,
    attemptMs: 1_000,
    log: pino({ level: 'silent' }),
  });
  dispatcher.start();
  stop = () => dispatcher.stop(100);
  return { dispatcher, sent };
}

test('the end of a slice with deliveries still due costs no poll', async () => {
  const store = new Endless(20);
  start(store, () => 5);
  await eventually(
    () => store.endpointClaims.length,
    (claims) => claims > 1,
  );
  const released = store.releases[0]?.at ?? Number.NaN;
  const again = store.endpointClaims[1]?.at ?? Number.NaN;
  expect(again - released).toBeLessThan(100);
}, 15_000);

test('a stop takes no longer than what is open', async () => {
  const store = new Endless(20);
  const { dispatcher, sent } = start(store, () => 5);
  await eventually(
    () => sent.begun,
    (begun) => begun > 200,
  );
  const began = performance.now();
  await dispatcher.stop(1_000);
  expect(performance.now() - began).toBeLessThan(250);
  expect(sent.underWay).toBe(0);
  expect(store.claimed).toBe(sent.begun + store.handedBack);
});

test('one hungry endpoint makes a claim, and all the others fill up with it', async () => {
  const store = new Endless(20);
  const { sent } = start(store, () => 2 + Math.random() * 6);
  let ahead = 0;
  await eventually(
    () => {
      ahead = Math.max(ahead, store.claimed - sent.begun);
      return store.claims.length;
    },
    (claims) => claims > 20,
  );
  const rows = store.claims.reduce((sum, claim) => sum + claim.rows, 0);
  expect(rows / store.claims.length).toBeGreaterThan(60);
  // 640 ahead of time, and places that became free while the claim was under way.
  expect(ahead).toBeLessThanOrEqual(640 + 20 * CONCURRENCY);
});

test('a lone answer is recorded at once; of many, those of ten milliseconds together', async () => {
  const store = new Endless(20);
  store.due = 1;
  const { dispatcher } = start(store, () => 20);
  await eventually(
    () => store.records.length,
    (records) => records === 1,
  );
  expect(store.records[0]).toMatchObject({ rows: 1 });

  store.due = 2_000;
  dispatcher.wake();
  await eventually(
    () => store.records.reduce((sum, { rows }) => sum + rows, 0),
    (rows) => rows === 2_001,
  );
  const apart = store.records.slice(1).map(({ at }, n) => at - (store.records[n]?.at ?? Number.NaN));
  const full = store.records.slice(1).map(({ rows }) => rows >= 200);
  // What a timer may be early by.
  for (const [n, ms] of apart.entries()) if (!full[n]) expect(ms).toBeGreaterThan(8.5);
});

test('what cannot be recorded does not pile up', async () => {
  const store = new Endless(100);
  const { promise, resolve } = Promise.withResolvers<void>();
  store.recording = promise;
  const { sent } = start(store, () => 1);
  await eventually(
    () => sent.begun,
    (begun) => begun >= 512,
  );
  await wait(100);
  const begun = sent.begun;
  // What is not on record, and what was under way at one host when that was too much.
  expect(begun).toBeLessThanOrEqual(512 + 64 * CONCURRENCY);
  await wait(100);
  expect(sent.begun).toBe(begun);
  resolve();
  await eventually(
    () => sent.begun,
    (later) => later > 2 * begun,
  );
});

test('a host that hangs is passed over by name; one that answers quickly is named to go first', async () => {
  const store = new Endless(6, (endpointId) => (endpointId === 'endpoint 0' ? 'well' : 'hangs'));
  start(store, (endpointId) => (endpointId === 'endpoint 0' ? 5 : 600_000));
  const { full, quick } = await eventually(
    () => store.choices.at(-1) as HostChoice,
    (choice) => choice?.full.length > 0 && choice.quick.length > 0,
  );
  expect([full, quick]).toEqual([['hangs'], ['well']]);
});
