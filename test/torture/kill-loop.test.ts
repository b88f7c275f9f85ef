// The kill loop in short: 20 s of kills instead of minutes, and leases of dead runs cut short afterwards.
import { expect, test } from 'vitest';
import { killLoop } from './kill-loop.ts';

test('three processes killed at random for 20 s: every accepted job is called back, every row final, every duplicate explained', async () => {
  const figures = await killLoop({
    seconds: 20,
    processes: 3,
    deliveries: 300,
    clips: 0.01,
    seed: 7,
    settleSeconds: 150,
    hurry: true,
    tell: () => {},
  });
  expect(figures.violations).toEqual([]);
  expect(figures.accepted).toBe(300);
  expect(figures.delivered).toBe(300);
  expect(figures.kills).toBeGreaterThan(3);
}, 400_000);
