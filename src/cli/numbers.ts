// Numbers on a command line. Pure.
import { InvalidArgumentError } from 'commander';

export function positive(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1)
    throw new InvalidArgumentError('give a whole number from 1 up');
  return number;
}
