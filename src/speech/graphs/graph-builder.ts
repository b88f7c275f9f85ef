// Writes an ONNX model, node by node. Field numbers are those of onnx.proto3
// (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).

import protobuf from 'protobufjs/minimal.js';
import { TYPE, type TypeName } from './read-onnx.ts';

/** The number of each field and its wire type, as the tag before it. */
const DELIMITED = 2;
const tag = (field: number, wireType = 0): number => (field << 3) | wireType;

const ATTRIBUTE_TYPE = { float: 1, int: 2, graph: 5, ints: 7 } as const;
/** ONNX 1.10: what ONNX Runtime reads since 1.10. */
const IR_VERSION = 8;
const OPSETS = { '': 17, 'com.microsoft': 1 } as const;

/** How the weights of products are written: the same numbers, see quantised.ts. */
export type WeightType = 'int8' | 'uint8';

/** A number is an integer; floats say so. */
export type Attribute = number | readonly number[] | { float: number } | GraphBuilder;
export type Attributes = Record<string, Attribute>;
/** A name is a length that is known when it runs. */
export type Shape = readonly (number | string)[];
type Value = { name: string; type: TypeName; shape: Shape };

/** In pieces, so that weights of 100 MB are copied once. */
function delimited(field: number, ...value: readonly Uint8Array[]): Uint8Array[] {
  const length = value.reduce((sum, one) => sum + one.length, 0);
  return [protobuf.Writer.create().uint32(tag(field, DELIMITED)).uint32(length).finish(), ...value];
}

/**
 * One graph. The branch of an `If` and the body of a `Loop` are graphs of their own with a `parent`: they see its values,
 * and their constants are kept in it, so that a weight that several use is stored once.
 */
export class GraphBuilder {
  readonly #parts: Uint8Array[] = [];
  readonly #constants = new Set<string>();
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly weightType: WeightType;
  readonly #prefix: string;
  readonly #parent: GraphBuilder | undefined;
  #made = 0;

  /** Values are named behind `prefix`, which no other graph of the model may have. */
  constructor(prefix: string, of: WeightType | GraphBuilder = 'int8') {
    this.#prefix = prefix;
    this.#parent = of instanceof GraphBuilder ? of : undefined;
    this.weightType = of instanceof GraphBuilder ? of.weightType : of;
  }

  input(name: string, type: TypeName, shape: Shape): string {
    this.#inputs.push({ name, type, shape });
    return name;
  }

  output(name: string, type: TypeName, shape: Shape): void {
    this.#outputs.push({ name, type, shape });
  }

  /** A constant. The second of a name is the first. */
  constant(name: string, type: TypeName, shape: readonly number[], values: ArrayBufferView): string {
    if (this.#parent) return this.#parent.constant(name, type, shape, values);
    if (this.#constants.has(name)) return name;
    this.#constants.add(name);
    const tensor = protobuf.Writer.create();
    for (const length of shape) tensor.uint32(tag(1)).int64(length);
    tensor.uint32(tag(2)).int32(TYPE[type]);
    tensor.uint32(tag(8, DELIMITED)).string(name);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.#parts.push(...delimited(5, tensor.finish(), ...delimited(9, bytes)));
    return name;
  }

  floats(name: string, shape: readonly number[], values: Float32Array): string {
    return this.constant(name, 'float', shape, values);
  }

  /** A list of integers: shapes, axes, lengths. */
  ints(...values: number[]): string {
    const numbers = BigInt64Array.from(values.map(BigInt));
    return this.constant(`ints_${values.join('_')}`, 'int64', [values.length], numbers);
  }

  int(value: number): string {
    return this.constant(`int_${value}`, 'int64', [], BigInt64Array.of(BigInt(value)));
  }

  /** Adds a node with the `outputs` of these names, or so many. An empty name is one that is not wanted or not given. */
  nodes(
    op: string,
    inputs: readonly string[],
    attributes: Attributes,
    outputs: number | readonly string[],
  ): string[] {
    const names =
      typeof outputs === 'number' ? Array.from({ length: outputs }, () => this.#name(op)) : outputs;
    const [, domain = '', type = op] = /^(com\.microsoft)\.(.*)$/.exec(op) ?? [];
    const node = protobuf.Writer.create();
    for (const input of inputs) node.uint32(tag(1, DELIMITED)).string(input);
    for (const name of names) node.uint32(tag(2, DELIMITED)).string(name);
    node.uint32(tag(4, DELIMITED)).string(type);
    for (const [name, attribute] of Object.entries(attributes))
      node.uint32(tag(5, DELIMITED)).bytes(attributeProto(name, attribute));
    if (domain !== '') node.uint32(tag(7, DELIMITED)).string(domain);
    this.#parts.push(...delimited(1, node.finish()));
    return [...names];
  }

  /** Adds a node with one output, whose name it returns. */
  node(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.nodes(op, inputs, attributes, 1)[0] as string;
  }

  /** Gives `value` a name of ours. */
  named(name: string, value: string): void {
    this.nodes('Identity', [value], {}, [name]);
  }

  /** A name for a value that the caller lists among the outputs of a node. */
  fresh(): string {
    return this.#name('value');
  }

  /** Parts of `value` along `axis`, of these lengths. */
  split(value: string, axis: number, ...lengths: number[]): string[] {
    return this.nodes('Split', [value, this.ints(...lengths)], { axis }, lengths.length);
  }

  slice(value: string, from: string, to: string, axis: number): string {
    return this.node('Slice', [value, from, to, this.ints(axis)]);
  }

  /** GraphProto, in pieces. */
  graph(): Uint8Array[] {
    return [
      ...delimited(2, Buffer.from(this.#prefix)),
      ...this.#parts,
      ...this.#inputs.flatMap((value) => delimited(11, ...valueInfo(value))),
      ...this.#outputs.flatMap((value) => delimited(12, ...valueInfo(value))),
    ];
  }

  /** ModelProto. */
  model(): Uint8Array {
    const opsets = Object.entries(OPSETS).flatMap(([domain, version]) => {
      const id = protobuf.Writer.create().uint32(tag(1, DELIMITED)).string(domain);
      return delimited(8, id.uint32(tag(2)).int64(version).finish());
    });
    const version = protobuf.Writer.create().uint32(tag(1)).int64(IR_VERSION).finish();
    return Buffer.concat([version, ...delimited(7, ...this.graph()), ...opsets]);
  }

  #name(of: string): string {
    return `${this.#prefix}.${of}_${this.#made++}`;
  }
}

function valueInfo({ name, type, shape }: Value): Uint8Array[] {
  const dimensions = shape.flatMap((length) => {
    const one = protobuf.Writer.create();
    if (typeof length === 'number') one.uint32(tag(1)).int64(length);
    else one.uint32(tag(2, DELIMITED)).string(length);
    return delimited(1, one.finish());
  });
  const tensor = protobuf.Writer.create().uint32(tag(1)).int32(TYPE[type]);
  tensor.uint32(tag(2, DELIMITED)).bytes(Buffer.concat(dimensions));
  const named = protobuf.Writer.create().uint32(tag(1, DELIMITED)).string(name).finish();
  return [named, ...delimited(2, ...delimited(1, tensor.finish()))];
}

function attributeProto(name: string, value: Attribute): Uint8Array {
  const proto = protobuf.Writer.create().uint32(tag(1, DELIMITED)).string(name);
  let type: number;
  if (typeof value === 'number') {
    proto.uint32(tag(3)).int64(value);
    type = ATTRIBUTE_TYPE.int;
  } else if (value instanceof GraphBuilder) {
    proto.uint32(tag(6, DELIMITED)).bytes(Buffer.concat(value.graph()));
    type = ATTRIBUTE_TYPE.graph;
  } else if ('float' in value) {
    proto.uint32(tag(2, 5)).float(value.float);
    type = ATTRIBUTE_TYPE.float;
  } else {
    for (const one of value) proto.uint32(tag(8)).int64(one);
    type = ATTRIBUTE_TYPE.ints;
  }
  return proto.uint32(tag(20)).int32(type).finish();
}
