// Faults of the database in short: one of each kind, on two servers at work.
import { expect, test } from 'vitest';
import { databaseFaults, type Fault } from './database-faults.ts';

test.concurrent.each<[string, readonly Fault[]]>([
  ['PostgreSQL stopped gently, then crashed, and started again', ['fast stop', 'immediate stop']],
  ['connections cut, refused, half-open', ['cut (rst)', 'refused', 'half open']],
])(
  '%s: nothing lost, nothing stuck, nobody dies',
  async ([_, faults], { expect }) => {
    const figures = await databaseFaults({
      faults,
      rate: 5,
      processes: 2,
      seed: 3,
      settleSeconds: 240,
      hurry: true,
      tell: () => {},
    });
    expect(figures.violations).toEqual([]);
    expect(figures.delivered).toBe(figures.accepted);
    // A fault that nobody noticed would prove nothing.
    expect(Object.keys(figures.logWarnings).join()).toMatch(/terminat|ECONNRESET|did not answer/);
  },
  600_000,
);
