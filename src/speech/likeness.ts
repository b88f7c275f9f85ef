// How alike two channels are, half second by half second: the generalised cross-correlation with (partial) phase transform,
// GCC-PHAT. What two microphones or a line hear of one source has one delay at all frequencies, whatever its loudness,
// phase or tone, and under noise; two voices have none, also when they say the same word at the same time.

import FFT from 'fft.js';

/** Samples at 8 kHz: of a window, and from one to the next. */
export const WINDOW = 4096;
export const HOP = WINDOW / 2;
/** Delays of up to 100 ms are looked for. */
const LAGS = 800;
/** 97 Hz to 3.9 kHz: without hum, and without what is left of the resampling. */
const FIRST_BIN = 50;
const LAST_BIN = WINDOW / 2 - 50;
/** 1 takes every frequency for equally important, also those that hold noise only; 0 the loud ones alone. */
const WHITENING = 0.7;
const EMPHASIS = 0.9;

export type Spectrum = { bins: Float32Array; level: number };
/** By delay, from -100 to 100 ms: 1 and -1 where one channel is the other, about 0 elsewhere. */
export type Correlation = Float32Array;

export class Likeness {
  readonly #fft = new FFT(WINDOW);
  readonly #shape = Float64Array.from(
    { length: WINDOW },
    (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / WINDOW),
  );
  readonly #input = new Float64Array(WINDOW);
  readonly #cross: number[] = this.#fft.createComplexArray();
  readonly #output: number[] = this.#fft.createComplexArray();

  /** Of the window of `samples` that begins at `at`. Its level is in dB of full scale, high frequencies emphasised. */
  spectrum(samples: Float32Array, at: number): Spectrum {
    for (let i = 0; i < WINDOW; i++) {
      const one = (samples[at + i] ?? 0) - EMPHASIS * (samples[at + i - 1] ?? 0);
      this.#input[i] = one * (this.#shape[i] as number);
    }
    this.#fft.realTransform(this.#output, this.#input);
    const bins = new Float32Array(2 * LAST_BIN);
    let power = 0;
    for (let k = 2 * FIRST_BIN; k < bins.length; k++) {
      const one = this.#output[k] as number;
      bins[k] = one;
      power += one * one;
    }
    return { bins, level: 10 * Math.log10((16 / 3) * (power / WINDOW ** 2) + 1e-12) };
  }

  correlate(a: Spectrum, b: Spectrum): Correlation {
    const cross = this.#cross;
    let whole = 0;
    for (let k = FIRST_BIN; k < LAST_BIN; k++) {
      const [ar, ai] = [a.bins[2 * k] as number, a.bins[2 * k + 1] as number];
      const [br, bi] = [b.bins[2 * k] as number, b.bins[2 * k + 1] as number];
      const [real, imaginary] = [ar * br + ai * bi, ai * br - ar * bi];
      const size = Math.sqrt(real * real + imaginary * imaginary) + 1e-20;
      const weight = size ** -WHITENING;
      cross[2 * k] = real * weight;
      cross[2 * k + 1] = imaginary * weight;
      whole += size * weight;
    }
    this.#fft.inverseTransform(this.#output, cross);
    const out = new Float32Array(2 * LAGS + 1);
    const scale = WINDOW / whole;
    for (let lag = -LAGS; lag <= LAGS; lag++)
      out[lag + LAGS] = (this.#output[2 * ((lag + WINDOW) % WINDOW)] as number) * scale;
    return out;
  }
}

/** A way of a sound from one channel to the other keeps its delay, so a peak that stays is told from one by chance. */
export class Delays {
  readonly #mean = new Float64Array(2 * LAGS + 1);

  /** The likeness of each window, 0 to 1, at the delays of these windows and of those before. */
  follow(windows: readonly (Correlation | null)[]): number[] {
    for (let i = 0; i < this.#mean.length; i++) this.#mean[i] = (this.#mean[i] as number) * FORGETS;
    for (const window of windows)
      if (window)
        for (let i = 0; i < window.length; i++)
          this.#mean[i] = (this.#mean[i] as number) + (window[i] as number);
    const places = this.#peaks();
    return windows.map((window) => {
      let most = 0;
      if (window)
        for (const place of places)
          for (let i = place - NEAR; i <= place + NEAR; i++) most = Math.max(most, Math.abs(window[i] ?? 0));
      return Math.min(1, most);
    });
  }

  /** The highest few, each alone within a millisecond. */
  #peaks(): number[] {
    const order = [...this.#mean.keys()].sort(
      (a, b) => Math.abs(this.#mean[b] ?? 0) - Math.abs(this.#mean[a] ?? 0),
    );
    const highest = Math.abs(this.#mean[order[0] ?? 0] ?? 0);
    const places: number[] = [];
    for (const place of order) {
      if (places.length === MOST_DELAYS || Math.abs(this.#mean[place] ?? 0) < highest * LOWEST_PEAK) break;
      if (places.every((other) => Math.abs(other - place) > APART)) places.push(place);
    }
    return places;
  }
}

/** What is left of the mean after 16 s: clocks of two devices drift. */
const FORGETS = 0.7;
/** Each side of a call has its own way to the other, and a room has several. */
const MOST_DELAYS = 4;
const LOWEST_PEAK = 0.35;
const NEAR = 2;
const APART = 8;

/** Half of the samples, without what is above 4 kHz. */
export function halved(samples: Float32Array): Float32Array {
  const out = new Float32Array(samples.length >> 1);
  for (let i = 0, at = 0; i < out.length; i++, at += 2) {
    const near = (samples[at - 1] ?? 0) + (samples[at + 1] ?? 0);
    const far = (samples[at - 4] ?? 0) + (samples[at + 4] ?? 0);
    out[i] = 0.5 * (samples[at] as number) + 0.2725 * near - 0.0225 * far;
  }
  return out;
}
