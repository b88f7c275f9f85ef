// Faults of the database in short: one of each kind, on two servers at work.
import { test } from 'vitest';
import { databaseFaults, type Fault } from './database-faults.ts';

const CASES: readonly { what: string; faults: readonly Fault[] }[] = [
  {
    what: 'PostgreSQL stopped gently, then crashed, and started again',
    faults: ['fast stop', 'immediate stop'],
  },
  { what: 'connections cut, refused, half-open', faults: ['cut (rst)', 'refused', 'half open'] },
];

test.concurrent.for(CASES)(
  '$what: nothing lost, nothing stuck, nobody dies',
  {
    timeout: 600_000,
  },
  async ({ faults }, { expect }) => {
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
);
