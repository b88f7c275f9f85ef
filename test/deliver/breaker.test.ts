import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  DISABLE_AFTER_MS,
  enabled,
  GONE_IN_A_ROW,
  type HealthOutcome,
  LONGEST_OPEN_MS,
  nextHealth,
  OPEN_MS,
  paused,
  RAMP_END_PER_S,
  RAMP_START_PER_S,
  rampBudget,
  SILENCE_MS,
  TRIP_FAILURES,
} from '../../src/deliver/breaker.ts';
import type { EndpointHealth } from '../../src/delivery.ts';
import { healthy } from '../rig/health.ts';

const HOUR = 3_600_000;
const OUTCOMES = ['success', 'refused', 'failure', 'gone', 'disable', 'neither'] as const;
const START = new Date('2026-11-22T09:00:00Z');
const at = (ms: number) => new Date(START.getTime() + ms);
const after = (health: EndpointHealth, outcomes: readonly HealthOutcome[], now = START) =>
  outcomes.reduce((state, outcome) => nextHealth(state, outcome, { begunAt: now, now }), health);
const next = (health: EndpointHealth, outcome: HealthOutcome, now: Date) => after(health, [outcome], now);
/** As the claim leaves an endpoint whose time is over. */
const probed = (health: EndpointHealth): EndpointHealth => ({ ...health, state: 'half_open' });
const over = ({ state, openUntil }: EndpointHealth, now: number) =>
  state === 'open' && Number(openUntil) <= now;
const failures = (count: number): HealthOutcome[] => Array(count).fill('failure');

test('a healthy answer changes nothing at all: nothing has to be written', () => {
  expect(next(healthy, 'success', START)).toBe(healthy);
  expect(next(healthy, 'neither', START)).toBe(healthy);
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
    health = next(probed(health), 'failure', now);
    openMs = Math.min(openMs * 2, LONGEST_OPEN_MS);
    expect(health).toMatchObject({ state: 'open', openUntil: new Date(now.getTime() + openMs) });
    now = new Date(now.getTime() + openMs);
  }
  const closed = next(probed(health), 'success', now);
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
  const every = 12 * HOUR;
  const failing = (until: number) => {
    let health = healthy;
    for (let ms = 0; ms <= until; ms += every) health = next(health, 'failure', at(ms));
    return health;
  };
  expect(failing(DISABLE_AFTER_MS - every).state).toBe('open');
  expect(failing(DISABLE_AFTER_MS)).toMatchObject({
    state: 'disabled',
    disabledReason: 'nothing but failures for 5 days',
  });
  const saved = next(failing(DISABLE_AFTER_MS - every), 'success', at(DISABLE_AFTER_MS - 1));
  expect(next(saved, 'failure', at(DISABLE_AFTER_MS)).state).toBe('closed');
});

test('two failures days apart are two failures, and so are a few on each of the days', () => {
  const twice = next(next(healthy, 'failure', START), 'failure', at(6 * 24 * HOUR));
  expect(twice).toMatchObject({ state: 'closed', failures: 2, failingSince: at(6 * 24 * HOUR) });
  let rare = healthy;
  for (let day = 0; day < 30; day++) rare = next(rare, 'failure', at(day * (SILENCE_MS + 1)));
  expect(rare.state).not.toBe('disabled');
  let few = healthy;
  for (let day = 0; day <= 6; day++) few = next(few, 'failure', at(day * 24 * HOUR));
  expect(few, 'fewer than ten').toMatchObject({ state: 'open', failures: 7 });
});

test('a refusal is the message’s failure: it opens nothing, is counted all the same, and closes what is probed', () => {
  const refused = after(healthy, Array(30).fill('refused'));
  expect(refused).toMatchObject({ state: 'closed', failures: 30, refusals: 30, failingSince: START });
  expect(after(refused, failures(TRIP_FAILURES - 1)).state).toBe('closed');
  expect(after(refused, failures(TRIP_FAILURES)).state).toBe('open');
  const open = after(healthy, failures(TRIP_FAILURES));
  expect(next(probed(open), 'refused', at(OPEN_MS))).toMatchObject({
    state: 'closed',
    failures: TRIP_FAILURES + 1,
    refusals: TRIP_FAILURES + 1,
    rampFrom: at(OPEN_MS),
  });
  expect(after(refused, ['success'])).toMatchObject({ failures: 0, refusals: 0, failingSince: null });
});

test('its owner alone enables it; what was begun before tells nothing of the time after', () => {
  const disabled = next(healthy, 'disable', START);
  for (const outcome of OUTCOMES) expect(next(disabled, outcome, at(1))).toBe(disabled);
  const again = enabled(at(1_000));
  const late = { begunAt: at(999), now: at(15_000) };
  for (const outcome of OUTCOMES) expect(nextHealth(again, outcome, late)).toBe(again);
  expect(nextHealth(again, 'failure', { begunAt: at(1_000), now: at(15_000) }).failures).toBe(1);
});

test('what was begun before it recovered may still time out, and does not open it again', () => {
  const open = after(healthy, failures(TRIP_FAILURES));
  const recovered = nextHealth(probed(open), 'success', { begunAt: at(OPEN_MS), now: at(OPEN_MS + 50) });
  const late = Array(40).fill({ begunAt: at(-1), now: at(OPEN_MS + 100) });
  expect(late.reduce((health, span) => nextHealth(health, 'failure', span), recovered)).toBe(recovered);
});

test('the receiver may ask to be disabled', () => {
  expect(next(healthy, 'disable', START).state).toBe('disabled');
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

test('whatever comes in whatever order, however late: a health is one that the database takes, and disabled is left by its owner alone', () => {
  const step = fc.record({
    what: fc.constantFrom(...OUTCOMES, 'enable' as const, 'disable by owner' as const, 'pause' as const),
    wait: fc.oneof(fc.integer({ min: 0, max: 60_000 }), fc.integer({ min: 0, max: DISABLE_AFTER_MS })),
    /** How long the attempt had been under way. */
    took: fc.integer({ min: 0, max: 300_000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      let health: EndpointHealth = healthy;
      let now = START.getTime();
      let enabledAt = Number.NEGATIVE_INFINITY;
      for (const { what, wait, took } of steps) {
        now += wait;
        const before = health;
        const span = { begunAt: new Date(now - took), now: new Date(now) };
        if (what === 'enable') {
          health = enabled(span.now);
          enabledAt = now;
        } else if (what === 'disable by owner')
          health = { ...health, state: 'disabled', openUntil: null, disabledReason: 'by its owner' };
        else if (what === 'pause') health = paused(health, new Date(now + took));
        else health = nextHealth(over(health, now) ? probed(health) : health, what, span);

        if (before.state === 'disabled' && what !== 'enable') expect(health.state).toBe('disabled');
        if (span.begunAt.getTime() < enabledAt && (OUTCOMES as readonly string[]).includes(what))
          expect([before, probed(before)]).toContainEqual(health);
        if (health.state === 'open') expect(health.openUntil).not.toBe(null);
        expect(health.disabledReason !== null).toBe(health.state === 'disabled');
        expect(health.failingSince === null).toBe(health.failures === 0);
        expect(health.failedAt === null).toBe(health.failures === 0);
        expect(health.refusals).toBeLessThanOrEqual(health.failures);
        if (what === 'refused' && before.state === 'closed') expect(health.state).not.toBe('open');
      }
    }),
    { numRuns: 1_000 },
  );
});
