// Whose fault it is that there was no answer.
import { expect, it } from 'vitest';
import { failureOf } from '../../src/outbound/failure.ts';

const coded = (code: string, address = '192.0.2.1') => Object.assign(new Error('connect'), { code, address });
const several = (...errors: Error[]) =>
  Object.assign(new AggregateError(errors), { code: (errors[0] as { code?: string }).code });

it.each([
  ['no descriptor', coded('EMFILE'), 'descriptors'],
  ['no descriptor in the whole machine', coded('ENFILE'), 'descriptors'],
  ['no memory', coded('ENOMEM'), 'memory'],
  ['no buffer', coded('ENOBUFS'), 'memory'],
  ['no port left to call from', coded('EADDRNOTAVAIL'), 'network'],
  ['our network is down', coded('ENETDOWN'), 'network'],
  ['no descriptor for the second address', several(coded('ETIMEDOUT'), coded('EMFILE')), 'descriptors'],
])('%s: a shortage of our own', (_name, error, shortage) => {
  expect(failureOf(error, 'connect')).toMatchObject({ class: 'shortage', shortage });
});

it.each([
  ['no way to that network', coded('ENETUNREACH'), 'network'],
  ['no IPv6 here', coded('EADDRNOTAVAIL', '2001:db8::1'), 'network'],
  [
    'no way by IPv6, refused by IPv4',
    several(coded('ENETUNREACH', '2001:db8::1'), coded('ECONNREFUSED')),
    'connect',
  ],
  ['refused', coded('ECONNREFUSED'), 'connect'],
  ['cut', coded('ECONNRESET'), 'reset'],
  ['out of time', coded('ETIMEDOUT'), 'timeout'],
])('%s: class %2$s', (_name, error, failureClass) => {
  expect(failureOf(error, 'connect').class).toBe(failureClass);
});
