// Who may begin an attempt, while others hang: without a clock and without a socket.
import { expect, test } from 'vitest';
import { Capacity, type Lane, type Place, type Receiver } from '../../src/deliver/capacity.ts';
import { Host } from '../../src/deliver/hosts.ts';
import { answering } from '../rig/health.ts';

const PLACES = 8_192;
const BYTES = 64 * 2 ** 20;
const CONCURRENCY = 4;

let now = 0;
const capacity = () =>
  new Capacity({ places: PLACES, bytes: BYTES, concurrency: CONCURRENCY, now: () => now });
const host = (accountId: string, id: string) => new Host({ accountId, host: { id, health: answering } });
const known = (accountId: string, id: string) => Object.assign(host(accountId, id), { answers: true });
const at = (on: Host, lane: Lane, isQuickItself = lane === 'quick'): Receiver => ({
  host: on,
  lane,
  isQuickItself,
});

/** As many attempts as it lets begin. */
function takeAll(from: Capacity, receiver: Receiver, bytes = 1): Place[] {
  const places: Place[] = [];
  for (;;) {
    const place = from.take(receiver, bytes);
    if (typeof place === 'string') return places;
    places.push(place);
  }
}

test('2,000 paths of one host that hangs hold the places of one endpoint', () => {
  const all = capacity();
  expect(takeAll(all, at(host('a', 'dead'), 'unproven'))).toHaveLength(CONCURRENCY);
});

test.each(['unproven', 'slow'] as const)(
  'thousands of %s hosts of one account leave places to its own quick receivers, to hosts it has not tried, and to others',
  (lane) => {
    const all = capacity();
    for (let n = 0; n < 20_000; n++) takeAll(all, at(host('a', `${n}`), lane));
    expect(all.open).toBeGreaterThanOrEqual(2_000);
    expect(takeAll(all, at(known('a', 'quick'), 'quick')).length).toBeGreaterThanOrEqual(64);
    expect(takeAll(all, at(known('b', 'quick'), 'quick')).length).toBeGreaterThanOrEqual(64);
    expect(takeAll(all, at(host('b', 'new'), 'unproven'))).not.toHaveLength(0);
    if (lane === 'slow') expect(takeAll(all, at(host('a', 'new'), 'unproven'))).not.toHaveLength(0);
  },
);

test('ten accounts at it together leave places to one that is new', () => {
  const all = capacity();
  for (let account = 0; account < 10; account++)
    for (let n = 0; n < 2_000; n++) takeAll(all, at(host(`a${account}`, `${account} ${n}`), 'unproven'));
  expect(takeAll(all, at(known('b', 'quick'), 'quick')).length).toBeGreaterThanOrEqual(64);
  expect(all.take(at(host('b', 'new'), 'unproven'), 1)).toMatchObject({ bytes: expect.any(Number) });
});

test('at one host, paths that hang leave places to a path that is known to be quick', () => {
  const all = capacity();
  const shared = known('a', 'host');
  const others = takeAll(all, at(shared, 'slow', false));
  expect(others).toHaveLength(16 * CONCURRENCY);
  expect(all.isFull(shared)).toBe(true);
  expect(takeAll(all, at(shared, 'quick', true)).length).toBeGreaterThanOrEqual(100);
});

test('a host that rests gets nothing, one on probation a single attempt', () => {
  const all = capacity();
  const resting = Object.assign(host('a', 'open'), {
    health: { state: 'open', silent: 8, trips: 1, openUntil: new Date() },
  } as const);
  expect(all.take(at(resting, 'slow'), 1)).toEqual(expect.any(String));
  resting.health = { ...resting.health, state: 'half_open' } as never;
  expect(takeAll(all, at(resting, 'slow'))).toHaveLength(1);
});

test('large bodies for slow receivers leave memory to the others, and one larger than all of it goes alone', () => {
  const all = capacity();
  for (let n = 0; n < 100; n++) takeAll(all, at(known('a', `${n}`), 'slow', false), 5_000_000);
  expect(all.open * 5_000_000).toBeLessThanOrEqual(BYTES / 2);
  expect(all.take(at(known('a', 'quick'), 'quick'), 5_000_000)).toMatchObject({ bytes: expect.any(Number) });
  expect(all.take(at(host('b', 'new'), 'unproven'), 5_000_000)).toMatchObject({ bytes: expect.any(Number) });
  const empty = capacity();
  const huge = empty.take(at(known('a', 'quick'), 'quick'), 2 * BYTES);
  expect(huge).toMatchObject({ bytes: expect.any(Number) });
  expect(empty.take(at(known('a', 'quick'), 'quick'), 1)).toEqual(expect.any(String));
  empty.give(huge as Place);
  expect(empty.take(at(known('a', 'quick'), 'quick'), 1)).toMatchObject({ bytes: expect.any(Number) });
});

test('what is given back can be taken again', () => {
  const all = capacity();
  const one = known('a', 'host');
  const first = takeAll(all, at(one, 'slow', false));
  for (const place of first) all.give(place);
  expect([all.open, one.open, one.openOthers]).toEqual([0, 0, 0]);
  expect(takeAll(all, at(one, 'slow', false))).toHaveLength(first.length);
});

test('receivers that were quick and hang leave places to others at once, and count as slow once they are overdue', () => {
  now = 0;
  const all = capacity();
  const hosts = Array.from({ length: 200 }, (_, n) => known('a', `was quick ${n}`));
  const taken = hosts.flatMap((one) => takeAll(all, at(one, 'quick')));
  expect(taken.length).toBeGreaterThan(2_000);
  expect(takeAll(all, at(host('a', 'new'), 'unproven'))).not.toHaveLength(0);
  expect(takeAll(all, at(known('b', 'quick'), 'quick')).length).toBeGreaterThanOrEqual(64);
  expect(takeAll(all, at(known('a', 'quick'), 'quick'))).toHaveLength(0);
  now = 3_000;
  expect(takeAll(all, at(known('a', 'quick'), 'quick')).length).toBeGreaterThanOrEqual(64);
  expect(hosts[0]?.openOthers).toBe(hosts[0]?.open);
  for (const place of taken) all.give(place);
  expect(hosts.every((one) => one.open === 0 && one.openOthers === 0)).toBe(true);
});

test('small bodies wait for no memory, whatever large ones hold', () => {
  const all = capacity();
  for (let n = 0; n < 100; n++) takeAll(all, at(known('a', `${n}`), 'slow', false), 12_000_000);
  expect(all.take(at(host('a', 'new'), 'unproven'), 0)).toMatchObject({ bytes: 0 });
});

test('a path that is known to answer goes on at a host that rests because its other paths hang', () => {
  const all = capacity();
  const resting = Object.assign(known('a', 'host'), {
    health: { state: 'open', silent: 8, trips: 1, openUntil: new Date() },
  } as const);
  expect(all.take(at(resting, 'slow', false), 0)).toBe('host');
  expect(takeAll(all, at(resting, 'slow', true)).length).toBeGreaterThanOrEqual(4);
});
