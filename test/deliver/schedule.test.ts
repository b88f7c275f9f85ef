import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { firstWaitMs, horizonMs, nextAttempt, RETRY_AFTER_CAP_MS } from '../../src/deliver/schedule.ts';
import { readSettings } from '../../src/settings.ts';

const NOW = new Date('2026-11-22T09:00:00Z');
const wait = (date: Date | null) => (date === null ? null : date.getTime() - NOW.getTime());

test('the default schedule spans about 71 hours, jitter at its most 78', () => {
  const schedule = readSettings({}).retrySchedule;
  expect(schedule).toHaveLength(12);
  expect(schedule.reduce((sum, ms) => sum + ms, 0) / 3_600_000).toBeCloseTo(70.71, 1);
  expect(horizonMs(schedule) / 3_600_000).toBeCloseTo(77.78, 1);
});

describe('nextAttempt', () => {
  const schedule = [0, 5_000, 30_000];
  const next = (attempt: number, retryAfterMs: number | null = null, random = 0) =>
    wait(nextAttempt({ schedule, attempt, now: NOW, random: () => random, retryAfterMs }));

  it('waits what the schedule says after each attempt, then gives up', () => {
    expect([next(1), next(2), next(3), next(4)]).toEqual([5_000, 30_000, null, null]);
  });
  it('Retry-After lengthens, never shortens, and is capped at 24 h', () => {
    expect(next(1, 60_000)).toBe(60_000);
    expect(next(1, 1_000)).toBe(5_000);
    expect(next(1, 1e15)).toBe(RETRY_AFTER_CAP_MS);
    expect(next(1, Number.POSITIVE_INFINITY)).toBe(RETRY_AFTER_CAP_MS);
    expect(next(1, -1)).toBe(5_000);
    expect(next(3, 60_000)).toBe(null);
  });
  it('jitter adds up to a tenth', () => {
    expect(next(1, null, 0.999)).toBe(5_499);
    expect(firstWaitMs([10_000], () => 0.5)).toBe(10_500);
  });

  it('is never early and never later than the wait, the cap and a tenth', () => {
    const waits = fc.array(fc.nat(30 * 86_400_000), { minLength: 1, maxLength: 100 });
    const asked = fc.option(fc.double({ noNaN: true }));
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        waits,
        fc.integer({ min: 1, max: 120 }),
        asked,
        random,
        (schedule, attempt, retryAfterMs, r) => {
          const at = nextAttempt({ schedule, attempt, now: NOW, random: () => r, retryAfterMs });
          const planned = schedule[attempt];
          if (planned === undefined) {
            expect(at).toBe(null);
            return;
          }
          const honoured = Math.min(Math.max(retryAfterMs ?? 0, 0), RETRY_AFTER_CAP_MS);
          const least = Math.max(planned, honoured);
          expect(wait(at)).toBeGreaterThanOrEqual(least);
          expect(wait(at)).toBeLessThanOrEqual(Math.max(planned, Math.ceil(honoured)) * 1.1);
        },
      ),
    );
  });

  it('attempt after attempt ends within the horizon, and after the last there is none', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(fc.nat(30 * 86_400_000), { minLength: 1, maxLength: 50 }),
        random,
        (schedule, r) => {
          let now = new Date(NOW.getTime() + firstWaitMs(schedule, () => r));
          let attempt = 1;
          for (let due: Date | null; ; attempt++, now = due) {
            due = nextAttempt({ schedule, attempt, now, random: () => r });
            if (due === null) break;
            expect(due.getTime()).toBeGreaterThanOrEqual(now.getTime());
          }
          expect(attempt).toBe(schedule.length);
          expect(wait(now)).toBeLessThanOrEqual(horizonMs(schedule));
        },
      ),
    );
  });
});
