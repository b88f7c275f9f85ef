import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadEngine } from '../../src/speech/engine.ts';
import { exposeFromIf } from '../../src/speech/onnx-graph.ts';
import { attentionOutput } from '../../src/speech/stepwise.ts';
import { findModel, prepareLooped, prepareStepwise } from '../../src/speech/weights.ts';

let cacheDirectory: string;
beforeEach(async () => {
  cacheDirectory = await mkdtemp(path.join(tmpdir(), 'ringback-weights-'));
});
afterEach(async () => {
  await rm(cacheDirectory, { recursive: true, force: true });
});

const weightsFolder = path.join(
  path.dirname(findPackageJSON('@usefulsensors/moonshine-js', import.meta.url) ?? ''),
  'dist/model/tiny/quantized',
);

describe('what is made of a model', () => {
  it('is its graphs, its decoder with the attention shown, and the texts of the tokens', async () => {
    const model = await findModel('moonshine-tiny', cacheDirectory);
    expect(model.tokens).toHaveLength(32_768);
    expect(model.tokens.slice(0, 4)).toEqual(['', '', '', '<0x00>']);
    expect(model.tokens).toContain(' country');
    expect(model.tokens.at(-1)).toBe('');
    const graphs = await prepareLooped(model, cacheDirectory, 'int8');
    const encoder = await InferenceSession.create(graphs.encoder);
    expect([encoder.inputNames, encoder.outputNames]).toEqual([['audio'], ['hidden']]);
    await encoder.release();
    const stepwise = await prepareStepwise(model, cacheDirectory);
    expect(stepwise.encoder).toBe(model.encoder);
    const decoder = await InferenceSession.create(stepwise.decoder);
    for (const { layer } of model.alignmentHeads)
      expect(decoder.outputNames).toContain(attentionOutput(layer));
    await decoder.release();
  });

  it('is made once, and again when it is damaged', async () => {
    const all = async () => {
      const model = await findModel('moonshine-tiny', cacheDirectory);
      return { model, graphs: await prepareLooped(model, cacheDirectory, 'int8') };
    };
    const first = await all();
    const whole = await readFile(first.graphs.decoder);
    const names = await readdir(cacheDirectory);
    const made = (await stat(first.graphs.encoder)).mtimeMs;
    await writeFile(first.graphs.decoder, whole.subarray(0, 1_000_000));
    for (const name of names.filter((one) => one.startsWith('tokens') && one.endsWith('.json'))) {
      await writeFile(path.join(cacheDirectory, name), '["');
    }
    const again = await all();
    expect(again).toEqual(first);
    expect((await readFile(again.graphs.decoder)).equals(whole)).toBe(true);
    expect((await stat(again.graphs.encoder)).mtimeMs).toBe(made);
    expect((await readdir(cacheDirectory)).toSorted()).toEqual(names.toSorted());
  });

  it('may be made by several at once', async () => {
    const model = await findModel('moonshine-tiny', cacheDirectory);
    const all = await Promise.all([1, 2, 3].map(() => prepareLooped(model, cacheDirectory, 'int8')));
    expect(all[1]).toEqual(all[0]);
    expect(all[2]).toEqual(all[0]);
    // Each beside its seal: encoder, decoder, tokens.
    expect(await readdir(cacheDirectory)).toHaveLength(6);
  });

  it('comes from a folder as well', async () => {
    const model = await findModel(weightsFolder, cacheDirectory);
    expect(model.encoder).toBe(path.join(weightsFolder, 'encoder_model.onnx'));
  });
});

describe('a model that cannot be used', () => {
  const refused = (model: string) =>
    loadEngine({ model, cacheDirectory, threads: 1 }).then(
      () => '',
      (error: Error) => error.message,
    );

  it('is refused with the name of the setting and the cure', async () => {
    expect(await refused('whisper-large')).toMatch(/RINGBACK_MODEL is "whisper-large".*moonshine-base/);
    expect(await refused('constructor')).toMatch(/RINGBACK_MODEL is "constructor"/);
    expect(await refused(cacheDirectory)).toMatch(
      /RINGBACK_MODEL.*does not hold a speech model.*encoder_model\.onnx/,
    );
  });

  it('is refused when its files are not models', async () => {
    await writeFile(path.join(cacheDirectory, 'encoder_model.onnx'), 'not a model');
    await writeFile(path.join(cacheDirectory, 'decoder_model_merged.onnx'), 'not a model');
    expect(await refused(cacheDirectory)).toMatch(/RINGBACK_MODEL.*cannot be loaded.*moonshine-base/);
  });
});

describe('the edit of the graph', () => {
  it('that exposes nothing changes no byte', async () => {
    const model = await readFile(path.join(weightsFolder, 'decoder_model_merged.onnx'));
    expect(Buffer.compare(exposeFromIf(model, []), model)).toBe(0);
  });

  it('keeps fields that it does not know, wherever they are', async () => {
    const model = await readFile(path.join(weightsFolder, 'decoder_model_merged.onnx'));
    // Field 1000, length-delimited, "kept": unknown to every version of ONNX.
    const unknown = Buffer.from([0xc2, 0x3e, 4, ...Buffer.from('kept')]);
    const edited = exposeFromIf(Buffer.concat([model, unknown]), [
      { inside: '/model/decoder/layers.5/encoder_attn/Softmax_output_0', as: 'seen' },
    ]);
    expect(Buffer.from(edited).subarray(-unknown.length).equals(unknown)).toBe(true);
  });

  it('refuses a model without the value, without an If, and what is no model', async () => {
    const decoder = await readFile(path.join(weightsFolder, 'decoder_model_merged.onnx'));
    const encoder = await readFile(path.join(weightsFolder, 'encoder_model.onnx'));
    expect(() => exposeFromIf(decoder, [{ inside: 'nothing', as: 'seen' }])).toThrow(
      /does not compute nothing/,
    );
    expect(() => exposeFromIf(encoder, [])).toThrow(/0 If nodes/);
    expect(() => exposeFromIf(decoder.subarray(0, 5000), [])).toThrow();
  });
});
