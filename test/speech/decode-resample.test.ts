// The resampler: what must pass passes, what must not fold back does not, and pieces make no difference.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Resampler } from '../../src/speech/resample.ts';

const rates = [8000, 11_025, 11_111, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000];

function tone(hertz: number, rate: number, seconds: number): Float32Array {
  return Float32Array.from({ length: rate * seconds }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / rate));
}

function resample(input: Float32Array, rate: number, cuts: readonly number[] = []): Float32Array {
  const resampler = new Resampler(rate);
  const edges = [0, ...[...cuts].sort((a, b) => a - b), input.length];
  const parts = edges.slice(1).map((edge, i) => resampler.push(input.slice(edges[i], edge)));
  return Float32Array.from([...parts, resampler.flush()].flatMap((part) => [...part]));
}

/** Decibels of `signal` away from its two ends. */
function level(signal: Float32Array): number {
  const middle = signal.subarray(400, -400);
  return 10 * Math.log10(middle.reduce((sum, x) => sum + x * x, 1e-20) / middle.length);
}

describe.each(rates)('from %i Hz', (rate) => {
  it('lasts as long as its input', () => {
    expect(resample(new Float32Array(rate), rate)).toHaveLength(16_000);
    expect(resample(new Float32Array(Math.round(rate / 3)), rate).length).toBeCloseTo(16_000 / 3, -1);
  });

  it('keeps speech frequencies in place, time and size', () => {
    for (const hertz of [100, 1000, 3000]) {
      const wanted = tone(hertz, 16_000, 0.5);
      const got = resample(tone(hertz, rate, 0.5), rate);
      const error = got.map((x, i) => x - (wanted[i] ?? 0));
      // Nearest phase at 11,111 Hz; all others are limited by the window alone.
      expect(level(error) - level(wanted)).toBeLessThan(rate === 11_111 ? -50 : -65);
    }
  });

  it('gives the same whatever the pieces', () => {
    const input = tone(440, rate, 0.05);
    const whole = resample(input, rate);
    fc.assert(
      fc.property(fc.array(fc.nat(input.length), { maxLength: 8 }), (cuts) => {
        expect(resample(input, rate, cuts)).toEqual(whole);
      }),
      { numRuns: 20, seed: 1 },
    );
  });
});

describe.each(rates.filter((rate) => rate > 16_000))('down from %i Hz', (rate) => {
  it('lets nothing above 9 kHz fold back', () => {
    for (const hertz of [9000, 10_500, 15_500].filter((hertz) => hertz < rate / 2)) {
      expect(level(resample(tone(hertz, rate, 0.5), rate))).toBeLessThan(-60);
    }
  });
});

it('refuses rates that no recorder has', () => {
  for (const rate of [0, 1, Number.NaN, 4e9]) expect(() => new Resampler(rate)).toThrow(RangeError);
});
