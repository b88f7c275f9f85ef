// Edits an ONNX model at the level of the protobuf wire: makes values computed inside the branches of its one `If`
// visible as outputs of the model. Everything it does not touch is copied byte for byte, so fields it does not
// know survive. Field numbers are those of onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3).

import protobuf from 'protobufjs/minimal.js';

/** Raise when the edit below changes what it writes: derived files are cached under it. */
export const EDIT_VERSION = 1;

const MODEL = { graph: 7 } as const;
const GRAPH = { node: 1, output: 12 } as const;
const NODE = { output: 2, opType: 4, attribute: 5 } as const;
const ATTRIBUTE = { graph: 6 } as const;
const LENGTH_DELIMITED = 2;
const FLOAT = 1;

/** One field of a message: the bytes with its tag, and the bytes of its value when it is length-delimited. */
type Field = { number: number; whole: Uint8Array; value: Uint8Array | undefined };

/** Splits a message into its fields, without decoding them. Throws RangeError on a truncated message. */
function fieldsOf(message: Uint8Array): Field[] {
  const reader = protobuf.Reader.create(message);
  const fields: Field[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    const wireType = tag & 7;
    const value = wireType === LENGTH_DELIMITED ? reader.bytes() : undefined;
    if (value === undefined) reader.skipType(wireType);
    fields.push({ number: tag >>> 3, whole: message.subarray(start, reader.pos), value });
  }
  return fields;
}

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

function lengthDelimited(number: number, value: Uint8Array): Uint8Array {
  return protobuf.Writer.create()
    .uint32((number << 3) | LENGTH_DELIMITED)
    .bytes(value)
    .finish();
}

/** ValueInfoProto: a float tensor of unstated rank (name 1, type 2 → tensor_type 1 → elem_type 1). */
function floatValue(name: string): Uint8Array {
  return protobuf.Writer.create()
    .uint32((1 << 3) | LENGTH_DELIMITED)
    .string(name)
    .uint32((2 << 3) | LENGTH_DELIMITED)
    .fork()
    .uint32((1 << 3) | LENGTH_DELIMITED)
    .fork()
    .uint32(1 << 3)
    .int32(FLOAT)
    .ldelim()
    .ldelim()
    .finish();
}

function namesComputedIn(graph: Uint8Array): Set<string> {
  const names = new Set<string>();
  for (const field of fieldsOf(graph)) {
    if (field.number !== GRAPH.node || field.value === undefined) continue;
    for (const part of fieldsOf(field.value)) if (part.number === NODE.output) names.add(text(part.value));
  }
  return names;
}

const isIf = (field: Field): boolean =>
  field.number === GRAPH.node &&
  field.value !== undefined &&
  fieldsOf(field.value).some((part) => part.number === NODE.opType && text(part.value) === 'If');

/** A value inside both branches of the `If`, and the name it gets as an output of the model. */
export type Exposed = { inside: string; as: string };

/**
 * Returns `model` (a serialised ModelProto) with each `exposed` value added to the outputs of both branches of
 * the `If`, of the `If` itself, and of the main graph, after the outputs already there. Values must be float
 * tensors. Throws when the model has not exactly one `If` with two branches that compute all of them.
 */
export function exposeFromIf(model: Uint8Array, exposed: readonly Exposed[]): Uint8Array {
  const insides = exposed.map((value) => lengthDelimited(GRAPH.output, floatValue(value.inside)));
  const outsides = exposed.map((value) => lengthDelimited(GRAPH.output, floatValue(value.as)));
  const nodeOutputs = exposed.map((value) =>
    lengthDelimited(NODE.output, new TextEncoder().encode(value.as)),
  );

  const editBranch = (attribute: Field): Uint8Array[] => {
    const parts = fieldsOf(attribute.value ?? new Uint8Array());
    const graph = parts.find((part) => part.number === ATTRIBUTE.graph)?.value;
    if (graph === undefined) return [attribute.whole];
    const computed = namesComputedIn(graph);
    const missing = exposed.find((value) => !computed.has(value.inside));
    if (missing !== undefined) throw new Error(`a branch of the If does not compute ${missing.inside}`);
    const edited = parts.map((part) =>
      part.number === ATTRIBUTE.graph
        ? lengthDelimited(ATTRIBUTE.graph, Buffer.concat([graph, ...insides]))
        : part.whole,
    );
    return [lengthDelimited(NODE.attribute, Buffer.concat(edited))];
  };

  const editIf = (node: Field): Uint8Array => {
    const parts = fieldsOf(node.value ?? new Uint8Array());
    let branches = 0;
    const edited = parts.flatMap((part) => {
      if (part.number !== NODE.attribute) return [part.whole];
      branches += 1;
      return editBranch(part);
    });
    if (branches !== 2) throw new Error(`the If has ${branches} branches`);
    return lengthDelimited(GRAPH.node, Buffer.concat([...edited, ...nodeOutputs]));
  };

  const parts = fieldsOf(model);
  const graph = parts.find((part) => part.number === MODEL.graph)?.value;
  if (graph === undefined) throw new Error('the model has no graph');
  const nodes = fieldsOf(graph);
  const ifs = nodes.filter(isIf).length;
  if (ifs !== 1) throw new Error(`the model has ${ifs} If nodes, not one`);
  const editedGraph = Buffer.concat([
    ...nodes.map((field) => (isIf(field) ? editIf(field) : field.whole)),
    ...outsides,
  ]);
  return Buffer.concat(
    parts.map((part) =>
      part.number === MODEL.graph ? lengthDelimited(MODEL.graph, editedGraph) : part.whole,
    ),
  );
}
