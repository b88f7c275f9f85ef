// Graphs of our own beside the files they are made of: the same numbers, and what happens to a draft.
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadEngine } from '../../src/speech/engine.ts';
import { GraphBuilder } from '../../src/speech/graphs/graph-builder.ts';
import { floats, readModel } from '../../src/speech/graphs/read-onnx.ts';
import { LoopedNetwork } from '../../src/speech/looped.ts';
import type { Network } from '../../src/speech/network.ts';
import { weightTypeBy, weightTypeOfThisMachine } from '../../src/speech/processor.ts';
import { StepwiseNetwork } from '../../src/speech/stepwise.ts';
import { FRAME, fresh, VoiceDetector } from '../../src/speech/voice.ts';
import {
  findModel,
  type Model,
  prepareLooped,
  prepareStepwise,
  prepareVoice,
} from '../../src/speech/weights.ts';
import { clip, JFK, Scratch, samplesOf } from './speech-set.ts';

const cacheDirectory = path.join(tmpdir(), 'ringback-test-models');
const LIMIT = 150;

const asFloats = (samples: Int16Array) => Float32Array.from(samples, (sample) => sample / 32_768);

describe.each(['moonshine-base', 'moonshine-tiny'])('%s', (name) => {
  let model: Model;
  let looped: Network;
  let stepwise: Network;
  beforeAll(async () => {
    model = await findModel(name, cacheDirectory);
    const heads = model.alignmentHeads;
    const weights = await weightTypeOfThisMachine();
    looped = await LoopedNetwork.load(await prepareLooped(model, cacheDirectory, weights), heads, 1);
    stepwise = await StepwiseNetwork.load(await prepareStepwise(model, cacheDirectory), heads, 1);
  });
  afterAll(async () => {
    await looped?.close();
    await stepwise?.close();
  });

  it.each(['vm-options.wav', 'conf-getconfno.wav', 'jfk.wav'])(
    'says of %s what the files say, with nearly the same certainty, looking at the same places',
    async (file) => {
      const samples = asFloats(await samplesOf(file === 'jfk.wav' ? JFK : clip(file)));
      const [ours, theirs] = await Promise.all([
        looped.decode(samples, { limit: LIMIT }),
        stepwise.decode(samples, { limit: LIMIT }),
      ]);
      expect(ours.frames).toBe(theirs.frames);
      expect(ours.ended).toBe(true);
      expect(ours.attention).toHaveLength(ours.tokens.length + 1);
      // Rounded otherwise, so a doubtful token may be another.
      const text = ({ tokens }: { tokens: number[] }) => tokens.map((token) => model.tokens[token]).join('');
      const same = ours.tokens.filter((token, i) => token === theirs.tokens[i]).length;
      expect(same / theirs.tokens.length, `${text(ours)} / ${text(theirs)}`).toBeGreaterThan(0.9);
      for (const [i, row] of ours.attention.entries()) {
        if (ours.tokens[i] !== theirs.tokens[i]) break;
        expect(row).toHaveLength(model.alignmentHeads.length * ours.frames);
        const [sum, likeness] = [total(row), cosine(row, theirs.attention[i] as Float32Array)];
        // Of each head the weights are shares of one.
        expect(sum).toBeCloseTo(model.alignmentHeads.length, 3);
        expect(likeness, `token ${i}`).toBeGreaterThan(0.9);
      }
    },
  );

  it('keeps of a draft what it agrees with, and goes on from there', async () => {
    const samples = asFloats(await samplesOf(JFK));
    const alone = await looped.decode(samples, { limit: LIMIT });
    const half = alone.tokens.length >> 1;
    const astray = [...alone.tokens.slice(0, half), 5_000, 5_001, 5_002];
    for (const draft of [alone.tokens, alone.tokens.slice(0, half), astray, [5_000]]) {
      const drafted = await looped.decode(samples, { limit: LIMIT, draft });
      expect(drafted.tokens).toEqual(alone.tokens);
      expect(drafted.ended).toBe(true);
      expect(drafted.attention).toHaveLength(alone.attention.length);
      for (const [i, row] of drafted.attention.entries())
        expect(cosine(row, alone.attention[i] as Float32Array), `token ${i}`).toBeGreaterThan(0.95);
    }
  });

  it('says the same with weights of either type', async () => {
    const heads = model.alignmentHeads;
    const samples = asFloats(await samplesOf(clip('vm-options.wav')));
    const said: string[] = [];
    for (const weights of ['int8', 'uint8'] as const) {
      const network = await LoopedNetwork.load(await prepareLooped(model, cacheDirectory, weights), heads, 1);
      const alone = await network.decode(samples, { limit: LIMIT });
      const drafted = await network.decode(samples, { limit: LIMIT, draft: alone.tokens });
      expect(drafted.tokens).toEqual(alone.tokens);
      said.push(alone.tokens.map((token) => model.tokens[token]).join(''));
      await network.close();
    }
    expect(said[1]).toBe(said[0]);
  });

  it('ends at the limit, and where it is told to', async () => {
    const samples = asFloats(await samplesOf(JFK));
    const few = await looped.decode(samples, { limit: 4 });
    expect([few.tokens.length, few.ended]).toEqual([4, false]);
    const drafted = await looped.decode(samples, { limit: 4, draft: few.tokens.slice(0, 2) });
    expect(drafted.tokens).toEqual(few.tokens);
    const stopped = await looped.decode(samples, { limit: LIMIT, stop: (made) => made.length === 3 });
    expect(stopped.tokens).toEqual(few.tokens.slice(0, 3));
    expect([stopped.ended, stopped.attention.length]).toEqual([false, 3]);
  });

  it('takes a stretch that is too short for one frame', async () => {
    const { frames, ended } = await looped.decode(new Float32Array(100), { limit: LIMIT });
    expect([frames, ended]).toEqual([1, true]);
  });
});

const total = (row: Float32Array): number => row.reduce((sum, one) => sum + one, 0);

function cosine(one: Float32Array, other: Float32Array): number {
  const dot = (a: Float32Array, b: Float32Array) =>
    a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
  return dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other));
}

describe('the voice detector', () => {
  it('gives the probabilities of the file it is made of, in runs of any length', async () => {
    const speech = asFloats(await samplesOf(JFK));
    const samples = speech.subarray(0, Math.floor(speech.length / FRAME) * FRAME);
    const theirs = await probabilitiesOfFile(samples);
    const detector = await VoiceDetector.load(await prepareVoice(cacheDirectory));
    for (const run of [1, 7, 64, 500]) {
      const ours: number[] = [];
      let memory = fresh();
      for (let at = 0; at < samples.length; at += run * FRAME) {
        const heard = await detector.hear(samples.subarray(at, at + run * FRAME), memory);
        ours.push(...heard.speech);
        memory = heard.memory;
      }
      expect(ours).toHaveLength(theirs.length);
      for (const [i, one] of ours.entries()) expect(Math.abs(one - (theirs[i] as number))).toBeLessThan(1e-3);
    }
    await detector.close();
  });
});

/** Frame by frame, as Silero's own wrapper has it. */
async function probabilitiesOfFile(samples: Float32Array): Promise<number[]> {
  const folder = path.dirname(findPackageJSON('@ricky0123/vad-web', import.meta.url) ?? '');
  const session = await InferenceSession.create(path.join(folder, 'dist/silero_vad_v5.onnx'));
  const input = new Float32Array(64 + FRAME);
  let state = new Tensor('float32', new Float32Array(256), [2, 1, 128]);
  const found: number[] = [];
  for (let at = 0; at < samples.length; at += FRAME) {
    input.copyWithin(0, FRAME);
    input.set(samples.subarray(at, at + FRAME), 64);
    const out = await session.run({
      input: new Tensor('float32', input, [1, input.length]),
      state,
      sr: new Tensor('int64', BigInt64Array.of(16_000n), []),
    });
    state = out.stateN as typeof state;
    found.push(Number(out.output?.data[0]));
  }
  await session.release();
  return found;
}

describe('a model that is built otherwise', () => {
  it('runs by its own files, and says why it is slow', async () => {
    const folder = path.join(
      path.dirname(findPackageJSON('@usefulsensors/moonshine-js', import.meta.url) ?? ''),
      'dist/model/tiny/quantized',
    );
    await using scratch = await Scratch.create();
    const own = path.join(scratch.directory, 'own');
    await mkdir(own);
    await copyFile(
      path.join(folder, 'decoder_model_merged.onnx'),
      path.join(own, 'decoder_model_merged.onnx'),
    );
    // The same model, with another name for one of its weights.
    const encoder = (await readFile(path.join(folder, 'encoder_model.onnx'))).toString('latin1');
    const renamed = encoder.replaceAll('layers.0.mlp.fc1.bias', 'layers.0.mlp.fc1.BIAS');
    await writeFile(path.join(own, 'encoder_model.onnx'), renamed, 'latin1');
    const engine = await loadEngine({ model: own, cacheDirectory: scratch.directory, threads: 1 });
    try {
      expect(engine.slowBecause).toMatch(/the model has no layers\.0\.mlp\.fc1\.bias/);
      const pcm = await scratch.pcm(await samplesOf(JFK));
      const utterances = await engine.recognise(pcm, { channel: 0 });
      expect(utterances.map(({ text }) => text).join(' ')).toMatch(
        /ask not what your country can do for you/i,
      );
    } finally {
      await engine.close();
    }
  });

  it('is not what moonshine-base is', async () => {
    const engine = await loadEngine({ model: 'moonshine-base', cacheDirectory, threads: 1 });
    expect(engine.slowBecause).toBeNull();
    await engine.close();
  });
});

describe('the type of the weights', () => {
  it('is int8 where the processor multiplies it without loss, and uint8 where that is not known', () => {
    const flags = (...more: string[]) =>
      `processor\t: 0\nflags\t\t: fpu sse avx2 avx512f ${more.join(' ')} erms\n\n`;
    expect(weightTypeBy(flags('avx512_vnni'))).toBe('int8');
    expect(weightTypeBy(flags('avx_vnni'))).toBe('int8');
    expect(weightTypeBy(flags())).toBe('uint8');
    expect(weightTypeBy(flags('avx512_vnnis'))).toBe('uint8');
    expect(weightTypeBy('')).toBe('uint8');
  });
});

describe('writing and reading a graph', () => {
  it('runs, and gives back what was put in', async () => {
    const graph = new GraphBuilder('test');
    const input = graph.input('x', 'float', [1, 'n']);
    graph.floats('added', [1], Float32Array.of(0.5));
    const added = graph.floats('added', [1], Float32Array.of(9));
    graph.named('y', graph.node('Add', [input, added]));
    graph.output('y', 'float', [1, 'n']);
    const model = graph.model();
    const read = readModel(model);
    expect(read.nodes.map(({ op }) => op)).toEqual(['Add', 'Identity']);
    // The second constant of a name is the first.
    expect(floats(read.tensors.get('added') ?? { type: 0, shape: [], bytes: new Uint8Array() })).toEqual(
      Float32Array.of(0.5),
    );
    const session = await InferenceSession.create(Buffer.from(model));
    const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(1, 2), [1, 2]) });
    expect(Array.from(y?.data as Float32Array)).toEqual([1.5, 2.5]);
    await session.release();
  });

  it('refuses what is no model, and what is cut off', async () => {
    expect(() => readModel(new Uint8Array())).toThrow(/no graph/);
    const model = new GraphBuilder('test').model();
    expect(() => readModel(model.subarray(0, model.length - 20))).toThrow();
  });
});
