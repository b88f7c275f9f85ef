// What is a shortage of our own, and what is somebody's fault.
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { isSuspect, ShortageError, shortageOf } from '../src/shortage.ts';

const coded = (code: string) => Object.assign(new Error('…'), { code });

it.each([
  ['EMFILE', 'descriptors'],
  ['ENFILE', 'descriptors'],
  ['ENOSPC', 'disk'],
  ['EDQUOT', 'disk'],
  ['ENOMEM', 'memory'],
  ['ENOBUFS', 'memory'],
  ['EAGAIN', 'processes'],
  ['ENETDOWN', 'network'],
  ['ERR_WORKER_INIT_FAILED', 'processes'],
  ['53100', 'disk'],
  ['53200', 'memory'],
  ['53300', 'database'],
  ['53400', 'database'],
  ['57P01', 'database'],
  ['57P03', 'database'],
  ['57P05', 'database'],
  ['08006', 'database'],
  ['58030', 'database'],
  ['25006', 'database'],
])('%s says that we are short of %s', (code, short) => {
  expect(shortageOf(coded(code))).toBe(short);
});

it.each([
  ['a client that breaks off', coded('ECONNRESET')],
  ['a receiver that refuses', coded('ECONNREFUSED')],
  ['a line that breaks', coded('EPIPE')],
  ['a receiver without an answer', coded('ETIMEDOUT')],
  ['a file that is not there', coded('ENOENT')],
  ['a wrong statement', coded('42601')],
  ['a broken rule', coded('23514')],
  ['a statement that takes too long: asked again, it takes as long', coded('57014')],
  ['words that sound like it', new Error('Connection terminated unexpectedly: EMFILE')],
  ['a bug', new TypeError('x is not a function')],
  ['no error', 'EMFILE'],
])('%s is no shortage', (_name, error) => {
  expect(shortageOf(error)).toBeNull();
});

it('is found behind other errors, and ends where errors go in circles', () => {
  expect(shortageOf(new Error('could not', { cause: coded('ENOSPC') }))).toBe('disk');
  expect(shortageOf(new AggregateError([coded('ECONNREFUSED'), coded('EMFILE')]))).toBe('descriptors');
  const circle = new Error('round');
  circle.cause = circle;
  expect(shortageOf(circle)).toBeNull();
});

it('tells whether the work that met it may be the cause', () => {
  const killed = new ShortageError('memory', 'killed', { suspect: true });
  expect(isSuspect(new Error('behind', { cause: killed }))).toBe(true);
  expect(isSuspect(new ShortageError('disk', 'full'))).toBe(false);
  expect(isSuspect(coded('ENOSPC'))).toBe(false);
});

it('knows what the system really says', async () => {
  const error = await readFile('/proc/self/nothing').catch((caught: unknown) => caught);
  expect(shortageOf(error)).toBeNull();
});
