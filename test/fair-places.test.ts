// Places that several accounts share: none holds them all, whoever is new finds one, and those who wait take turns.
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { FairPlaces } from '../src/fair-places.ts';

type Work = { order: string[]; end: (name: string) => Promise<void> };

/** Work that lasts until it is told to end; its names begin with their account. */
function working(
  places: FairPlaces,
): Work & { begin: (name: string, signal?: AbortSignal) => Promise<void> } {
  const order: string[] = [];
  const ends = new Map<string, () => void>();
  const running = new Map<string, Promise<void>>();
  return {
    order,
    begin(name, signal = new AbortController().signal) {
      const run = places.during(name[0] as string, signal, () => {
        order.push(name);
        return new Promise<void>((resolve) => ends.set(name, resolve));
      });
      running.set(name, run);
      return run;
    },
    async end(name) {
      await turn();
      ends.get(name)?.();
      await running.get(name);
      await turn();
    },
  };
}

describe('places', () => {
  test('the account that holds the fewest is next, whoever came first', async () => {
    const { begin, end, order } = working(new FairPlaces(4));
    for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1']) void begin(name);
    await turn();
    // Two are left free by a, one by b; of that one c would leave none, and may take it all the same.
    expect(order).toEqual(['a1', 'a2', 'b1', 'c1']);
    await end('a1');
    expect(order).toEqual(['a1', 'a2', 'b1', 'c1']);
    await end('a2');
    expect(order.at(-1)).toBe('a3');
  });

  test('of equals, the one served longest ago', async () => {
    const { begin, end, order } = working(new FairPlaces(1));
    for (const name of ['a1', 'a2', 'b1', 'a3', 'b2']) void begin(name);
    for (const name of ['a1', 'b1', 'a2', 'b2']) await end(name);
    expect(order).toEqual(['a1', 'b1', 'a2', 'b2', 'a3']);
  });

  test('who leaves while waiting is forgotten, and the place goes to the next', async () => {
    const places = new FairPlaces(1);
    const { begin, end, order } = working(places);
    const leaving = new AbortController();
    void begin('a1');
    const left = begin('b1', leaving.signal);
    void begin('c1');
    leaving.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    await end('a1');
    expect(order).toEqual(['a1', 'c1']);
    await end('c1');
    expect(places.free).toBe(1);
    await expect(begin('d1', leaving.signal)).rejects.toThrow('gone');
    expect(places.free).toBe(1);
  });

  test('work that fails gives its place back', async () => {
    const places = new FairPlaces(1);
    const failing = places.during('a', new AbortController().signal, () =>
      Promise.reject(new Error('broken')),
    );
    await expect(failing).rejects.toThrow('broken');
    expect(places.free).toBe(1);
  });
});
