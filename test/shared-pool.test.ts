import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SharedPool } from '../src/shared-pool.ts';

const fill = (pool: SharedPool, account: string) => {
  let taken = 0;
  while (pool.admits(account, 1)) {
    pool.take(account, 1);
    taken++;
  }
  return taken;
};

test('one account alone comes to half of it, a second to half of what is left, and the next always finds some', () => {
  const pool = new SharedPool(1_024);
  expect(fill(pool, 'a')).toBe(512);
  expect(fill(pool, 'b')).toBe(256);
  expect(fill(pool, 'c')).toBe(128);
  expect([...pool.full()]).toEqual(['a', 'b', 'c']);
  for (let n = 0; n < 512; n++) pool.give('a', 1);
  expect(pool.usedBy('a')).toBe(0);
  expect(fill(pool, 'b')).toBeGreaterThan(64);
});

test('what is larger than all of it is let in, to an account that has nothing there, and alone', () => {
  const pool = new SharedPool(64);
  expect(pool.admits('a', 1_000)).toBe(true);
  pool.take('a', 1_000);
  expect(pool.admits('a', 1)).toBe(false);
  expect(pool.admits('b', 1)).toBe(false);
  pool.give('a', 1_000);
  expect(pool.used).toBe(0);
});

test('of any takings and givings: never more than there is, unless one takes more by itself; nothing is left behind', () => {
  const step = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 1, max: 20 }), fc.boolean());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const pool = new SharedPool(100);
      const held: [string, number][] = [];
      for (const [account, amount, takes] of steps)
        if (takes && pool.admits(account, amount)) {
          pool.take(account, amount);
          held.push([account, amount]);
        } else if (!takes) {
          const [given] = held.splice(0, 1);
          if (given) pool.give(...given);
        }
      expect(pool.used).toBe(held.reduce((sum, [, amount]) => sum + amount, 0));
      expect(pool.used).toBeLessThan(100 + 20);
      for (const given of held) pool.give(...given);
      expect([pool.used, pool.usedBy('a'), [...pool.full()]]).toEqual([0, 0, []]);
    }),
  );
});

function fillByTurns(shares: SharedPool, ...accounts: string[]): Record<string, number> {
  for (let more = true; more; ) {
    more = false;
    for (const account of accounts)
      if (shares.admits(account)) {
        shares.take(account);
        more = true;
      }
  }
  return Object.fromEntries(accounts.map((account) => [account, shares.usedBy(account)]));
}

describe('shares by turns', () => {
  test.each([
    [['a'], { a: 32 }],
    [['a', 'b'], { a: 22, b: 21 }],
    [['a', 'b', 'c'], { a: 16, b: 16, c: 16 }],
  ])('of 64 places, %j get %j', (accounts, held) => {
    expect(fillByTurns(new SharedPool(64), ...accounts)).toEqual(held);
  });

  test('one after the other, each is left half of what is free: the sixth still finds one', () => {
    const shares = new SharedPool(64);
    const held = ['a', 'b', 'c', 'd', 'e', 'f'].map((account) => fillByTurns(shares, account)[account]);
    expect(held).toEqual([32, 16, 8, 4, 2, 1]);
  });

  test('a single place is anybody’s, and what is given back is there for others', () => {
    const shares = new SharedPool(1);
    expect(fillByTurns(shares, 'a')).toEqual({ a: 1 });
    expect([...shares.full()]).toEqual(['a']);
    shares.give('a');
    expect([...shares.full()]).toEqual([]);
    expect(fillByTurns(shares, 'b')).toEqual({ b: 1 });
  });
});

test('the room for an account is as many as it would be let have one by one', () => {
  const uses = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 20 })), {
    maxLength: 5,
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), uses, (size, taken) => {
      const pool = new SharedPool(size);
      for (const [account, amount] of taken) if (pool.used + amount <= size) pool.take(account, amount);
      expect(pool.roomFor('a')).toBe(fill(pool, 'a'));
    }),
  );
});
