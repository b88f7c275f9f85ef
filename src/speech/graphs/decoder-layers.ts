// The layers of the decoder over one stretch of audio, for one token or for several at once.

import { HEADS, Residual, rotary } from './attention.ts';
import type { GraphBuilder } from './graph-builder.ts';
import {
  exactProduct,
  joined,
  type Matrix,
  type Product,
  type Source,
  signed,
  times,
  transposed,
} from './quantised.ts';

/** An attention head, both counted from 0. */
export type Head = { layer: number; head: number };

export const DECODER = '/model/decoder';
const EMBEDDING = 'model.decoder.embed_tokens.weight_merged_0';

export type Heard = {
  /** `[1, tokens]` */
  best: string;
  /** Softmax probability of the best, `[1, tokens]`. */
  probability: string;
  /** Of the alignment heads, `[1, heads, tokens, frames]`. */
  attention: string;
  /** Keys and values of each layer, `[1, 8, tokens so far, head width]`. */
  cache: string[];
};

export class Layers {
  readonly heads: readonly Head[];
  readonly headWidth: number;
  readonly #source: Source;
  readonly #width: number;
  readonly #count: number;
  readonly #aligned: readonly number[];
  readonly #matrices = new Map<string, Matrix>();
  /** Keys and values of the audio, of each layer. */
  #audio: string[] = [];

  constructor(source: Source, heads: readonly Head[], width: number) {
    this.#source = source;
    this.heads = heads;
    this.#width = width;
    this.headWidth = width / HEADS;
    this.#aligned = [...new Set(heads.map(({ layer }) => layer))];
    let count = 0;
    while (source.hasMatrix(`${DECODER}/layers.${count}/self_attn/q_proj`)) count += 1;
    this.#count = count;
  }

  get cacheSize(): number {
    return 2 * this.#count;
  }

  /** Keys and values of the audio for all layers, once a stretch. */
  hear(graph: GraphBuilder, hidden: string): void {
    const parts = this.cacheSize;
    const matrices = Array.from({ length: this.#count }, (_, layer) =>
      ['k', 'v'].map((one) => this.#source.matrix(`${DECODER}/layers.${layer}/encoder_attn/${one}_proj`)),
    );
    const all = exactProduct(graph, hidden, 'audio', joined(matrices.flat()));
    const apart = graph.node('Reshape', [all, graph.ints(0, 0, parts, HEADS, this.headWidth)]);
    const turned = graph.node('Transpose', [apart], { perm: [2, 0, 3, 1, 4] });
    const each = graph.split(turned, 0, ...Array.from({ length: parts }, () => 1));
    this.#audio = each.map((one, i) => {
      const part = graph.node('Squeeze', [one, graph.ints(0)]);
      const isKeys = i % 2 === 0;
      return isKeys && this.#isAligned(i / 2)
        ? graph.node('Transpose', [part], { perm: [0, 1, 3, 2] })
        : part;
    });
  }

  /** `tokens [1, n]` from the place `at` on, behind the `past` of the cache. Rows are multiplied by `multiply`. */
  decode(graph: GraphBuilder, tokens: string, at: string, past: readonly string[], multiply: Product): Heard {
    const oneRow = past.length > 0;
    const residual = new Residual(graph, this.#embed(graph, tokens), { oneRow });
    const normalised = (name: string) =>
      residual.normalised(graph.floats(name, [this.#width], this.#source.vector(name)));
    const cache: string[] = [];
    const attention = new Map<number, string>();
    for (let layer = 0; layer < this.#count; layer++) {
      const name = `model.decoder.layers.${layer}`;
      const multiplied = (value: string, part: string, matrix: () => Matrix, bias?: Float32Array) =>
        multiply(graph, value, `layer${layer}.${part}`, this.#matrix(`${layer}.${part}`, matrix), bias);
      const own = { graph, layer, multiplied };
      const first = normalised(`${name}.input_layernorm.weight`);
      residual.add(this.#selfAttention(own, first, at, past, cache));
      const second = normalised(`${name}.post_attention_layernorm.weight`);
      residual.add(this.#audioAttention(own, second, oneRow, attention));
      const third = normalised(`${name}.final_layernorm.weight`);
      residual.add(this.#feedForward(own, third));
    }
    const last = normalised('model.decoder.norm.weight');
    return { ...this.#choose(graph, last, multiply), attention: this.#rows(graph, attention), cache };
  }

  #isAligned(layer: number): boolean {
    return this.#aligned.includes(layer);
  }

  /** Each is made once: the step and the check of a draft use the same. */
  #matrix(name: string, make: () => Matrix): Matrix {
    const known = this.#matrices.get(name) ?? make();
    this.#matrices.set(name, known);
    return known;
  }

  #embedding() {
    return {
      tensor: this.#source.tensor(`${EMBEDDING}_quantized`),
      scale: this.#source.scalar(`${EMBEDDING}_scale`),
      zero: this.#source.tensor(`${EMBEDDING}_zero_point`).bytes[0] ?? 0,
    };
  }

  #embed(graph: GraphBuilder, tokens: string): string {
    const { tensor, scale, zero } = this.#embedding();
    const table = graph.constant('embedding', 'uint8', tensor.shape, tensor.bytes);
    return graph.node('DequantizeLinear', [
      graph.node('Gather', [table, tokens], { axis: 0 }),
      graph.floats('embedding.scale', [], Float32Array.of(scale)),
      graph.constant('embedding.zero', 'uint8', [], Uint8Array.of(zero)),
    ]);
  }

  #selfAttention(
    { graph, layer, multiplied }: Own,
    value: string,
    at: string,
    past: readonly string[],
    cache: string[],
  ): string {
    const path = `${DECODER}/layers.${layer}/self_attn`;
    const width = this.#width;
    const all = multiplied(value, 'qkv', () =>
      joined([
        this.#scaled(`${path}/q_proj`),
        this.#source.matrix(`${path}/k_proj`),
        this.#source.matrix(`${path}/v_proj`),
      ]),
    );
    const [placeless = '', values = ''] = graph.split(all, -1, 2 * width, width);
    const [queries = '', keys = ''] = graph.split(rotary(graph, placeless, at, 2 * HEADS), -1, width, width);
    const before = past.length === 0 ? [] : ['', '', '', past[2 * layer] ?? '', past[2 * layer + 1] ?? ''];
    const [attended = '', ...present] = graph.nodes(
      'com.microsoft.MultiHeadAttention',
      [queries, keys, values, ...before],
      { num_heads: HEADS, scale: { float: 1 }, unidirectional: 1 },
      3,
    );
    cache.push(...present);
    return multiplied(attended, 'attended', () =>
      this.#source.matrix(this.#source.hasMatrix(`${path}/dense`) ? `${path}/dense` : `${path}/o_proj`),
    );
  }

  /** Where the heads are wanted that follow the audio, attention is written out: the fused operator shows no weights. */
  #audioAttention(
    { graph, layer, multiplied }: Own,
    value: string,
    oneRow: boolean,
    attention: Map<number, string>,
  ): string {
    const path = `${DECODER}/layers.${layer}/encoder_attn`;
    const queries = multiplied(value, 'audio_q', () => this.#scaled(`${path}/q_proj`));
    const [keys = '', values = ''] = this.#audio.slice(2 * layer, 2 * layer + 2);
    let attended: string;
    if (this.#isAligned(layer)) {
      const apart = oneRow
        ? graph.node('Reshape', [queries, graph.ints(-1, HEADS, 1, this.headWidth)])
        : byHead(graph, graph.node('Reshape', [queries, graph.ints(0, 0, HEADS, this.headWidth)]));
      const weights = graph.node('Softmax', [graph.node('MatMul', [apart, keys])], { axis: -1 });
      attention.set(layer, weights);
      const seen = graph.node('MatMul', [weights, values]);
      attended = oneRow
        ? graph.node('Reshape', [seen, graph.ints(-1, 1, this.#width)])
        : graph.node('Reshape', [byHead(graph, seen), graph.ints(0, 0, this.#width)]);
    } else {
      attended = graph.node('com.microsoft.MultiHeadAttention', [queries, keys, values], {
        num_heads: HEADS,
        scale: { float: 1 },
      });
    }
    return multiplied(attended, 'audio_attended', () => this.#source.matrix(`${path}/dense`));
  }

  #feedForward({ graph, layer, multiplied }: Own, value: string): string {
    const matrix = (name: string) => this.#source.matrix(`${DECODER}/layers.${layer}/mlp/${name}`);
    const bias = (name: string) => this.#source.vector(`model.decoder.layers.${layer}.mlp.${name}.bias`);
    const wide = multiplied(value, 'up', () => matrix('up_proj'), bias('up_proj'));
    const half = matrix('down_proj').rows;
    const [up = '', gate = ''] = graph.split(wide, -1, half, half);
    // SiLU.
    const open = graph.node('com.microsoft.QuickGelu', [gate], { alpha: { float: 1 } });
    const bent = graph.node('Mul', [open, up]);
    return multiplied(bent, 'down', () => matrix('down_proj'), bias('down_proj'));
  }

  /** 1/√d, by which attention divides, is in the weights of the queries. */
  #scaled(path: string): Matrix {
    return times(this.#source.matrix(path), 1 / Math.sqrt(this.headWidth));
  }

  #choose(graph: GraphBuilder, value: string, multiply: Product): { best: string; probability: string } {
    const matrix = this.#matrix('logits', () => {
      const { tensor, scale, zero } = this.#embedding();
      return transposed(signed(tensor, scale, zero));
    });
    const logits = multiply(graph, value, 'logits', matrix);
    const likely = graph.node('Softmax', [logits], { axis: -1 });
    const top = graph.nodes('TopK', [likely, graph.ints(1)], { axis: -1 }, 2);
    const [probability = '', best = ''] = top.map((one) => graph.node('Reshape', [one, graph.ints(1, -1)]));
    return { best, probability };
  }

  #rows(graph: GraphBuilder, attention: ReadonlyMap<number, string>): string {
    const weights = this.#aligned.map((layer) => attention.get(layer) ?? '');
    const all = weights.length === 1 ? (weights[0] as string) : graph.node('Concat', weights, { axis: 1 });
    const rows = this.heads.map(({ layer, head }) => this.#aligned.indexOf(layer) * HEADS + head);
    return graph.node('Gather', [all, graph.ints(...rows)], { axis: 1 });
  }
}

type Own = {
  graph: GraphBuilder;
  layer: number;
  multiplied: (value: string, part: string, matrix: () => Matrix, bias?: Float32Array) => string;
};

/** `[1, tokens, heads, width]` to `[1, heads, tokens, width]`, and back. */
const byHead = (graph: GraphBuilder, value: string): string =>
  graph.node('Transpose', [value], { perm: [0, 2, 1, 3] });
