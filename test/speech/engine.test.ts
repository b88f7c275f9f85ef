// The real models on real speech. Loading moonshine-base takes about 2 s, recognising about a tenth of the audio's
// length on one core.
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comparableWords, wordErrorRate, wordErrors } from '../../bench/wer.ts';
import { type Engine, loadEngine } from '../../src/speech/engine.ts';
import { SAMPLE_RATE, type Utterance } from '../../src/speech/transcript.ts';
import { clip, clips, JFK, joined, noise, Scratch, samplesOf, silence } from './speech-set.ts';

// Kept between runs: what is derived from the weights is keyed by its content.
const cacheDirectory = path.join(tmpdir(), 'ringback-test-models');

const heard = (utterances: readonly Utterance[]) => utterances.map(({ text }) => text).join(' ');
const wordsIn = (utterances: readonly Utterance[]) => utterances.flatMap(({ words }) => words);

function expectSound(utterances: readonly Utterance[], seconds: number): void {
  let before = 0;
  for (const utterance of utterances) {
    expect(utterance.text).toBe(utterance.words.map(({ word }) => word).join(''));
    expect(utterance.start).toBe(utterance.words[0]?.start);
    expect(utterance.end).toBe(utterance.words.at(-1)?.end);
    expect(utterance.language).toBe('en');
    for (const [i, { word, start, end, confidence }] of utterance.words.entries()) {
      expect(word.startsWith(' ')).toBe(i > 0);
      expect(start).toBeGreaterThanOrEqual(before);
      expect(end).toBeGreaterThan(start);
      expect(confidence).toBeGreaterThanOrEqual(0);
      expect(confidence).toBeLessThanOrEqual(1);
      before = end;
    }
  }
  expect(before).toBeLessThanOrEqual(seconds);
}

describe('moonshine-base', () => {
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

  const recognise = async (samples: Int16Array, channel = 0) =>
    engine.recognise(await scratch.pcm(samples), { channel });

  it('hears every word of a clip, at its time, with confidence', async () => {
    const samples = await samplesOf(JFK);
    const utterances = await recognise(samples, 1);
    expectSound(utterances, samples.length / SAMPLE_RATE);
    const words = wordsIn(utterances);
    expect(comparableWords(heard(utterances)).join(' ')).toBe(
      'and so my fellow americans ask not what your country can do for you ask what you can do for your country',
    );
    expect(new Set(utterances.map(({ channel }) => channel))).toEqual(new Set([1]));
    // Read off the waveform: "ask" comes after a pause of a second, twice.
    const asks = words.filter(({ word }) => /ask/i.test(word)).map(({ start }) => start);
    expect(asks[0]).toBeCloseTo(3.3, 0);
    expect(asks[1]).toBeCloseTo(8.15, 0);
    expect(words.every(({ confidence }) => confidence > 0.3)).toBe(true);
  });

  it('makes at most 5 % word errors on the speech set', { timeout: 180_000 }, async () => {
    const results = [];
    for (const { file, reference } of await clips()) {
      const samples = await samplesOf(file);
      const utterances = await recognise(samples);
      expectSound(utterances, samples.length / SAMPLE_RATE);
      results.push(wordErrors(comparableWords(reference), comparableWords(heard(utterances))));
    }
    expect(results).toHaveLength(29);
    expect(wordErrorRate(results)).toBeLessThanOrEqual(0.05);
  });

  it('loses nothing and runs in no circle in 100 s of joined clips, and puts words where they are', {
    timeout: 180_000,
  }, async () => {
    const prompt = await samplesOf(clip('vm-options.wav'));
    const reading = await samplesOf(clip('sense_and_sensibility_01_austen_64kb-0930.wav'));
    const menu = await samplesOf(clip('vm-review.wav'));
    // 27 s of clips, three times, with pauses from 0.25 to 4 s; every pause is known.
    const parts: Int16Array[] = [];
    const begins: { at: number; first: string }[] = [];
    const put = (samples: Int16Array, first: string, pause: number) => {
      const at = parts.reduce((sum, part) => sum + part.length, 0) / SAMPLE_RATE;
      begins.push({ at, first });
      parts.push(samples, silence(pause));
    };
    for (const pause of [4, 2, 0.25]) {
      put(prompt, 'press', pause);
      put(reading, 'he', pause);
      put(menu, 'press', pause);
    }
    const samples = joined(parts);
    const seconds = samples.length / SAMPLE_RATE;
    expect(seconds).toBeGreaterThan(100);
    const utterances = await recognise(samples);
    expectSound(utterances, seconds);
    const all = await clips();
    const said = (name: string) => all.find(({ file }) => file.endsWith(name))?.reference ?? '';
    const once = `${said('vm-options.wav')} ${said('0930.wav')} ${said('vm-review.wav')} `;
    const errors = wordErrors(comparableWords(once.repeat(3)), comparableWords(heard(utterances)));
    expect(wordErrorRate([errors])).toBeLessThanOrEqual(0.06);
    // Each clip begins with less than 0.35 s of quiet.
    for (const { at, first } of begins) {
      const near = wordsIn(utterances).find(({ start }) => start > at - 0.1 && start < at + 0.6);
      expect(comparableWords(near?.word ?? '')[0]).toBe(first);
    }
  });

  it('hears nothing in silence, noise, and next to no audio', async () => {
    expect(await recognise(silence(20))).toEqual([]);
    expect(await recognise(noise(20, 300))).toEqual([]);
    expect(await recognise(noise(20, 8000))).toEqual([]);
    expect(await recognise(silence(0))).toEqual([]);
    expect(await recognise(noise(0.01, 8000))).toEqual([]);
  });

  it('tells how far it is, never backwards, to the end', async () => {
    const audio = await scratch.pcm(joined([silence(20), await samplesOf(JFK), silence(20)]));
    const told: number[] = [];
    await engine.recognise(audio, { channel: 0, onProgress: (seconds) => told.push(seconds) });
    expect(told.length).toBeGreaterThan(3);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.at(-1)).toBeCloseTo(51);
  });

  it('stops when told to, with the reason given, and works again after', async () => {
    const audio = await scratch.pcm(joined([await samplesOf(JFK), silence(40)]));
    const abort = new AbortController();
    const reason = new Error('enough');
    const options = { channel: 0, signal: abort.signal, onProgress: () => abort.abort(reason) };
    await expect(engine.recognise(audio, options)).rejects.toBe(reason);
    await expect(engine.recognise(audio, { channel: 0, signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
    expect(heard(await engine.recognise(audio, { channel: 0 }))).toMatch(/ask not/i);
  });

  it('fails with engine_failed when the audio is not there', async () => {
    const missing = { path: path.join(scratch.directory, 'missing.pcm'), samples: 16_000 };
    await expect(engine.recognise(missing, { channel: 0 })).rejects.toMatchObject({ code: 'engine_failed' });
  });
});

describe('moonshine-tiny', () => {
  it('hears the clip with at most two errors in its 22 words', async () => {
    await using scratch = await Scratch.create();
    const engine = await loadEngine({ model: 'moonshine-tiny', cacheDirectory, threads: 1 });
    try {
      const utterances = await engine.recognise(await scratch.pcm(await samplesOf(JFK)), { channel: 0 });
      const reference = (await clips()).find(({ file }) => file === JFK)?.reference ?? '';
      const { errors } = wordErrors(comparableWords(reference), comparableWords(heard(utterances)));
      expect(errors).toBeLessThanOrEqual(2);
    } finally {
      await engine.close();
    }
  });
});
