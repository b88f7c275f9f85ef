// The hash of a body under an Idempotency-Key: kept in the database, so it may never change; and in turns.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { hashJson } from '../../src/http/idempotency.ts';

test.each([
  [
    { b: [1, [], {}, null, 'x"'], a: { d: true, c: 1.5 } },
    '{"a":{"c":1.5,"d":true},"b":[1,[],{},null,"x\\""]}',
  ],
  [undefined, 'undefined'],
  ['text', '"text"'],
  // By their value: as before there were any that are kept.
  [[JSON.rawJSON('1.0'), JSON.rawJSON('-0'), JSON.rawJSON('1E5')], '[1,0,100000]'],
  [[JSON.rawJSON('9007199254740993'), JSON.rawJSON('1e400')], '[9007199254740993e0,1e400]'],
])('%j', async (body, text) => {
  expect(await hashJson(body)).toEqual(createHash('sha256').update(`json\0${text}`).digest());
});

test('a megabyte of small values is hashed in turns', async () => {
  let turns = 0;
  let going = true;
  const turn = () => {
    turns++;
    if (going) setImmediate(turn);
  };
  setImmediate(turn);
  await hashJson(Array(490_000).fill(1));
  going = false;
  expect(turns).toBeGreaterThan(5);
});
