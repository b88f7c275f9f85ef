// When a host is too slow: by what came within a window, on a clock of the test's own.
import { expect, test } from 'vitest';
import { MINIMUM_RATE, Pace } from '../../src/transcribe/slow-host.ts';

const S = 1_000;

/** Seconds after which it is given up, of pieces of so many bytes every so many seconds; null within an hour. */
function givenUpAfter(bytes: number, everySeconds: number): number | null {
  const pace = new Pace(MINIMUM_RATE, 0);
  for (let at = everySeconds; at < 3_600; at += everySeconds) if (pace.tooSlow(bytes, at * S)) return at;
  return null;
}

test.each([
  ['a byte a second', 1, 1, 30],
  ['a byte every 29 s', 1, 29, 58],
  ['just too slow', 3_999, 1, 30],
  ['just quick enough', 4_000, 1, null],
  ['a telephone line as it speaks', 160, 0.02, null],
  ['120 kB every 29 s, as a proxy gives them', 240_000, 29, null],
])('%s', (_what, bytes, every, after) => {
  expect(givenUpAfter(bytes, every)).toBe(after);
});

test('time in which our own disk was not ready is not the host’s', () => {
  const pace = new Pace(MINIMUM_RATE, 0);
  expect(pace.tooSlow(80_000, 10 * S)).toBe(false);
  pace.excuse(25 * S);
  expect(pace.tooSlow(1_000, 36 * S)).toBe(false);
  // 81,001 bytes in 30 s of its own would be too few, were it not for those 25 s more.
  expect(pace.tooSlow(1, 56 * S)).toBe(true);
});
