import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  DISABLE_AFTER_MS,
  GONE_IN_A_ROW,
  type HealthOutcome,
  LONGEST_OPEN_MS,
  nextHealth,
  OPEN_MS,
  paused,
  RAMP_END_PER_S,
  RAMP_START_PER_S,
  rampBudget,
  TRIP_FAILURES,
} from '../../src/deliver/breaker.ts';
import type { EndpointHealth } from '../../src/delivery.ts';
import { healthy } from '../rig/health.ts';

const START = new Date('2026-11-22T09:00:00Z');
const at = (ms: number) => new Date(START.getTime() + ms);
const after = (health: EndpointHealth, outcomes: readonly HealthOutcome[], now = START) =>
  outcomes.reduce((state, outcome) => nextHealth(state, outcome, now), health);
/** As the claim leaves an endpoint whose time is over. */
const probed = (health: EndpointHealth): EndpointHealth => ({ ...health, state: 'half_open' });
const over = ({ state, openUntil }: EndpointHealth, now: number) =>
  state === 'open' && Number(openUntil) <= now;
const failures = (count: number): HealthOutcome[] => Array(count).fill('failure');

test('a healthy answer changes nothing at all: nothing has to be written', () => {
  expect(nextHealth(healthy, 'success', START)).toBe(healthy);
  expect(nextHealth(healthy, 'neither', START)).toBe(healthy);
});

test('it opens after so many failures in a row, not before, and what was in flight does not open it twice', () => {
  expect(after(healthy, failures(TRIP_FAILURES - 1)).state).toBe('closed');
  const open = after(healthy, failures(TRIP_FAILURES));
  expect(open).toMatchObject({ state: 'open', trips: 1, openUntil: at(OPEN_MS), failingSince: START });
  expect(after(open, failures(3))).toMatchObject({
    trips: 1,
    openUntil: at(OPEN_MS),
    failures: TRIP_FAILURES + 3,
  });
  expect(
    after(healthy, [...failures(TRIP_FAILURES - 1), 'success', ...failures(TRIP_FAILURES - 1)]).state,
  ).toBe('closed');
});

test('one probe when its time is over: success closes it slowly, failure opens it for twice as long, up to the longest', () => {
  let health = after(healthy, failures(TRIP_FAILURES));
  let now = at(OPEN_MS);
  let openMs = OPEN_MS;
  for (let probe = 0; probe < 10; probe++) {
    health = nextHealth(probed(health), 'failure', now);
    openMs = Math.min(openMs * 2, LONGEST_OPEN_MS);
    expect(health).toMatchObject({ state: 'open', openUntil: new Date(now.getTime() + openMs) });
    now = new Date(now.getTime() + openMs);
  }
  const closed = nextHealth(probed(health), 'success', now);
  expect(closed).toMatchObject({
    state: 'closed',
    failures: 0,
    failingSince: null,
    trips: 0,
    openUntil: null,
    rampFrom: now,
  });
});

test('410 so many times in a row disables; any other answer between them does not', () => {
  const gone = (count: number): HealthOutcome[] => Array(count).fill('gone');
  expect(after(healthy, gone(GONE_IN_A_ROW - 1)).state).toBe('closed');
  expect(after(healthy, gone(GONE_IN_A_ROW))).toMatchObject({
    state: 'disabled',
    disabledReason: expect.stringContaining('410'),
  });
  expect(after(healthy, [...gone(GONE_IN_A_ROW - 1), 'failure', ...gone(GONE_IN_A_ROW - 1)]).state).not.toBe(
    'disabled',
  );
});

test('5 days of nothing but failure disable; one success in them does not', () => {
  const failing = after(healthy, failures(TRIP_FAILURES));
  expect(nextHealth(failing, 'failure', at(DISABLE_AFTER_MS - 1)).state).not.toBe('disabled');
  expect(nextHealth(failing, 'failure', at(DISABLE_AFTER_MS))).toMatchObject({
    state: 'disabled',
    disabledReason: 'nothing but failures for 5 days',
  });
  const saved = nextHealth(failing, 'success', at(DISABLE_AFTER_MS - 1));
  expect(nextHealth(saved, 'failure', at(DISABLE_AFTER_MS)).state).toBe('closed');
});

test('the receiver may ask to be disabled', () => {
  expect(nextHealth(healthy, 'disable', START).state).toBe('disabled');
});

test('a pause only grows, and a slow start follows it', () => {
  const first = paused(healthy, at(60_000));
  expect(first).toMatchObject({ pausedUntil: at(60_000), rampFrom: at(60_000) });
  expect(paused(first, at(30_000))).toBe(first);
  expect(rampBudget(first, at(1_000))).toBe(0);
});

test('the slow start rises smoothly from its first rate to its last, then is over', () => {
  const ramping = { ...healthy, rampFrom: START };
  expect(rampBudget(healthy, START)).toBe(null);
  expect(rampBudget(ramping, START)).toBe(0);
  let last = 0;
  let lastRate = 0;
  for (let ms = 100; ; ms += 100) {
    const budget = rampBudget(ramping, at(ms));
    if (budget === null) break;
    const rate = (budget - last) * 10;
    expect(rate).toBeGreaterThanOrEqual(Math.max(lastRate, RAMP_START_PER_S));
    // No step: a tenth of a second later it is at most a little faster.
    if (lastRate > 0) expect(rate / lastRate).toBeLessThan(1.05);
    [last, lastRate] = [budget, rate];
  }
  expect(lastRate).toBeGreaterThan(RAMP_END_PER_S * 0.9);
  expect(lastRate).toBeLessThanOrEqual(RAMP_END_PER_S);
});

test('whatever comes in whatever order, a health is one that the database takes', () => {
  const outcome = fc.constantFrom<HealthOutcome>('success', 'failure', 'gone', 'disable', 'neither');
  fc.assert(
    fc.property(
      fc.array(fc.tuple(outcome, fc.integer({ min: 0, max: DISABLE_AFTER_MS })), { maxLength: 60 }),
      (steps) => {
        let health: EndpointHealth = healthy;
        let now = START.getTime();
        for (const [what, wait] of steps) {
          now += wait;
          const before = health;
          health = nextHealth(over(health, now) ? probed(health) : health, what, new Date(now));
          if (health.state === 'open') expect(health.openUntil).not.toBe(null);
          expect(health.disabledReason !== null).toBe(
            health.state === 'disabled' || before.disabledReason !== null,
          );
          expect(health.failingSince === null).toBe(health.failures === 0);
          if (what === 'success' && before.state !== 'disabled') expect(health.state).toBe('closed');
        }
      },
    ),
  );
});
