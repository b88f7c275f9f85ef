// Reads the parts of an ONNX model that the graphs here are made from: its nodes and its weights. Field numbers are those
// of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).

import protobuf from 'protobufjs/minimal.js';

/** TensorProto.DataType. */
export const TYPE = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9 } as const;
export type TypeName = keyof typeof TYPE;

/** `bytes` holds the values one after another, little-endian. */
export type Tensor = { type: number; shape: number[]; bytes: Uint8Array };
export type Node = {
  op: string;
  inputs: string[];
  outputs: string[];
  /** The branches of an `If`. */
  graphs: Graph[];
  /** The value of a `Constant`. */
  value: Tensor | undefined;
};
export type Graph = { nodes: Node[]; tensors: Map<string, Tensor> };

type Reader = protobuf.Reader;
type Field = { number: number; wireType: number };

const MODEL = { graph: 7 } as const;
const GRAPH = { node: 1, tensor: 5 } as const;
const NODE = { input: 1, output: 2, op: 4, attribute: 5 } as const;
const ATTRIBUTE = { tensor: 5, graph: 6 } as const;
const TENSOR = { dims: 1, type: 2, floats: 4, ints: 5, longs: 7, name: 8, raw: 9 } as const;
const LENGTH_DELIMITED = 2;

/** Calls `take` at each field of the message; where it returns false the field is passed over. */
function eachField(reader: Reader, end: number, take: (field: Field) => boolean): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    const field = { number: tag >>> 3, wireType: tag & 7 };
    if (!take(field)) reader.skipType(field.wireType);
  }
}

/** The main graph of a serialised ModelProto. Throws where there is none. */
export function readModel(bytes: Uint8Array): Graph {
  const reader = protobuf.Reader.create(bytes);
  let graph: Graph | undefined;
  eachField(reader, reader.len, ({ number }) => {
    if (number !== MODEL.graph) return false;
    graph = readGraph(reader);
    return true;
  });
  if (graph === undefined) throw new Error('the model has no graph');
  return graph;
}

const endOf = (reader: Reader): number => reader.uint32() + reader.pos;

function readGraph(reader: Reader): Graph {
  const graph: Graph = { nodes: [], tensors: new Map() };
  eachField(reader, endOf(reader), ({ number }) => {
    if (number === GRAPH.node) graph.nodes.push(readNode(reader));
    else if (number === GRAPH.tensor) {
      const { name, tensor } = readTensor(reader);
      graph.tensors.set(name, tensor);
    } else return false;
    return true;
  });
  return graph;
}

function readNode(reader: Reader): Node {
  const node: Node = { op: '', inputs: [], outputs: [], graphs: [], value: undefined };
  eachField(reader, endOf(reader), ({ number }) => {
    if (number === NODE.input) node.inputs.push(reader.string());
    else if (number === NODE.output) node.outputs.push(reader.string());
    else if (number === NODE.op) node.op = reader.string();
    else if (number === NODE.attribute) readAttribute(reader, node);
    else return false;
    return true;
  });
  return node;
}

function readAttribute(reader: Reader, node: Node): void {
  eachField(reader, endOf(reader), ({ number, wireType }) => {
    if (wireType !== LENGTH_DELIMITED) return false;
    if (number === ATTRIBUTE.graph) node.graphs.push(readGraph(reader));
    else if (number === ATTRIBUTE.tensor) node.value = readTensor(reader).tensor;
    else return false;
    return true;
  });
}

/** Values stand in `raw_data`, or one by one in the list for their type. */
function readTensor(reader: Reader): { name: string; tensor: Tensor } {
  const tensor: Tensor = { type: 0, shape: [], bytes: new Uint8Array() };
  const values: number[] = [];
  let name = '';
  const take = (wireType: number, into: number[], read: () => number): void => {
    if (wireType !== LENGTH_DELIMITED) into.push(read());
    else for (const end = endOf(reader); reader.pos < end; ) into.push(read());
  };
  const long = () => Number(reader.int64());
  eachField(reader, endOf(reader), ({ number, wireType }) => {
    if (number === TENSOR.dims) take(wireType, tensor.shape, long);
    else if (number === TENSOR.type) tensor.type = reader.int32();
    else if (number === TENSOR.name) name = reader.string();
    else if (number === TENSOR.raw) tensor.bytes = reader.bytes();
    else if (number === TENSOR.floats) take(wireType, values, () => reader.float());
    else if (number === TENSOR.ints) take(wireType, values, () => reader.int32());
    else if (number === TENSOR.longs) take(wireType, values, long);
    else return false;
    return true;
  });
  if (tensor.bytes.length === 0 && values.length > 0) tensor.bytes = packed(tensor.type, values);
  return { name, tensor };
}

function packed(type: number, values: readonly number[]): Uint8Array {
  if (type === TYPE.float) return new Uint8Array(Float32Array.from(values).buffer);
  if (type === TYPE.int64) return new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer);
  if (type === TYPE.int32) return new Uint8Array(Int32Array.from(values).buffer);
  // Modulo 256: int8 as well.
  return Uint8Array.from(values);
}

/** Its values, where it holds floats. They need not be aligned in the file, so they are copied. */
export function floats({ type, bytes }: Tensor): Float32Array {
  if (type !== TYPE.float) throw new Error(`a tensor of type ${type} holds no floats`);
  return new Float32Array(new Uint8Array(bytes).buffer);
}

/** Its bytes as signed numbers. */
export const signedBytes = ({ bytes }: Tensor): Int8Array =>
  new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
