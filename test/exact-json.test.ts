// Numbers that JavaScript would write otherwise are kept, all others are numbers; and reading takes no longer than it must.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  changesNumbers,
  decimalOf,
  exactJson,
  parseExact,
  parseKept,
  plainNumbers,
  readNumbers,
} from '../src/exact-json.ts';

const DIFFERENT = [
  '9007199254740993',
  '-9007199254740993',
  '12345678901234567890',
  '0.1234567890123456789',
  '1e400',
  '1E400',
  '-1e-400',
  '4.9e-324',
];
const WRITTEN_OTHERWISE = ['1.0', '0.1000', '-0', '-0.0', '1E5', '1e5', '1e+5', '100e-2', '0.0000001', '0e0'];
const ALIKE = ['0', '1', '-1', '1.5', '9007199254740992', '1e+21', '1e-7', '0.1', '1234567.125', '5e-324'];

test.each([...DIFFERENT, ...WRITTEN_OTHERWISE, ...ALIKE])(
  '%s stays as it is, wherever it stands',
  (token) => {
    for (const text of [token, `[${token}]`, `{"a":${token},"b":[${token},{"c":${token}}]}`]) {
      expect(changesNumbers(text)).toBe(!ALIKE.includes(token));
      expect(JSON.stringify(parseKept(text))).toBe(text);
    }
    expect(JSON.stringify(parseKept(`{ "a" :\n ${token} , "b":\t[ 1 , ${token} ] }`))).toBe(
      `{"a":${token},"b":[1,${token}]}`,
    );
  },
);

test.each(DIFFERENT)('%s is kept where its value is asked for', (token) => {
  expect(parseExact(`[${token}]`)).toEqual([JSON.rawJSON(token)]);
});
test.each(WRITTEN_OTHERWISE)('%s is a number where its value is asked for', (token) => {
  expect(parseExact(`[${token}]`)).toEqual([Number(token)]);
});

test('a string that looks like one, names, escapes, __proto__ and repeated names are as JSON.parse has them', () => {
  const text = String.raw`{"x":", 1.0, ","1.0":"\"\\","a\u0062\\":[1.0],"__proto__":{"a":1.0},"10":1,"2":true,"x":null}`;
  const read = parseKept(text);
  expect(plainNumbers(read)).toEqual(JSON.parse(text));
  expect(Object.keys(read as object)).toEqual(Object.keys(JSON.parse(text)));
  expect(JSON.stringify(read)).toBe(
    String.raw`{"2":true,"10":1,"x":null,"1.0":"\"\\","ab\\":[1.0],"__proto__":{"a":1.0}}`,
  );
  expect(({} as { a?: unknown }).a).toBeUndefined();
});

test('whatever JSON.parse takes is read alike, and what it refuses is refused', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(...WRITTEN_OTHERWISE), (text, token) => {
      const whole = `[${text},${token}]`;
      // Kept text in and out, so that a negative zero is one in both.
      expect(JSON.parse(JSON.stringify(parseKept(whole)))).toEqual(JSON.parse(whole));
    }),
    { examples: [['{"":{"":[]}}', '1.0']] },
  );
  for (const text of ['', '[1.0', '{"a":1.0,}', '[01.0]', '[1.]'])
    expect(() => parseKept(text)).toThrow(SyntaxError);
});

test.each([
  ['1.50', '15e-1'],
  ['0.15E1', '15e-1'],
  ['-1500', '-15e2'],
  ['0.000', '0'],
  ['-0e99999999999999999999', '0'],
  ['1E99999999999999999999', '1e99999999999999999999'],
])('the value of %s is %s', (token, decimal) => {
  expect(decimalOf(token)).toBe(decimal);
});

test('a bigint is written as the number that it is', () => {
  expect(exactJson({ a: 9_007_199_254_740_993n, b: [1], c: JSON.rawJSON('1.0') })).toBe(
    '{"a":9007199254740993,"b":[1],"c":1.0}',
  );
});

const million = (item: string) => `[${Array(Math.floor(1_000_000 / (item.length + 1))).fill(item)}]`;
const processor = (work: () => unknown) => {
  let best = Number.POSITIVE_INFINITY;
  for (let times = 0; times < 5; times++) {
    const before = process.threadCpuUsage();
    work();
    const { user, system } = process.threadCpuUsage(before);
    best = Math.min(best, (user + system) / 1_000);
  }
  return best;
};

test.each([
  ['small numbers', million('1')],
  ['words with their times', million('{"word":"naive","start":11.25,"end":11.5,"confidence":0.98}')],
  ['texts', million('"Well, 1.05 and 10.5, he said."')],
  ['long numbers that stay', million('1234567890123456')],
  ['a long number', `[${'9'.repeat(1_000_000)}]`],
  ['spaces', `[${' '.repeat(1_000_000)}]`],
  ['colons in a text', `["${':'.repeat(1_000_000)}"]`],
  ['zeros', `[1${'0'.repeat(1_000_000)}1]`],
])('1 MB of %s: the look for such numbers takes 30 ms at most', (_what, text) => {
  expect(processor(() => changesNumbers(text))).toBeLessThan(30);
});

test.each([
  ['small numbers', million('1')],
  ['kept numbers', million('1.0')],
  ['lists in lists', million('[[1]]')],
  ['quotes in a text', `["${'\\"'.repeat(500_000)}"]`],
  ['backslashes in a text', `["${'\\\\'.repeat(500_000)}"]`],
])('1 MB of %s is read with pauses', (_what, text) => {
  let longest = 0;
  const steps = readNumbers(text);
  for (let done: boolean | undefined = false; !done; ) {
    const before = process.threadCpuUsage();
    ({ done } = steps.next());
    const { user, system } = process.threadCpuUsage(before);
    longest = Math.max(longest, (user + system) / 1_000);
  }
  expect(longest).toBeLessThan(60);
});
