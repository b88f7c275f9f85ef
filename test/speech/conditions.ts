// What happens to speech before it reaches a transcriber: cut short, far away, over a telephone, behind key tones or in
// a long silence. Made in code from any clip, the same every time. Pure.

import { Resampler } from '../../src/speech/resample.ts';
import { SAMPLE_RATE } from '../../src/speech/transcript.ts';
import { joined, silence } from './speech-set.ts';

const FULL_SCALE = 32_768;
/** Speech begins and ends with the first and last 10 ms that are louder, dB below full scale. */
const EDGE_LEVEL = -36;
const EDGE_WINDOW = SAMPLE_RATE / 100;

const toInt16 = (value: number): number => Math.max(-32_768, Math.min(32_767, Math.round(value)));

/** As a recorder gives it that cuts the quiet away, and the breath and the end of the last sound with it. */
export function trimmed(samples: Int16Array): Int16Array {
  const loud = (at: number): boolean => {
    const window = samples.subarray(at, at + EDGE_WINDOW);
    const power = window.reduce((sum, sample) => sum + sample * sample, 0) / window.length;
    return 10 * Math.log10(power / FULL_SCALE ** 2) > EDGE_LEVEL;
  };
  const windows = Array.from({ length: Math.floor(samples.length / EDGE_WINDOW) }, (_, i) => i * EDGE_WINDOW);
  const first = windows.find(loud);
  const last = windows.findLast(loud);
  return first === undefined || last === undefined ? samples : samples.slice(first, last + EDGE_WINDOW);
}

/** Attenuated in 16 bits: at 40 dB a word is left with some eight bits, at 60 with four. */
export function quieter(samples: Int16Array, decibels: number): Int16Array {
  const factor = 10 ** (-decibels / 20);
  return samples.map((sample) => toInt16(sample * factor));
}

const BAND = [300, 3_400] as const;
const TAPS = 401;

/** Over a telephone line: 300 to 3,400 Hz, 8,000 samples a second in µ-law (ITU-T G.711), and up to 16,000 again. */
export function telephone(samples: Int16Array): Int16Array {
  const taps = bandPass();
  const half = TAPS >> 1;
  const narrow = new Float32Array(Math.floor(samples.length / 2));
  for (let i = 0; i < narrow.length; i++) {
    let sum = 0;
    const from = 2 * i - half;
    for (let tap = 0; tap < TAPS; tap++) sum += (taps[tap] as number) * (samples[from + tap] ?? 0);
    narrow[i] = companded(toInt16(sum)) / FULL_SCALE;
  }
  const resampler = new Resampler(SAMPLE_RATE / 2);
  const wide = [resampler.push(narrow), resampler.flush()];
  return joined(wide.map((part) => Int16Array.from(part, (sample) => toInt16(sample * FULL_SCALE))));
}

/** A windowed sinc of the band. */
function bandPass(): Float64Array {
  const sinc = (hertz: number, at: number) =>
    at === 0
      ? (2 * hertz) / SAMPLE_RATE
      : Math.sin((2 * Math.PI * hertz * at) / SAMPLE_RATE) / (Math.PI * at);
  return Float64Array.from({ length: TAPS }, (_, i) => {
    const at = i - (TAPS >> 1);
    const window = 0.54 + 0.46 * Math.cos((2 * Math.PI * at) / TAPS);
    return window * (sinc(BAND[1], at) - sinc(BAND[0], at));
  });
}

/** To µ-law and back: 8 segments of 16 steps. */
function companded(sample: number): number {
  const biased = Math.min(32_635, Math.abs(sample)) + 132;
  const segment = Math.floor(Math.log2(biased)) - 7;
  const step = 2 ** (segment + 3);
  const value = Math.floor(biased / step) * step + step / 2 - 132;
  return sample < 0 ? -value : value;
}

/** Keys 0 to 9, * and #: ITU-T Q.23. */
const KEY_ROWS = [697, 770, 852, 941];
const KEY_COLUMNS = [1209, 1336, 1477];
const KEY_SECONDS = 0.1;

/** A voice menu's caller: `count` keys of 100 ms with 100 ms between them. */
export function keyTones(count: number, level = -12): Int16Array {
  const amplitude = (FULL_SCALE * 10 ** (level / 20)) / 2;
  const parts: Int16Array[] = [];
  for (let key = 0; key < count; key++) {
    const [row = 0, column = 0] = [KEY_ROWS[(key * 7) % 4], KEY_COLUMNS[(key * 5) % 3]];
    const wave = (hertz: number, i: number) => Math.sin((2 * Math.PI * hertz * i) / SAMPLE_RATE);
    parts.push(
      Int16Array.from({ length: KEY_SECONDS * SAMPLE_RATE }, (_, i) =>
        toInt16(amplitude * (wave(row, i) + wave(column, i))),
      ),
      silence(KEY_SECONDS),
    );
  }
  return joined(parts);
}

const GRAIN = 0.03 * SAMPLE_RATE;
const SEARCH = 0.008 * SAMPLE_RATE;

/** `factor` times as fast at the same pitch: grains of 30 ms, faded into each other where they are most alike (WSOLA). */
export function faster(samples: Int16Array, factor: number): Int16Array {
  const half = GRAIN / 2;
  const mixed = new Float32Array(Math.ceil(samples.length / factor) + GRAIN);
  let natural = 0;
  for (let to = 0; to * factor + GRAIN + SEARCH < samples.length; to += half) {
    const from = to === 0 ? 0 : mostAlike(samples, natural, Math.round(to * factor), half);
    for (let i = 0; i < GRAIN; i++) {
      const weight = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / GRAIN);
      mixed[to + i] = (mixed[to + i] as number) + weight * (samples[from + i] as number);
    }
    natural = from + half;
  }
  return Int16Array.from(mixed.subarray(0, Math.ceil(samples.length / factor)), toInt16);
}

/** Where, near `wanted`, the samples go on most like those at `natural`. */
function mostAlike(samples: Int16Array, natural: number, wanted: number, length: number): number {
  let best = wanted;
  let highest = Number.NEGATIVE_INFINITY;
  for (let at = Math.max(0, wanted - SEARCH); at <= wanted + SEARCH; at += 2) {
    let likeness = 0;
    let power = 1;
    for (let i = 0; i < length; i += 2) {
      const sample = samples[at + i] as number;
      likeness += sample * (samples[natural + i] ?? 0);
      power += sample * sample;
    }
    if (likeness / Math.sqrt(power) <= highest) continue;
    highest = likeness / Math.sqrt(power);
    best = at;
  }
  return best;
}

/** `samples` somewhere in `seconds` of digital silence, `place` (0 to 1) of the way. */
export function inSilence(samples: Int16Array, seconds: number, place: number): Int16Array {
  const whole = new Int16Array(Math.max(samples.length, Math.round(seconds * SAMPLE_RATE)));
  whole.set(samples, Math.floor((whole.length - samples.length) * place));
  return whole;
}
