// What a speech network gives for one stretch of audio. There are two: looped.ts runs graphs of our own, which are three
// times as fast; stepwise.ts runs the model's own files, for models that those graphs cannot be made of.

/** A token of Moonshine. */
export const START = 1;
export const END = 2;

/** Samples between two frames of the encoder (24 ms): its convolutions stride 64, 3 and 2. */
export const ENCODER_HOP = 384;
/** The encoder's convolutions need this many samples to give one frame. */
const SHORTEST = 1_024;

export type Decoded = {
  /** Token ids, without start and end. */
  tokens: number[];
  /** Softmax probability of each token. */
  probabilities: number[];
  /** One row per token, and one for the end: attention over `frames` of each alignment head, one after another. */
  attention: Float32Array[];
  frames: number;
  /** Whether the model ended by itself; otherwise `stop` or the limit ended it. */
  ended: boolean;
};

export type DecodeOptions = {
  /** Most tokens to make. */
  limit: number;
  /** What the tokens so far are asked; true ends the decoding with them. */
  stop?: (tokens: readonly number[]) => boolean;
  /** What is probably said: checked in one pass, which is quicker than token by token where it is right. */
  draft?: readonly number[];
};

export interface Network {
  /** Recognises `samples` (16 kHz, floats in [-1, 1)). */
  decode(samples: Float32Array, options: DecodeOptions): Promise<Decoded>;
  close(): Promise<void>;
}

/** `samples`, with silence behind them where they are too few. */
export function longEnough(samples: Float32Array): Float32Array {
  if (samples.length >= SHORTEST) return samples;
  const input = new Float32Array(SHORTEST);
  input.set(samples);
  return input;
}
