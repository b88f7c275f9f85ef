// `key=value` on a command line, several times. Pure.
import { InvalidArgumentError } from 'commander';

export function pair(given: string, before: Record<string, string> = {}): Record<string, string> {
  const at = given.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('write key=value');
  return { ...before, [given.slice(0, at)]: given.slice(at + 1) };
}
