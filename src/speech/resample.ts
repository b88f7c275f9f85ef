// Any sample rate to 16 kHz, one channel, as a stream: a windowed-sinc polyphase filter (Smith, "Digital Audio
// Resampling", ccrma.stanford.edu/~jos/resample). Kept here because the typed libraries either hold whole files or pull
// in native code; 80 lines do it.

import { SAMPLE_RATE } from './transcript.ts';

/** Zero crossings each side at the lower of the two rates: as long as ffmpeg's own default filter (32 taps in all). */
const HALF_CROSSINGS = 16;
/** Kaiser window, beta 7: about 70 dB of stop band. */
const BETA = 7;
/**
 * Where the pass band ends, of the lower Nyquist frequency. Going down, what folds back stays above 7 kHz. Going up, as
 * in ffmpeg's default filter: with 0.92 the model lost "ask not" in 8 kHz telephone sound, as the top of its band counts.
 */
const CUTOFF = { down: 0.92, up: 0.97 } as const;
/**
 * At most so many filter phases. The common rates need at most 640 (11025 Hz) and are exact; an odd rate takes the
 * nearest phase, an error of 1/4096 of an input sample (below -60 dB at 8 kHz).
 */
const MAX_PHASES = 2048;

export class Resampler {
  readonly #phases: number;
  readonly #taps: number;
  readonly #table: Float32Array;
  /** Input samples per output sample. */
  readonly #step: number;
  readonly #through: boolean;
  #history: Float32Array;
  /** Input samples dropped so far: the absolute position of `#history[0]`, which starts in the leading zeros. */
  #origin: number;
  #written = 0;
  #read = 0;

  /** `inputRate` in Hz, 1000 to 768000. */
  constructor(inputRate: number) {
    if (!(inputRate >= 1000 && inputRate <= 768_000)) throw new RangeError(`sample rate ${inputRate}`);
    this.#through = inputRate === SAMPLE_RATE;
    this.#step = inputRate / SAMPLE_RATE;
    const scale = inputRate < SAMPLE_RATE ? CUTOFF.up : (SAMPLE_RATE / inputRate) * CUTOFF.down;
    const half = 2 * Math.ceil(HALF_CROSSINGS / Math.min(1, SAMPLE_RATE / inputRate) / 2);
    this.#taps = half * 2;
    this.#phases = this.#through
      ? 1
      : Math.min(MAX_PHASES, SAMPLE_RATE / greatestCommonDivisor(Math.round(inputRate), SAMPLE_RATE));
    this.#table = this.#through ? new Float32Array(0) : filterTable(this.#phases, half, scale);
    this.#history = new Float32Array(this.#through ? 0 : half - 1);
    this.#origin = -this.#history.length;
  }

  /** Takes any number of samples, gives those outputs whose filter they complete. */
  push(input: Float32Array): Float32Array {
    this.#read += input.length;
    if (this.#through) {
      this.#written += input.length;
      return input;
    }
    const joined = new Float32Array(this.#history.length + input.length);
    joined.set(this.#history);
    joined.set(input, this.#history.length);
    const taps = this.#taps;
    const half = taps / 2;
    const end = this.#origin + joined.length;
    const output = new Float32Array(Math.max(0, Math.ceil((end - this.#written * this.#step) / this.#step)));
    let count = 0;
    for (;;) {
      // Output n sits at input position n·step; its filter reads `half` samples before (and at) it and `half` after.
      const position = this.#written * this.#step;
      let whole = Math.floor(position);
      let phase = Math.round((position - whole) * this.#phases);
      if (phase === this.#phases) {
        phase = 0;
        whole++;
      }
      const first = whole - half + 1 - this.#origin;
      if (first + taps > joined.length) break;
      output[count++] = dot(joined, first, this.#table, phase * taps, taps);
      this.#written++;
    }
    const keepFrom = Math.max(0, Math.floor(this.#written * this.#step) - half + 1 - this.#origin);
    this.#history = joined.slice(Math.min(keepFrom, joined.length));
    this.#origin += Math.min(keepFrom, joined.length);
    return output.subarray(0, count);
  }

  /** The tail: as many samples as make the output last as long as the input. */
  flush(): Float32Array {
    if (this.#through) return new Float32Array(0);
    const wanted = Math.round(this.#read / this.#step) - this.#written;
    const tail = this.push(new Float32Array(this.#taps + Math.ceil(this.#step)));
    return tail.subarray(0, Math.max(0, Math.min(wanted, tail.length)));
  }

  /** The same state again: for a stream that turns out to have one channel more. */
  clone(inputRate: number): Resampler {
    const copy = new Resampler(inputRate);
    copy.#history = this.#history.slice();
    copy.#origin = this.#origin;
    copy.#written = this.#written;
    copy.#read = this.#read;
    return copy;
  }
}

function dot(samples: Float32Array, at: number, table: Float32Array, row: number, taps: number): number {
  // Inner loop of the whole decode: 88 taps × 16,000 a second at 44.1 kHz. Four sums instead of one: 10 s instead of
  // 23 s for an hour of sound. Indices are in range by construction, and `taps` is a multiple of four.
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < taps; i += 4) {
    a += (samples[at + i] as number) * (table[row + i] as number);
    b += (samples[at + i + 1] as number) * (table[row + i + 1] as number);
    c += (samples[at + i + 2] as number) * (table[row + i + 2] as number);
    d += (samples[at + i + 3] as number) * (table[row + i + 3] as number);
  }
  return a + b + c + d;
}

function filterTable(phases: number, half: number, scale: number): Float32Array {
  const taps = half * 2;
  const table = new Float32Array(phases * taps);
  const norm = besselI0(BETA);
  for (let phase = 0; phase < phases; phase++) {
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) {
      const distance = tap - (half - 1) - phase / phases;
      const x = distance * scale;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
      const edge = distance / half;
      const window = Math.abs(edge) >= 1 ? 0 : besselI0(BETA * Math.sqrt(1 - edge * edge)) / norm;
      const value = sinc * window;
      table[phase * taps + tap] = value;
      sum += value;
    }
    // Unity gain at 0 Hz for every phase: no whine at the phase rate.
    for (let tap = 0; tap < taps; tap++) table[phase * taps + tap] = (table[phase * taps + tap] ?? 0) / sum;
  }
  return table;
}

/** Modified Bessel function of the first kind, order 0 (power series). */
function besselI0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
