// The real model on real speech as it is sent: cut at its edges, far away, over a telephone, behind key tones, in silence;
// and on sounds that hold no word. `npm run bench -- conditions` has the figures of all clips.
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comparableWords, wordErrorRate, wordErrors } from '../../bench/wer.ts';
import { type Engine, loadEngine } from '../../src/speech/engine.ts';
import { inSilence, keyTones, quieter, telephone, trimmed } from './conditions.ts';
import { hum, music, tones } from './sounds.ts';
import { clip, clips, joined, noise, Scratch, samplesOf, silence } from './speech-set.ts';

const cacheDirectory = path.join(tmpdir(), 'ringback-test-models');

describe('moonshine-base', { timeout: 180_000 }, () => {
  let engine: Engine;
  let scratch: Scratch;
  beforeAll(async () => {
    engine = await loadEngine({ model: 'moonshine-base', cacheDirectory, threads: 1 });
    scratch = await Scratch.create();
  });
  afterAll(async () => {
    await engine?.close();
    await scratch?.[Symbol.asyncDispose]();
  });

  const heard = async (samples: Int16Array) => engine.recognise(await scratch.pcm(samples), { channel: 0 });
  const textOf = async (samples: Int16Array) =>
    comparableWords((await heard(samples)).map(({ text }) => text).join(' '));

  /** Share of words that went wrong over every `step`th clip. */
  async function errorsWhen(change: (samples: Int16Array) => Int16Array, step: number): Promise<number> {
    const results = [];
    for (const { file, reference } of (await clips()).filter((_, i) => i % step === 0))
      results.push(wordErrors(comparableWords(reference), await textOf(change(await samplesOf(file)))));
    return wordErrorRate(results);
  }

  it('hears clips without quiet at their edges: 7 % wrong before they were padded', async () => {
    expect(await errorsWhen(trimmed, 1)).toBeLessThanOrEqual(0.035);
  });

  it('hears what is 40 dB quieter: 9 % wrong before it was raised', async () => {
    expect(await errorsWhen((samples) => quieter(samples, 40), 2)).toBeLessThanOrEqual(0.04);
  });

  it('hears a telephone line', async () => {
    expect(await errorsWhen(telephone, 2)).toBeLessThanOrEqual(0.05);
  });

  it('hears what is said behind key tones', async () => {
    const pressed = (samples: Int16Array) => joined([keyTones(11), silence(0.05), samples]);
    expect(await errorsWhen(pressed, 1)).toBeLessThanOrEqual(0.04);
  });

  it('hears a clip in minutes of digital silence, each time', async () => {
    const samples = await samplesOf(clip('all-circuits-busy-now.wav'));
    for (const place of [0, 0.31, 0.62, 1])
      expect((await textOf(inSilence(samples, 120, place))).join(' ')).toBe(
        (await textOf(samples)).join(' '),
      );
  });

  it('says a sentence once that a cut edge had said three times in two seconds', async () => {
    const samples = trimmed(await samplesOf(clip('queue-callswaiting.wav')));
    expect((await textOf(samples)).join(' ')).toBe('waiting to speak with a representative');
  });

  it.each([
    ['silence', silence],
    ['white noise', (seconds: number) => noise(seconds, 3_000)],
    ['faint noise', (seconds: number) => noise(seconds, 30)],
    ['hum', hum],
    ['faint hum', (seconds: number) => hum(seconds, 60)],
    ['tones', tones],
    ['music', music],
  ])('finds no word in %s', async (_name, make) => {
    expect(await heard(make(60))).toEqual([]);
  });
});
