import { describe, expect, it } from 'vitest';
import { cutEdges, PAD, padded } from '../../src/speech/edges.ts';

const RATE = 16_000;
const tone = (seconds: number, peak: number): Float32Array =>
  Float32Array.from({ length: seconds * RATE }, (_, i) => peak * Math.sin(i / 7));
const joined = (...parts: Float32Array[]): Float32Array =>
  Float32Array.from(parts.flatMap((part) => [...part]));

describe('edges', () => {
  it('are cut where the sound is near its loudest, however quiet the whole is', () => {
    for (const level of [0.5, 0.005]) {
      const [loud, quiet] = [tone(1, level), tone(0.1, level / 1_000)];
      expect(cutEdges(loud)).toEqual({ start: true, end: true });
      expect(cutEdges(joined(quiet, loud))).toEqual({ start: false, end: true });
      expect(cutEdges(joined(loud, quiet))).toEqual({ start: true, end: false });
    }
  });

  it('of silence, of a click in it, and of next to nothing are whole', () => {
    const click = new Float32Array(RATE);
    click[8_000] = 1;
    expect(cutEdges(new Float32Array(10))).toEqual({ start: false, end: false });
    expect(cutEdges(joined(new Float32Array(1_600), tone(1, 0.1), new Float32Array(1_600)))).toEqual({
      start: false,
      end: false,
    });
  });

  it('get noise that is far below speech, the same every time, and the sound stays as it is', () => {
    const loud = tone(1, 0.5);
    const whole = padded(loud, { start: true, end: true });
    expect(whole.length).toBe(RATE * (1 + 2 * PAD));
    expect(whole.subarray(PAD * RATE, PAD * RATE + RATE)).toEqual(loud);
    const noise = whole.subarray(0, PAD * RATE);
    expect(Math.max(...noise.map(Math.abs))).toBeLessThanOrEqual(0.001);
    expect(noise.some((sample) => sample !== 0)).toBe(true);
    expect(padded(loud, { start: true, end: true })).toEqual(whole);
    expect(padded(loud, { start: false, end: false })).toBe(loud);
  });
});
