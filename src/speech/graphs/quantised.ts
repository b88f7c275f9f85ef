// Products with the int8 weights of the model, and how the weights are found in its files.
//
// The files hold uint8 weights and leave scaling to nodes of their own. A uint8 value with zero point z is the int8 value
// less 128 with zero point z - 128, the same number: and for int8 the runtime has a kernel of more than twice the speed
// (390 and 175 billion products a second on one core with VNNI, in a trial), and operators that scale as they multiply. Without
// VNNI its kernel loses the highest bits (processor.ts): there they are written as uint8 again.

import type { GraphBuilder } from './graph-builder.ts';
import { floats, type Graph, type Node, readModel, type Tensor } from './read-onnx.ts';

/** A matrix `[rows, columns]`: value = (weight - zero) · scale, of its column. */
export type Matrix = {
  rows: number;
  columns: number;
  weights: Int8Array;
  scales: Float32Array;
  zeros: Int8Array;
};

/** The weights of one file of the model. */
export class Source {
  readonly #tensors: Map<string, Tensor>;
  readonly #byOutput = new Map<string, Node>();

  /** `model` is a serialised ModelProto. */
  constructor(model: Uint8Array) {
    const graph = readModel(model);
    this.#tensors = graph.tensors;
    for (const node of nodesOf(graph))
      for (const output of node.outputs) if (!this.#byOutput.has(output)) this.#byOutput.set(output, node);
  }

  /** The names of the tensors that `matches`. */
  names(matches: (name: string) => boolean): string[] {
    return [...this.#tensors.keys()].filter(matches);
  }

  tensor(name: string): Tensor {
    // What both branches of the merged decoder use is named so.
    const found = this.#tensors.get(name) ?? this.#tensors.get(`${name}_merged_0`);
    if (found === undefined) throw new Error(`the model has no ${name}`);
    return found;
  }

  vector(name: string): Float32Array {
    return floats(this.tensor(name));
  }

  /** The first value of a tensor. */
  scalar(name: string): number {
    return this.vector(name)[0] ?? Number.NaN;
  }

  /** Whether the linear layer at `path` is there and quantised. */
  hasMatrix(path: string): boolean {
    return this.#byOutput.has(productOf(path));
  }

  /** The weights of the linear layer at `path` (`/layers.0/mlp/fc1`). */
  matrix(path: string): Matrix {
    const product = this.#byOutput.get(productOf(path));
    const scaling = this.#byOutput.get(`${path}/MatMul_quant_scales_mul:0`);
    const [, weight = '', , zero = ''] = product?.inputs ?? [];
    const scale = scaling?.inputs[1] ?? '';
    return signed(this.tensor(weight), this.scalar(scale), this.tensor(zero).bytes[0] ?? 0);
  }
}

const productOf = (path: string): string => `${path}/MatMul_output_0_output_quantized`;

function nodesOf(graph: Graph): Node[] {
  return graph.nodes.flatMap((node) => [node, ...node.graphs.flatMap(nodesOf)]);
}

/** Of uint8 weights with one scale and zero point. */
export function signed({ shape, bytes }: Tensor, scale: number, zero: number): Matrix {
  const [rows = 0, columns = 0] = shape;
  if (bytes.length !== rows * columns)
    throw new Error(`${bytes.length} bytes are no ${rows} × ${columns} matrix`);
  return {
    rows,
    columns,
    weights: lessHalf(bytes),
    scales: new Float32Array(columns).fill(scale),
    zeros: new Int8Array(columns).fill(zero - 128),
  };
}

/** A loop: `Int8Array.from` takes a second for the 30 million of a model. */
function lessHalf(bytes: Uint8Array): Int8Array {
  const weights = new Int8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) weights[i] = (bytes[i] as number) - 128;
  return weights;
}

/** For a matrix with one scale and zero point. */
export function transposed(matrix: Matrix): Matrix {
  const { rows, columns, weights } = matrix;
  const turned = new Int8Array(weights.length);
  for (let column = 0; column < columns; column++)
    for (let row = 0; row < rows; row++)
      turned[column * rows + row] = weights[row * columns + column] as number;
  return {
    rows: columns,
    columns: rows,
    weights: turned,
    scales: new Float32Array(rows).fill(matrix.scales[0] as number),
    zeros: new Int8Array(rows).fill(matrix.zeros[0] as number),
  };
}

/** The columns of all of them, side by side: one product instead of several. */
export function joined(matrices: readonly Matrix[]): Matrix {
  const rows = matrices[0]?.rows ?? 0;
  const columns = matrices.reduce((sum, matrix) => sum + matrix.columns, 0);
  const whole: Matrix = {
    rows,
    columns,
    weights: new Int8Array(rows * columns),
    scales: new Float32Array(columns),
    zeros: new Int8Array(columns),
  };
  let at = 0;
  for (const one of matrices) {
    for (let row = 0; row < rows; row++)
      whole.weights.set(one.weights.subarray(row * one.columns, (row + 1) * one.columns), row * columns + at);
    whole.scales.set(one.scales, at);
    whole.zeros.set(one.zeros, at);
    at += one.columns;
  }
  return whole;
}

/** The matrix times `factor`. The runtime is fastest where nothing is left to scale in a product of one row. */
export const times = (matrix: Matrix, factor: number): Matrix => ({
  ...matrix,
  scales: matrix.scales.map((scale) => scale * factor),
});

/** Makes the constants of `matrix` and returns the names of weights, scale and zero point. */
function constantsOf(graph: GraphBuilder, name: string, matrix: Matrix): [string, string, string] {
  const { rows, columns, weights, scales, zeros } = matrix;
  const flat = scales.every((one) => one === scales[0]) && zeros.every((one) => one === zeros[0]);
  const shape = flat ? [] : [columns];
  const { weightType } = graph;
  const written = (values: Int8Array) => (weightType === 'uint8' ? plusHalf(values) : values);
  return [
    graph.constant(`${name}.weights`, weightType, [rows, columns], written(weights)),
    graph.floats(`${name}.scales`, shape, flat ? scales.slice(0, 1) : scales),
    graph.constant(`${name}.zeros`, weightType, shape, written(flat ? zeros.slice(0, 1) : zeros)),
  ];
}

function plusHalf(values: Int8Array): Uint8Array {
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) bytes[i] = (values[i] as number) + 128;
  return bytes;
}

const biasOf = (graph: GraphBuilder, name: string, bias: Float32Array | undefined): string[] =>
  bias === undefined ? [] : [graph.floats(`${name}.bias`, [bias.length], bias)];

export type Product = (
  graph: GraphBuilder,
  value: string,
  name: string,
  matrix: Matrix,
  bias?: Float32Array,
) => string;

/** value · matrix + bias. The value is rounded to 8 bits, over all of it, as the model's own graph does. */
export const product: Product = (graph, value, name, matrix, bias) =>
  graph.node('com.microsoft.DynamicQuantizeMatMul', [
    value,
    ...constantsOf(graph, name, matrix),
    ...biasOf(graph, name, bias),
  ]);

/** A value in 8 bits, its scale and its zero point. */
export type Rounded = [value: string, scale: string, zero: string];
/** A value rounded, and what the rounding left over. */
export type TwoParts = { high: Rounded; low: Rounded };

export function inTwoParts(graph: GraphBuilder, value: string): TwoParts {
  const high = rounded(graph, value);
  return { high, low: rounded(graph, graph.node('Sub', [value, graph.node('DequantizeLinear', high)])) };
}

const rounded = (graph: GraphBuilder, value: string): Rounded =>
  graph.nodes('DynamicQuantizeLinear', [value], {}, 3) as Rounded;

/** The same product with 16 bits of the value, for twice the work. */
export const exactProduct: Product = (graph, value, name, matrix, bias) =>
  productOfParts(graph, inTwoParts(graph, value), name, matrix, bias);

export function productOfParts(
  graph: GraphBuilder,
  { high, low }: TwoParts,
  name: string,
  matrix: Matrix,
  bias?: Float32Array,
): string {
  const [weights, scales, zeros] = constantsOf(graph, name, matrix);
  const part = ([value, scale, zero]: Rounded, rest: string[]): string =>
    graph.node('com.microsoft.MatMulIntegerToFloat', [value, weights, scale, scales, zero, zeros, ...rest]);
  return graph.node('Add', [part(high, biasOf(graph, name, bias)), part(low, [])]);
}

const BLOCK = 64;

/**
 * The same product where each 64 numbers of a row are rounded for themselves: what a row becomes does not hang on the rows
 * beside it, at the price of speed where there are many.
 */
export const blockwiseProduct: Product = (graph, value, name, matrix, bias) => {
  const { rows, columns } = matrix;
  const blocks = Math.ceil(rows / BLOCK);
  const weights = new Uint8Array(columns * blocks * BLOCK);
  const scales = new Float32Array(columns * blocks);
  const zeros = new Uint8Array(columns * blocks);
  for (let column = 0; column < columns; column++) {
    const zero = (matrix.zeros[column] as number) + 128;
    scales.fill(matrix.scales[column] as number, column * blocks, (column + 1) * blocks);
    zeros.fill(zero, column * blocks, (column + 1) * blocks);
    const start = column * blocks * BLOCK;
    for (let row = 0; row < rows; row++)
      weights[start + row] = (matrix.weights[row * columns + column] as number) + 128;
    weights.fill(zero, start + rows, start + blocks * BLOCK);
  }
  return graph.node(
    'com.microsoft.MatMulNBits',
    [
      value,
      graph.constant(`${name}.blocks`, 'uint8', [columns, blocks, BLOCK], weights),
      graph.floats(`${name}.block_scales`, [columns * blocks], scales),
      graph.constant(`${name}.block_zeros`, 'uint8', [columns * blocks], zeros),
      ...(bias === undefined ? [] : ['', ...biasOf(graph, name, bias)]),
    ],
    // The fourth level of accuracy: the value in int8.
    { K: rows, N: columns, bits: 8, block_size: BLOCK, accuracy_level: 4 },
  );
};
