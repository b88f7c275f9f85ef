import { expect, it } from 'vitest';
import { isUnreachable } from '../../src/store/unreachable.ts';

const coded = (code: string) => Object.assign(new Error('…'), { code });

it.each([
  ['refused', coded('ECONNREFUSED')],
  ['shutting down', coded('57P01')],
  ['starting', coded('57P03')],
  ['connection exception', coded('08006')],
  ['cut off', new Error('Connection terminated unexpectedly')],
  ['no connection in time', new Error('timeout exceeded when trying to connect')],
  ['both families refused', new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')])],
  ['behind another', new Error('could not', { cause: coded('ECONNRESET') })],
])('%s: the database is away', (_name, error) => {
  expect(isUnreachable(error)).toBe(true);
});

it.each([
  ['a wrong statement', coded('42601')],
  ['a broken rule', coded('23514')],
  ['a statement that takes too long: asked again, it takes as long', coded('57014')],
  ['a bug', new TypeError('x is not a function')],
  ['no error', 'ECONNREFUSED'],
])('%s: our own fault', (_name, error) => {
  expect(isUnreachable(error)).toBe(false);
});
