// The kill loop in short: 20 s of kills instead of minutes, and the waits for what they left behind cut short.
import { expect, test } from 'vitest';
import { killLoop } from './kill-loop.ts';

test('three processes killed at random for 20 s: every accepted job is called back, every row final, every duplicate explained', async () => {
  const figures = await killLoop({
    seconds: 20,
    processes: 3,
    deliveries: 300,
    clips: 0.01,
    seed: 7,
    settleSeconds: 240,
    hurry: true,
    tell: () => {},
  });
  expect(figures.violations).toEqual([]);
  expect(figures.accepted).toBe(300);
  expect(figures.delivered).toBe(300);
  // All three are up when it begins, and one that is up is killed when it is drawn.
  expect(figures.kills).toBeGreaterThanOrEqual(3);
}, 500_000);
