// Runs the Moonshine networks on one stretch of audio by the model's own files: greedy decoding with a key-value cache, a
// run for each token, keeping its probability and where in the audio the decoder looked. Model:
// https://arxiv.org/abs/2410.15608.

import type { Head } from './graphs/decoder-layers.ts';
import { type Decoded, type DecodeOptions, END, longEnough, type Network, START } from './network.ts';
import { InferenceSession, Tensor } from './onnxruntime.ts';

/**
 * Paths of the encoder, `input_values [1, samples]` to `last_hidden_state [1, frames, width]`, and of the merged decoder
 * whose cross-attention is among its outputs, see `attentionOutput`.
 */
export type StepwiseGraphs = { encoder: string; decoder: string };

/** Name of the decoder output with the cross-attention of `layer`: `[1, heads, tokens, frames]`. */
export const attentionOutput = (layer: number): string => `cross_attentions.${layer}`;

type Feeds = Record<string, Tensor>;

export class StepwiseNetwork implements Network {
  readonly #encoder: InferenceSession;
  readonly #decoder: InferenceSession;
  readonly #heads: readonly Head[];
  /** Outputs with the attention of the layers of those heads. */
  readonly #attention: string[];
  /** Names of the cache: `past_key_values.N.decoder.key` and so on. */
  readonly #selfCache: string[];
  readonly #crossCache: string[];
  readonly #emptyCache: Feeds;

  private constructor(encoder: InferenceSession, decoder: InferenceSession, heads: readonly Head[]) {
    this.#encoder = encoder;
    this.#decoder = decoder;
    this.#heads = heads;
    this.#attention = [...new Set(heads.map(({ layer }) => attentionOutput(layer)))];
    const cache = decoder.inputNames.filter((name) => name.startsWith('past_key_values.'));
    this.#selfCache = cache.filter((name) => name.includes('.decoder.'));
    this.#crossCache = cache.filter((name) => name.includes('.encoder.'));
    this.#emptyCache = Object.fromEntries(
      cache.map((name) => [name, new Tensor('float32', new Float32Array(0), emptyShape(decoder, name))]),
    );
  }

  static async load(
    graphs: StepwiseGraphs,
    alignmentHeads: readonly Head[],
    threads: number,
  ): Promise<StepwiseNetwork> {
    const options: InferenceSession.SessionOptions = {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      // Spinning threads would take a core from the next job while this one reads its audio.
      extra: {
        session: {
          // Unpack the int8 embeddings once at load: the runtime otherwise unpacks all 13.6 M of them for every token
          // (moonshine-base, one core, 11 s of speech: 21 ms a token before, 17 ms so; 110 MB more memory).
          disable_quant_qdq: '1',
          intra_op: { allow_spinning: '0' },
        },
      },
    };
    const encoder = await InferenceSession.create(graphs.encoder, options);
    const decoder = await InferenceSession.create(graphs.decoder, options);
    return new StepwiseNetwork(encoder, decoder, alignmentHeads);
  }

  /** A draft saves nothing here, and is not looked at. */
  async decode(samples: Float32Array, options: DecodeOptions): Promise<Decoded> {
    const hidden = await this.#encode(samples);
    const frames = hidden.dims[1] ?? 0;
    const tokens: number[] = [];
    const probabilities: number[] = [];
    const attention: Float32Array[] = [];
    let cache = this.#emptyCache;
    let last = START;
    let ended = false;
    while (tokens.length < options.limit) {
      const first = tokens.length === 0;
      const out = await this.#step(last, hidden, cache, first);
      attention.push(this.#attentionRow(out, frames));
      const choice = mostProbable(out.logits?.data as Float32Array);
      if (choice.token === END) {
        ended = true;
        break;
      }
      tokens.push(choice.token);
      probabilities.push(choice.probability);
      if (options.stop?.(tokens)) break;
      cache = this.#nextCache(cache, out, first);
      last = choice.token;
    }
    return { tokens, probabilities, attention, frames, ended };
  }

  async #encode(samples: Float32Array): Promise<Tensor> {
    const input = longEnough(samples);
    const out = await this.#encoder.run({ input_values: new Tensor('float32', input, [1, input.length]) });
    return out.last_hidden_state as Tensor;
  }

  async #step(token: number, hidden: Tensor, cache: Feeds, first: boolean): Promise<Feeds> {
    const wanted = [
      'logits',
      ...this.#selfCache.map(present),
      ...(first ? this.#crossCache.map(present) : []),
      ...this.#attention,
    ];
    const feeds = {
      input_ids: new Tensor('int64', BigInt64Array.of(BigInt(token)), [1, 1]),
      encoder_hidden_states: hidden,
      use_cache_branch: new Tensor('bool', Uint8Array.of(first ? 0 : 1), [1]),
      ...cache,
    };
    return (await this.#decoder.run(feeds, wanted)) as Feeds;
  }

  /** The rows of the alignment heads only: all heads of the exposed layers would be five times the memory. */
  #attentionRow(out: Feeds, frames: number): Float32Array {
    const row = new Float32Array(this.#heads.length * frames);
    for (const [i, { layer, head }] of this.#heads.entries()) {
      const weights = out[attentionOutput(layer)]?.data as Float32Array;
      row.set(weights.subarray(head * frames, (head + 1) * frames), i * frames);
    }
    return row;
  }

  /** The keys and values of the audio are made by the first step and then stay the same. */
  #nextCache(cache: Feeds, out: Feeds, first: boolean): Feeds {
    const next = { ...cache };
    for (const name of first ? [...this.#selfCache, ...this.#crossCache] : this.#selfCache) {
      const value = out[present(name)];
      if (value !== undefined) next[name] = value;
    }
    return next;
  }

  async close(): Promise<void> {
    await this.#encoder.release();
    await this.#decoder.release();
  }
}

const present = (past: string): string => past.replace('past_key_values', 'present');

/** `[0, heads, 1, width]`: heads and width as the model states them. */
function emptyShape(decoder: InferenceSession, name: string): number[] {
  const metadata = decoder.inputMetadata.find((input) => input.name === name);
  if (metadata === undefined || !metadata.isTensor) throw new Error(`the decoder has no input ${name}`);
  const [, heads, , width] = metadata.shape;
  if (typeof heads !== 'number' || typeof width !== 'number') throw new Error(`${name} has no fixed shape`);
  return [0, heads, 1, width];
}

/** The most probable token and its softmax probability. */
function mostProbable(logits: Float32Array): { token: number; probability: number } {
  let token = 0;
  let highest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) {
    const logit = logits[i] as number;
    if (logit > highest) {
      highest = logit;
      token = i;
    }
  }
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i] as number) - highest);
  return { token, probability: 1 / sum };
}
