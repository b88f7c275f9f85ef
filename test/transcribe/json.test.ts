import fc from 'fast-check';
import { expect, it } from 'vitest';
import { jsonOf } from '../../src/transcribe/json.ts';

it('writes what JSON.stringify writes', async () => {
  const leaf = fc.oneof(fc.string({ unit: 'binary' }), fc.double(), fc.constantFrom(null, true, undefined));
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 7 },
      leaf,
      fc.array(tie('value')),
      fc.dictionary(fc.string({ unit: 'binary' }), tie('value')),
    ),
  }));
  await fc.assert(
    fc.asyncProperty(fc.array(value), async (list) => {
      expect((await jsonOf(list)).toString()).toBe(JSON.stringify(list));
      expect((await jsonOf({ list })).toString()).toBe(JSON.stringify({ list }));
    }),
    { numRuns: 50 },
  );
});

it('writes the parts of what is large, none twice', async () => {
  const long = Array.from({ length: 50_000 }, (_, at) => ({ word: `wörd ${at} 😀`, at }));
  expect((await jsonOf({ long })).toString()).toBe(JSON.stringify({ long }));
});
