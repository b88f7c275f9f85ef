import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LONGEST_OPEN_MS, OPEN_MS } from '../../src/deliver/breaker.ts';
import { type HostOutcome, nextHostHealth, SILENT_IN_A_ROW } from '../../src/deliver/host-breaker.ts';
import type { HostHealth } from '../../src/delivery.ts';
import { answering } from '../rig/health.ts';

const START = new Date('2026-11-26T09:00:00Z');
const at = (ms: number) => new Date(START.getTime() + ms);
const after = (health: HostHealth, outcomes: readonly HostOutcome[], now = START) =>
  outcomes.reduce((state, outcome) => nextHostHealth(state, outcome, now), health);
const silences = (count: number): HostOutcome[] => Array(count).fill('silent');

test('an answer of a host that answers changes nothing at all: nothing has to be written', () => {
  expect(nextHostHealth(answering, 'answered', START)).toBe(answering);
  expect(nextHostHealth(answering, 'neither', START)).toBe(answering);
});

test('it opens after so many attempts in a row without an answer; one answer, whatever it was, and the count begins anew', () => {
  expect(after(answering, silences(SILENT_IN_A_ROW - 1)).state).toBe('closed');
  expect(after(answering, silences(SILENT_IN_A_ROW))).toMatchObject({
    state: 'open',
    trips: 1,
    openUntil: at(OPEN_MS),
  });
  const interrupted = [
    ...silences(SILENT_IN_A_ROW - 1),
    'answered',
    ...silences(SILENT_IN_A_ROW - 1),
  ] as const;
  expect(after(answering, interrupted).state).toBe('closed');
});

test('what was in flight when it opened does not open it again; a probe that fails does, for twice as long', () => {
  let health = after(answering, silences(SILENT_IN_A_ROW + 20));
  expect(health).toMatchObject({ trips: 1, openUntil: at(OPEN_MS) });
  let now = at(OPEN_MS);
  let openMs = OPEN_MS;
  for (let probe = 0; probe < 8; probe++) {
    health = nextHostHealth({ ...health, state: 'half_open' }, 'silent', now);
    openMs = Math.min(openMs * 2, LONGEST_OPEN_MS);
    expect(health).toMatchObject({ state: 'open', openUntil: new Date(now.getTime() + openMs) });
    now = new Date(now.getTime() + openMs);
  }
  expect(nextHostHealth({ ...health, state: 'half_open' }, 'answered', now)).toEqual(answering);
});

test('whatever happens: an answer closes it, and it is never open without an end', () => {
  const outcome = fc.constantFrom<HostOutcome>('answered', 'silent', 'neither');
  fc.assert(
    fc.property(fc.array(fc.tuple(outcome, fc.integer({ min: 0, max: 700_000 }))), (steps) => {
      let health = answering;
      let now = 0;
      for (const [kind, ms] of steps) {
        now += ms;
        if (health.state === 'open' && Number(health.openUntil) <= at(now).getTime())
          health = { ...health, state: 'half_open' };
        health = nextHostHealth(health, kind, at(now));
        if (kind === 'answered') expect(health).toEqual(answering);
        expect(health.state === 'open' && health.openUntil === null).toBe(false);
      }
    }),
  );
});
