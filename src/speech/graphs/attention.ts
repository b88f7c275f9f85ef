// What the layers of encoder and decoder share.

import type { GraphBuilder } from './graph-builder.ts';

/** Of every layer of both models (moonshine-base and -tiny). */
export const HEADS = 8;
/** Of the numbers of a head, so many are turned by their place (arXiv:2410.15608, 3.1). */
const ROTARY = 32;
/** Frames of the encoder: 49 s. */
const PLACES = 2_048;
const ROTARY_BASE = 10_000;

export const EPSILON = { epsilon: { float: 1e-5 } } as const;

/** Rotary embedding (arXiv:2104.09864) of `heads` heads that stand side by side, from the place `at` on. */
export function rotary(graph: GraphBuilder, value: string, at: string, heads: number): string {
  const half = ROTARY / 2;
  const cosines = new Float32Array(PLACES * half);
  const sines = new Float32Array(PLACES * half);
  for (let place = 0; place < PLACES; place++) {
    for (let i = 0; i < half; i++) {
      // In the precision of the model that was trained.
      const angle = Math.fround(place * Math.fround(ROTARY_BASE ** ((-2 * i) / ROTARY)));
      cosines[place * half + i] = Math.cos(angle);
      sines[place * half + i] = Math.sin(angle);
    }
  }
  const table = (name: string, values: Float32Array) => graph.floats(name, [PLACES, half], values);
  return graph.node(
    'com.microsoft.RotaryEmbedding',
    [value, at, table('cosines', cosines), table('sines', sines)],
    { interleaved: 1, num_heads: heads, rotary_embedding_dim: ROTARY },
  );
}

/** Layer after layer adds to one running sum. Each begins with the sum so far, normalised. */
export class Residual {
  readonly #graph: GraphBuilder;
  #sum: string;
  #added: string | undefined;
  /** Sums and normalises in one operator, which is quick for one row and slow for many. */
  readonly #oneRow: boolean;

  constructor(graph: GraphBuilder, start: string, options: { oneRow: boolean }) {
    this.#graph = graph;
    this.#sum = start;
    this.#oneRow = options.oneRow;
  }

  add(value: string): void {
    this.#added = value;
  }

  /** The sum so far, normalised with the weights `gamma`. */
  normalised(gamma: string): string {
    const graph = this.#graph;
    if (this.#added !== undefined && this.#oneRow) {
      const [normed, sum] = [graph.fresh(), graph.fresh()];
      const outputs = [normed, '', '', sum];
      graph.nodes('com.microsoft.SkipLayerNormalization', [this.#sum, this.#added, gamma], EPSILON, outputs);
      this.#sum = sum;
      return normed;
    }
    if (this.#added !== undefined) this.#sum = graph.node('Add', [this.#sum, this.#added]);
    return graph.node('LayerNormalization', [this.#sum, gamma], { axis: -1, ...EPSILON });
  }
}
