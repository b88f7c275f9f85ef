// What happens when the decoder runs in circles: with the real model where it really does, and with a scripted one
// for the cases that a real one gives too rarely.
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { comparableWords } from '../../bench/wer.ts';
import { LoopedNetwork } from '../../src/speech/looped.ts';
import { type Decoded, type DecodeOptions, ENCODER_HOP } from '../../src/speech/network.ts';
import { cut, type Network, type Piece, recognise } from '../../src/speech/recognise.ts';
import { loopAtEnd } from '../../src/speech/repetition.ts';
import { SAMPLE_RATE } from '../../src/speech/transcript.ts';
import { findModel, prepareLooped } from '../../src/speech/weights.ts';
import { clip, noise, samplesOf } from './speech-set.ts';

const cacheDirectory = path.join(tmpdir(), 'ringback-test-models');
const TABLE = [' a', ' b', ' c', ' d', ' e'];

const floats = (samples: Int16Array) => Float32Array.from(samples, (sample) => sample / 32_768);

function pieceOf(samples: Float32Array, offset = 0): Piece {
  const bounds = { start: offset, end: offset + samples.length / SAMPLE_RATE };
  return { samples, offset, bounds, speech: [bounds] };
}

/** A network that says what `script` says of so many seconds; its attention moves on evenly. */
function scripted(
  script: (seconds: number) => { tokens: number[]; ended: boolean },
): Network & { heard: number[] } {
  const heard: number[] = [];
  return {
    heard,
    decode: async (samples: Float32Array, options: DecodeOptions): Promise<Decoded> => {
      const seconds = samples.length / SAMPLE_RATE;
      heard.push(seconds);
      const said = script(seconds);
      const tokens: number[] = [];
      let stopped = false;
      for (const token of said.tokens) {
        tokens.push(token);
        stopped = tokens.length >= options.limit || options.stop?.(tokens) === true;
        if (stopped) break;
      }
      const ended = said.ended && !stopped;
      const frames = Math.floor(samples.length / ENCODER_HOP);
      const rows = tokens.length + (ended ? 1 : 0);
      const attention = Array.from({ length: rows }, (_, row) =>
        Float32Array.from({ length: frames }, (_, frame) =>
          Math.floor((frame * rows) / frames) === row ? 1 : 0,
        ),
      );
      return { tokens, probabilities: tokens.map(() => 0.9), attention, frames, ended };
    },
  };
}

const circles = { tokens: Array.from({ length: 500 }, (_, i) => i % 3), ended: false };

describe('a decoder in circles', () => {
  it('gets smaller pieces until it hears', async () => {
    const network = scripted((seconds) => (seconds > 5 ? circles : { tokens: [3, 4], ended: true }));
    const words = await recognise(network, TABLE, pieceOf(floats(noise(12, 1000)), 100));
    expect(words.map(({ text }) => text).join('')).toBe(' d e'.repeat(words.length / 2));
    expect(words.length).toBeGreaterThanOrEqual(6);
    expect(words[0]?.start).toBeGreaterThanOrEqual(100);
    expect(words.at(-1)?.end).toBeLessThanOrEqual(112);
    for (const [i, { start, end }] of words.entries()) {
      expect(start).toBeGreaterThanOrEqual(words[i - 1]?.end ?? 100);
      expect(end).toBeGreaterThan(start);
    }
  });

  it('is stopped as soon as the circle is clear', async () => {
    let asked = 0;
    const network = scripted(() => circles);
    const watched: Network = {
      decode: (samples, options) =>
        network.decode(samples, {
          ...options,
          stop: (tokens) => {
            asked += 1;
            return options.stop?.(tokens) ?? false;
          },
        }),
    };
    await recognise(watched, TABLE, pieceOf(floats(noise(3, 1000))));
    expect(asked).toBeLessThan(20);
  });

  it('that hears no piece at all leaves what it said before the circle, and the first round', async () => {
    const words = await recognise(
      scripted(() => ({ tokens: [4, 3, ...circles.tokens], ended: false })),
      TABLE,
      pieceOf(floats(noise(2, 1000))),
    );
    expect(words.map(({ text }) => text).join('')).toBe(' e d a b c');
  });

  it('is a real thing, and cured', { timeout: 120_000 }, async () => {
    // This menu, cut off inside a word, makes moonshine-base say its last sentence for ever.
    const model = await findModel('moonshine-base', cacheDirectory);
    const graphs = await prepareLooped(model, cacheDirectory, 'int8');
    const network = await LoopedNetwork.load(graphs, model.alignmentHeads, 1);
    try {
      const samples = floats(await samplesOf(clip('vm-options.wav'))).subarray(0, 11.54 * SAMPLE_RATE);
      const bare = await network.decode(samples, { limit: 150 });
      expect(bare.ended).toBe(false);
      expect(loopAtEnd(bare.tokens)).toBeDefined();
      const words = await recognise(network, model.tokens, pieceOf(samples));
      expect(comparableWords(words.map(({ text }) => text).join('')).join(' ')).toContain(
        'record your busy message press three to record your name press four to record your temporary greeting',
      );
      expect(words.length).toBeLessThan(40);
    } finally {
      await network.close();
    }
  });
});

describe('speech passed over', () => {
  it('shows in a word that lasts too long: heard again in parts, the fuller answer counts', async () => {
    const network = scripted((seconds) => ({ tokens: seconds > 6 ? [0, 1] : [2, 3, 4], ended: true }));
    const words = await recognise(network, TABLE, pieceOf(floats(noise(8, 1000))));
    expect(words).toHaveLength(6);
    expect(network.heard).toHaveLength(3);
  });

  it('is not assumed of an address or a number that takes its time, and is of a word that takes longer still', async () => {
    const hears = async (text: string, seconds: number) => {
      const network = scripted(() => ({ tokens: [0], ended: true }));
      await recognise(network, [text], pieceOf(floats(noise(seconds, 1000))));
      return network.heard.length;
    };
    expect(await hears(' john.smith@example.com.', 5)).toBe(1);
    expect(await hears(' 415-555-0132', 8)).toBe(1);
    expect(await hears(' John', 5)).toBeGreaterThan(1);
    expect(await hears(' happy......', 5)).toBeGreaterThan(1);
    expect(await hears(' john.smith@example.com', 12)).toBeGreaterThan(1);
  });

  it('shows in no word at all: a short piece is heard again with less quiet before it', async () => {
    const network = scripted((seconds) => ({ tokens: seconds > 1.95 ? [] : [0], ended: true }));
    const piece = pieceOf(floats(noise(2, 1000)));
    expect(await recognise(network, TABLE, { ...piece, speech: [{ start: 0.3, end: 1.8 }] })).toHaveLength(1);
    expect(network.heard).toEqual([2, 1.9]);
  });

  it('is not assumed when the parts give no more', async () => {
    const network = scripted((seconds) => ({ tokens: seconds > 6 ? [0, 1, 2] : [3], ended: true }));
    expect(await recognise(network, TABLE, pieceOf(floats(noise(8, 1000))))).toHaveLength(3);
  });
});

it('a cut falls in the quiet and loses no sample', () => {
  const samples = floats(noise(9, 8000)).fill(0, 4 * SAMPLE_RATE, 4.5 * SAMPLE_RATE);
  const [left, right] = cut(pieceOf(samples, 7));
  expect(left.samples.length + right.samples.length).toBe(samples.length);
  expect(right.offset).toBeGreaterThan(11);
  expect(right.offset).toBeLessThan(11.5);
  expect(left.bounds.end).toBe(right.bounds.start);
});
