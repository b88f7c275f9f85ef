// The decoder with its whole greedy loop inside: one run for a stretch of speech, where a run for every token spent a
// third of its time on the way in and out. Architecture: https://arxiv.org/abs/2410.15608, section 3.1.
//
// In: `hidden [1, frames, width]` of the encoder; `draft [1, n]`: the start token, then what is probably said; `limit`:
// most tokens.
// Out, for the part of the draft that the model agrees with and the token after it: `drafted_tokens [1, k]`,
// `drafted_probabilities [1, k]`, `drafted_attention [1, heads, k, frames]`; then for each step of the loop: `tokens
// [t, 1, 1]`, `probabilities [t, 1, 1]`, `attention [t, 1, heads, 1, frames]`. The last token is the end, or the limit's.

import { HEADS } from './attention.ts';
import { DECODER, type Head, Layers } from './decoder-layers.ts';
import { GraphBuilder, type WeightType } from './graph-builder.ts';
import { blockwiseProduct, exactProduct, product, type Source } from './quantised.ts';
import type { TypeName } from './read-onnx.ts';

const START = 1;
const END = 2;

/** A serialised model of the merged decoder in `source`. Throws where it is not built like moonshine-base and -tiny. */
export function decoderGraph(source: Source, heads: readonly Head[], weights: WeightType): Uint8Array {
  const graph = new GraphBuilder('decoder', weights);
  const width = source.matrix(`${DECODER}/layers.0/self_attn/q_proj`).rows;
  const hidden = graph.input('hidden', 'float', [1, 'frames', width]);
  graph.input('draft', 'int64', [1, 'drafted']);
  graph.input('limit', 'int64', []);
  const layers = new Layers(source, heads, width);
  layers.hear(graph, hidden);

  const begun = begin(graph, layers);
  graph.named('drafted_tokens', begun.tokens);
  graph.named('drafted_probabilities', begun.probabilities);
  graph.named('drafted_attention', begun.attention);
  graph.output('drafted_tokens', 'int64', [1, 'agreed']);
  graph.output('drafted_probabilities', 'float', [1, 'agreed']);
  graph.output('drafted_attention', 'float', [1, heads.length, 'agreed', 'frames']);

  const steps = graph.node('Sub', ['limit', alone(graph, begun.kept)]);
  const more = isNotEnd(graph, begun.last);
  const loop = graph.nodes(
    'Loop',
    [steps, more, begun.last, ...begun.cache],
    { body: step(graph, layers, begun.kept) },
    1 + begun.cache.length + 3,
  );
  const [tokens = '', probabilities = '', attention = ''] = loop.slice(-3);
  graph.named('tokens', tokens);
  graph.named('probabilities', probabilities);
  graph.named('attention', attention);
  graph.output('tokens', 'int64', ['steps', 1, 1]);
  graph.output('probabilities', 'float', ['steps', 1, 1]);
  graph.output('attention', 'float', ['steps', 1, heads.length, 1, 'frames']);
  return graph.model();
}

/** The one number of a list of one. */
const alone = (graph: GraphBuilder, list: string): string =>
  graph.node('Reshape', [list, graph.constant('no_shape', 'int64', [0], new BigInt64Array(0))]);

function isNotEnd(graph: GraphBuilder, token: string): string {
  const end = graph.constant('end', 'int64', [], BigInt64Array.of(BigInt(END)));
  return graph.node('Not', [alone(graph, graph.node('Equal', [token, end]))]);
}

/** What the loop begins with. `kept [1]`: tokens that the cache holds. */
type Begun = {
  kept: string;
  tokens: string;
  probabilities: string;
  attention: string;
  last: string;
  cache: string[];
};

/** With a draft, one pass over all of it, kept as far as the model agrees; without, the start token and an empty cache. */
function begin(graph: GraphBuilder, layers: Layers): Begun {
  const drafted = withDraft(graph, layers);
  const branches = { then_branch: drafted, else_branch: withoutDraft(graph, layers) };
  const hasDraft = graph.node('Greater', [graph.node('Size', ['draft']), graph.int(1)]);
  const [kept = '', tokens = '', probabilities = '', attention = '', last = '', ...cache] = graph.nodes(
    'If',
    [hasDraft],
    branches,
    5 + layers.cacheSize,
  );
  return { kept, tokens, probabilities, attention, last, cache };
}

/** Both branches give the same values in the same order. Their shapes differ, so none is stated. */
const BEGUN_TYPES: readonly TypeName[] = ['int64', 'int64', 'float', 'float', 'int64'];

function withDraft(parent: GraphBuilder, layers: Layers): GraphBuilder {
  const graph = new GraphBuilder('with_draft', parent);
  // Its kernel, too, is exact with VNNI alone.
  const multiply = graph.weightType === 'int8' ? blockwiseProduct : exactProduct;
  const heard = layers.decode(graph, 'draft', graph.ints(0), [], multiply);
  const length = graph.slice(graph.node('Shape', ['draft']), graph.ints(1), graph.ints(2), 0);
  const said = graph.slice('draft', graph.ints(1), length, 1);
  const known = graph.slice(heard.best, graph.ints(0), graph.node('Sub', [length, graph.ints(1)]), 1);
  // 1 where they agree, and a 0 behind them: the first 0 is where they part.
  const agrees = graph.node('Cast', [graph.node('Equal', [said, known])], { to: 6 });
  const parted = graph.node('ArgMin', [graph.node('Pad', [agrees, graph.ints(0, 0, 0, 1)])], {
    axis: 1,
    keepdims: 0,
  });
  const kept = graph.node('Add', [graph.node('Reshape', [parted, graph.ints(1)]), graph.ints(1)]);
  const upToThere = (value: string, axis: number) => graph.slice(value, graph.ints(0), kept, axis);
  const last = graph.slice(heard.best, graph.node('Sub', [kept, graph.ints(1)]), kept, 1);
  const values = [
    kept,
    upToThere(heard.best, 1),
    upToThere(heard.probability, 1),
    upToThere(heard.attention, 2),
    last,
    ...heard.cache.map((one) => upToThere(one, 2)),
  ];
  for (const [i, value] of values.entries()) graph.output(value, BEGUN_TYPES[i] ?? 'float', shapeOf(i));
  return graph;
}

function withoutDraft(parent: GraphBuilder, layers: Layers): GraphBuilder {
  const graph = new GraphBuilder('without_draft', parent);
  const nothing = new Float32Array(0);
  const noCache = graph.floats('no_cache', [1, HEADS, 0, layers.headWidth], nothing);
  const values = [
    graph.ints(0),
    graph.constant('no_tokens', 'int64', [1, 0], new BigInt64Array(0)),
    graph.floats('no_probabilities', [1, 0], nothing),
    graph.floats('no_attention', [1, layers.heads.length, 0, 1], nothing),
    graph.constant('start', 'int64', [1, 1], BigInt64Array.of(BigInt(START))),
    ...Array.from({ length: layers.cacheSize }, () => noCache),
  ].map((constant) => graph.node('Identity', [constant]));
  for (const [i, value] of values.entries()) graph.output(value, BEGUN_TYPES[i] ?? 'float', shapeOf(i));
  return graph;
}

/** Ranks of what `begin` gives: the lengths are known when it runs. */
function shapeOf(index: number): string[] {
  const rank = [1, 2, 2, 4, 2][index] ?? 4;
  return Array.from({ length: rank }, (_, axis) => `begun_${index}_${axis}`);
}

/** One token of the loop: from the token before it to this one. */
function step(parent: GraphBuilder, layers: Layers, kept: string): GraphBuilder {
  const graph = new GraphBuilder('step', parent);
  const turn = graph.input('turn', 'int64', []);
  graph.input('going', 'bool', []);
  const token = graph.input('token', 'int64', [1, 1]);
  const past = Array.from({ length: layers.cacheSize }, (_, i) =>
    graph.input(`past_${i}`, 'float', [1, HEADS, 'past', layers.headWidth]),
  );
  const place = graph.node('Add', [graph.node('Unsqueeze', [turn, graph.ints(0)]), kept]);
  const heard = layers.decode(graph, token, place, past, product);
  graph.output(isNotEnd(graph, heard.best), 'bool', []);
  graph.output(heard.best, 'int64', [1, 1]);
  for (const one of heard.cache) graph.output(one, 'float', [1, HEADS, 'present', layers.headWidth]);
  graph.output(graph.node('Identity', [heard.best]), 'int64', [1, 1]);
  graph.output(heard.probability, 'float', [1, 1]);
  graph.output(heard.attention, 'float', [1, layers.heads.length, 1, 'frames']);
  return graph;
}
