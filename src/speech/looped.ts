// Runs the Moonshine networks on one stretch of audio by graphs of our own: one run for the encoder, one for the decoder
// with its greedy loop in it (graphs/).

import type { Head } from './graphs/decoder-layers.ts';
import { type Decoded, type DecodeOptions, END, longEnough, type Network, START } from './network.ts';
import { InferenceSession, Tensor } from './onnxruntime.ts';

/** Paths of the two graphs. */
export type LoopedGraphs = { encoder: string; decoder: string };

type Outputs = Record<string, Tensor>;

export class LoopedNetwork implements Network {
  readonly #encoder: InferenceSession;
  readonly #decoder: InferenceSession;
  readonly #heads: number;

  private constructor(encoder: InferenceSession, decoder: InferenceSession, heads: number) {
    this.#encoder = encoder;
    this.#decoder = decoder;
    this.#heads = heads;
  }

  static async load(
    graphs: LoopedGraphs,
    alignmentHeads: readonly Head[],
    threads: number,
  ): Promise<LoopedNetwork> {
    const options: InferenceSession.SessionOptions = {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      // Spinning threads would take a core from the next job while this one reads its audio.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    };
    const encoder = await InferenceSession.create(graphs.encoder, options);
    try {
      const decoder = await InferenceSession.create(graphs.decoder, options);
      return new LoopedNetwork(encoder, decoder, alignmentHeads.length);
    } catch (error) {
      await encoder.release();
      throw error;
    }
  }

  async decode(samples: Float32Array, { limit, stop, draft = [] }: DecodeOptions): Promise<Decoded> {
    const audio = longEnough(samples);
    const { hidden } = await this.#encoder.run({ audio: new Tensor('float32', audio, [1, audio.length]) });
    const known = [START, ...draft];
    const outputs = (await this.#decoder.run({
      hidden: hidden as Tensor,
      draft: new Tensor('int64', BigInt64Array.from(known.map(BigInt)), [1, known.length]),
      limit: new Tensor('int64', BigInt64Array.of(BigInt(limit)), []),
    })) as Outputs;
    return cutOff(this.#decoded(outputs, hidden?.dims[1] ?? 0), stop);
  }

  #decoded(outputs: Outputs, frames: number): Decoded {
    const tokens = [...numbers(outputs.drafted_tokens), ...numbers(outputs.tokens)];
    const probabilities = [...numbers(outputs.drafted_probabilities), ...numbers(outputs.probabilities)];
    const attention = [...this.#draftedRows(outputs, frames), ...this.#rows(outputs, frames)];
    const ended = tokens.at(-1) === END;
    if (ended) {
      tokens.pop();
      probabilities.pop();
    }
    return { tokens, probabilities, attention, frames, ended };
  }

  /** `[1, heads, tokens, frames]`: the heads of a token stand apart. */
  #draftedRows(outputs: Outputs, frames: number): Float32Array[] {
    const rows = outputs.drafted_tokens?.dims[1] ?? 0;
    const values = outputs.drafted_attention?.data as Float32Array;
    return Array.from({ length: rows }, (_, row) => {
      const together = new Float32Array(this.#heads * frames);
      for (let head = 0; head < this.#heads; head++) {
        const at = (head * rows + row) * frames;
        together.set(values.subarray(at, at + frames), head * frames);
      }
      return together;
    });
  }

  /** `[tokens, 1, heads, 1, frames]`: those of a token stand together. */
  #rows(outputs: Outputs, frames: number): Float32Array[] {
    const rows = outputs.tokens?.dims[0] ?? 0;
    const values = outputs.attention?.data as Float32Array;
    const width = this.#heads * frames;
    return Array.from({ length: rows }, (_, row) => values.subarray(row * width, (row + 1) * width));
  }

  async close(): Promise<void> {
    await this.#encoder.release();
    await this.#decoder.release();
  }
}

const numbers = (tensor: Tensor | undefined): number[] =>
  Array.from(tensor?.data as ArrayLike<number | bigint>, Number);

/** The graph makes all tokens before anybody is asked. */
function cutOff(decoded: Decoded, stop: DecodeOptions['stop']): Decoded {
  if (stop === undefined) return decoded;
  const { tokens, probabilities, attention } = decoded;
  for (let made = 1; made <= tokens.length; made++) {
    if (!stop(tokens.slice(0, made))) continue;
    return {
      ...decoded,
      tokens: tokens.slice(0, made),
      probabilities: probabilities.slice(0, made),
      attention: attention.slice(0, made),
      ended: false,
    };
  }
  return decoded;
}
