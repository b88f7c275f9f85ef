import { expect, test } from 'vitest';
import { KeyLookups } from '../../src/http/key-lookups.ts';

/** A database that answers when it is told to. */
function slowDatabase(known: Record<string, string>) {
  const asked: { keys: readonly string[]; answer: () => void; fail: () => void }[] = [];
  const find = (keys: readonly string[]) =>
    new Promise<Map<string, string>>((resolve, reject) => {
      const answer = () => resolve(new Map(Object.entries(known).filter(([key]) => keys.includes(key))));
      asked.push({ keys, answer, fail: () => reject(new Error('away')) });
    });
  return { asked, find };
}

test('10,000 different wrong keys and a right one cost a statement for each thousand, two at a time', async () => {
  const { asked, find } = slowDatabase({ right: 'mine' });
  const lookups = new KeyLookups(find);
  const wrong = Array.from({ length: 10_000 }, (_, number) => lookups.find(`wrong ${number}`));
  const right = lookups.find('right');
  let answered = 0;
  for (; answered < asked.length; answered++) {
    expect(asked.length - answered).toBeLessThanOrEqual(2);
    asked[answered]?.answer();
    await new Promise(setImmediate);
  }
  expect(answered).toBeLessThanOrEqual(13);
  expect(Math.max(...asked.map(({ keys }) => keys.length))).toBe(1_000);
  expect(await right).toBe('mine');
  expect(new Set(await Promise.all(wrong))).toEqual(new Set([undefined]));
});

test('the same key of many requests is asked for once, and what was answered is asked for again', async () => {
  const { asked, find } = slowDatabase({ right: 'mine' });
  const lookups = new KeyLookups(find);
  const first = [
    lookups.find('a'),
    lookups.find('b'),
    ...Array.from({ length: 5 }, () => lookups.find('right')),
  ];
  asked[0]?.answer();
  asked[1]?.answer();
  await new Promise(setImmediate);
  expect(asked.map(({ keys }) => keys)).toEqual([['a'], ['b'], ['right']]);
  asked[2]?.answer();
  expect(await Promise.all(first)).toEqual([undefined, undefined, ...Array(5).fill('mine')]);
  void lookups.find('right');
  expect(asked).toHaveLength(4);
});

test('a database that is away is told to those who asked, and the next are asked for again', async () => {
  const { asked, find } = slowDatabase({ right: 'mine' });
  const lookups = new KeyLookups(find);
  const failing = lookups.find('right');
  asked[0]?.fail();
  await expect(failing).rejects.toThrow('away');
  const next = lookups.find('right');
  asked[1]?.answer();
  expect(await next).toBe('mine');
});
