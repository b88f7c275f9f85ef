// Custom vocabulary on real recognition: the model hears the clips, synthetic ones with names and a real voice without.
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Engine, loadEngine } from '../../src/speech/engine.ts';
import { shapeUtterances } from '../../src/text/shape.ts';
import { clip, Scratch, samplesOf } from '../speech/speech-set.ts';
import { textsOf } from './spoken.ts';

const CLIPS = path.resolve(import.meta.dirname, '../fixtures/vocabulary');
const VOCABULARY = [
  'Grafana',
  'Databricks',
  'Schiphol',
  'PostgreSQL',
  'Digium',
  'Asterisk',
  'PBX',
  'Confluence',
];

let engine: Engine;
beforeAll(async () => {
  const cacheDirectory = path.join(tmpdir(), 'ringback-test-models');
  engine = await loadEngine({ model: 'moonshine-base', cacheDirectory, threads: 1 });
}, 120_000);
afterAll(() => engine.close());

async function heard(file: string) {
  await using scratch = await Scratch.create();
  return engine.recognise(await scratch.pcm(await samplesOf(file)), { channel: 0 });
}

it.each(['Grafana', 'Databricks', 'Schiphol', 'PostgreSQL'])(
  'is repaired: %s',
  async (name) => {
    const utterances = await heard(path.join(CLIPS, `${name.toLowerCase()}.wav`));
    // Were it recognised right, this would show nothing.
    expect(textsOf(utterances).join(' ')).not.toContain(name);
    expect(textsOf(await shapeUtterances(utterances, { custom_vocabulary: VOCABULARY })).join(' ')).toContain(
      name,
    );
  },
  120_000,
);

it.each(['conf-onlyone.wav', 'sense_and_sensibility_01_austen_64kb-0890.wav', 'vm-nobox.wav'])(
  'leaves a real voice alone: %s',
  async (file) => {
    const utterances = await heard(clip(file));
    expect(await shapeUtterances(utterances, { custom_vocabulary: VOCABULARY })).toEqual(utterances);
  },
  120_000,
);
