// Silero VAD v5 (https://github.com/snakers4/silero-vad) over many frames in one run: `frames [n, 640]` (16 kHz; 64 samples
// of context, 512, and the last 64 mirrored) and the state `h`, `c` `[1, 1, 128]` of the frame before, to `speech [n, 1]`
// and the state after. The package's own graph takes a frame a run, where the way in and out costs more than the frame.

import { GraphBuilder } from './graph-builder.ts';
import { floats, type Graph, readModel, type Tensor } from './read-onnx.ts';

export const STATE = 128;
const BINS = 129;
/** Of the spectrum: width and step of its windows, and windows in a frame. */
const WINDOW = 256;
const STEP = 128;
const WINDOWS = 4;
/** The part of the model that is for 16 kHz. */
const AT_16_KHZ = 'If_0_then_branch__Inline_0__';

/** A serialised model. Throws where `model` is not built like Silero VAD v5. */
export function voiceGraph(model: Uint8Array): Uint8Array {
  const weights = constantsOf(readModel(model));
  const get = (name: string): { shape: number[]; values: Float32Array } => {
    const tensor = weights.get(AT_16_KHZ + name);
    if (tensor === undefined) throw new Error(`the voice detector has no ${name}`);
    return { shape: tensor.shape, values: floats(tensor) };
  };
  const graph = new GraphBuilder('voice');
  const frames = graph.input('frames', 'float', ['n', STEP * (WINDOWS + 1)]);
  const h = graph.input('h', 'float', [1, 1, STATE]);
  const c = graph.input('c', 'float', [1, 1, STATE]);
  const heard = convolutions(graph, spectrum(graph, frames, get('stft.forward_basis_buffer').values), get);
  const [remembered = '', lastH = '', lastC = ''] = graph.nodes(
    'LSTM',
    [graph.node('Unsqueeze', [heard, graph.ints(1)]), ...lstmWeights(graph, get), '', h, c],
    { hidden_size: STATE },
    3,
  );
  const bent = graph.node('Relu', [graph.node('Reshape', [remembered, graph.ints(-1, STATE)])]);
  const last = graph.floats('last.weights', [STATE, 1], get('decoder.decoder.2.weight').values);
  const sum = graph.node('Add', [
    graph.node('MatMul', [bent, last]),
    graph.floats('last.bias', [1], get('decoder.decoder.2.bias').values),
  ]);
  graph.named('speech', graph.node('Sigmoid', [sum]));
  graph.named('next_h', lastH);
  graph.named('next_c', lastC);
  graph.output('speech', 'float', ['n', 1]);
  graph.output('next_h', 'float', [1, 1, STATE]);
  graph.output('next_c', 'float', [1, 1, STATE]);
  return graph.model();
}

type Get = (name: string) => { shape: number[]; values: Float32Array };

function constantsOf(graph: Graph): Map<string, Tensor> {
  const found = new Map<string, Tensor>();
  const look = ({ nodes }: Graph): void => {
    for (const { outputs, value, graphs } of nodes) {
      if (value !== undefined) for (const output of outputs) found.set(output, value);
      for (const inner of graphs) look(inner);
    }
  };
  look(graph);
  return found;
}

/** Magnitudes `[n, 4, 129]`: a product with the waves of a Fourier transform. */
function spectrum(graph: GraphBuilder, frames: string, basis: Float32Array): string {
  const parts = Array.from({ length: WINDOWS }, (_, i) =>
    graph.slice(frames, graph.ints(STEP * i), graph.ints(STEP * i + WINDOW), 1),
  );
  const windows = graph.node('Reshape', [graph.node('Concat', parts, { axis: 1 }), graph.ints(-1, WINDOW)]);
  const waves = new Float32Array(basis.length);
  const count = 2 * BINS;
  for (let wave = 0; wave < count; wave++)
    for (let at = 0; at < WINDOW; at++) waves[at * count + wave] = basis[wave * WINDOW + at] as number;
  const both = graph.node('MatMul', [windows, graph.floats('waves', [WINDOW, count], waves)]);
  const [real = '', imaginary = ''] = graph.split(both, 1, BINS, BINS);
  const square = (value: string) => graph.node('Mul', [value, value]);
  const power = graph.node('Add', [square(real), square(imaginary)]);
  return graph.node('Reshape', [graph.node('Sqrt', [power]), graph.ints(-1, WINDOWS, BINS)]);
}

/**
 * Four convolutions of width 3 over the four windows of a frame, with steps 1, 2, 2 and 1, as products: `[n, 128]`. What
 * is beyond the windows is 0, so the last two see only two taps and one.
 */
function convolutions(graph: GraphBuilder, magnitudes: string, get: Get): string {
  const layer = (value: string, number: number, taps: readonly number[]): string => {
    const name = `encoder.${number}.reparam_conv`;
    const { shape, values } = get(`${name}.weight`);
    const [outputs = 0, channels = 0, width = 0] = shape;
    const weights = new Float32Array(taps.length * channels * outputs);
    for (const [i, tap] of taps.entries())
      for (let channel = 0; channel < channels; channel++)
        for (let output = 0; output < outputs; output++)
          weights[(i * channels + channel) * outputs + output] = values[
            (output * channels + channel) * width + tap
          ] as number;
    const multiplied = graph.node('MatMul', [
      value,
      graph.floats(`${name}.weights`, [taps.length * channels, outputs], weights),
    ]);
    const bias = graph.floats(`${name}.bias`, [outputs], get(`${name}.bias`).values);
    return graph.node('Relu', [graph.node('Add', [multiplied, bias])]);
  };
  const around = graph.node('Pad', [magnitudes, graph.ints(0, 1, 0, 0, 1, 0)]);
  const each = [0, 1, 2].map((tap) => graph.slice(around, graph.ints(tap), graph.ints(tap + WINDOWS), 1));
  const first = layer(graph.node('Concat', each, { axis: 2 }), 0, [0, 1, 2]);
  const before = graph.node('Pad', [first, graph.ints(0, 1, 0, 0, 0, 0)]);
  const everySecond = [0, 1, 2].map((tap) =>
    graph.node('Slice', [before, graph.ints(tap), graph.ints(tap + 3), graph.ints(1), graph.ints(2)]),
  );
  const second = layer(graph.node('Concat', everySecond, { axis: 2 }), 1, [0, 1, 2]);
  const third = layer(graph.node('Reshape', [second, graph.ints(-1, STATE)]), 2, [1, 2]);
  return layer(third, 3, [1]);
}

/** ONNX has the gates in the order input, output, forget, cell; the model input, forget, cell, output. */
function lstmWeights(graph: GraphBuilder, get: Get): [string, string, string] {
  const gates = (values: Float32Array): Float32Array => {
    const size = values.length / 4;
    const ordered = new Float32Array(values.length);
    for (const [to, from] of [0, 3, 1, 2].entries())
      ordered.set(values.subarray(from * size, (from + 1) * size), to * size);
    return ordered;
  };
  const part = (name: string) => gates(get(`decoder.rnn.${name}`).values);
  const bias = Float32Array.of(...part('bias_ih'), ...part('bias_hh'));
  return [
    graph.floats('lstm.input', [1, 4 * STATE, STATE], part('weight_ih')),
    graph.floats('lstm.state', [1, 4 * STATE, STATE], part('weight_hh')),
    graph.floats('lstm.bias', [1, 8 * STATE], bias),
  ];
}
