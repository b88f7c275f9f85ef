// What is told of recordings with several channels, from the file to the words, with the real model: one voice once, each
// side of a call by itself, nothing of channels without speech.

import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comparableWords, wordErrors } from '../../bench/wer.ts';
import type { ChannelMode } from '../../src/job-options.ts';
import { inSpokenOrder } from '../../src/speech/assemble.ts';
import { decode } from '../../src/speech/decode.ts';
import { type Engine, loadEngine } from '../../src/speech/engine.ts';
import { findFfmpeg } from '../../src/speech/ffmpeg.ts';
import { hearChannels } from '../../src/speech/hearing.ts';
import { bleeding, delayed, dialogue, hiss, inverted, louder, noisy, sum, wav } from './channel-sound.ts';
import { clip, JFK, joined, Scratch, samplesOf, silence } from './speech-set.ts';

const { path: ffmpeg } = await findFfmpeg();
const WAYS = [null, ffmpeg].filter((way, i) => i === 0 || way !== null);

let engine: Engine;
let scratch: Scratch;
let voice: Int16Array;
let prompt: Int16Array;
let reader: Int16Array;
let busy: Int16Array;
beforeAll(async () => {
  const cacheDirectory = path.join(tmpdir(), 'ringback-test-models');
  engine = await loadEngine({ model: 'moonshine-base', cacheDirectory, threads: 1 });
  scratch = await Scratch.create();
  // "And so my fellow Americans ask not"
  voice = (await samplesOf(JFK)).subarray(0, 5 * 16_000);
  prompt = await samplesOf(clip('vm-forward.wav'));
  reader = await samplesOf(clip('sense_and_sensibility_01_austen_64kb-0880.wav'));
  busy = await samplesOf(clip('all-circuits-busy-now.wav'));
});
afterAll(async () => {
  await engine?.close();
  await scratch?.[Symbol.asyncDispose]();
});

const KENNEDY = 'and so my fellow americans ask not';
const PROMPT = 'press one to enter an extension press two to use the directory';
const BUSY = 'all circuits are busy now';

type Told = { counted: number; said: Record<number, string> };

async function hear(
  channels: readonly Int16Array[],
  { mode = null, way = null }: { mode?: ChannelMode | null; way?: string | null } = {},
): Promise<Told> {
  const file = path.join(scratch.directory, `${crypto.randomUUID()}.wav`);
  await writeFile(file, wav(channels));
  const decoded = await decode({
    path: file,
    scratchDirectory: await mkdtemp(path.join(scratch.directory, 'decode-')),
    ffmpeg: way,
    maxDurationSeconds: 600,
    timeoutMs: 60_000,
  });
  const heard = await hearChannels(decoded.distinct, {
    engine,
    mode,
    channels: decoded.channels,
    signal: new AbortController().signal,
    onProgress: () => {},
  });
  const said: Record<number, string> = {};
  for (const { channel, text } of inSpokenOrder(heard.flat()))
    said[channel] = [said[channel] ?? '', ...comparableWords(text)].join(' ').trim();
  return { counted: heard.length, said };
}

/** Told on these channels and no other, with at most so many errors in each. */
function expectTold({ counted, said }: Told, expected: Record<number, string>, most = 1): void {
  expect(Object.keys(said), JSON.stringify(said)).toEqual(Object.keys(expected));
  for (const [channel, words] of Object.entries(expected)) {
    const { errors } = wordErrors(comparableWords(words), comparableWords(said[Number(channel)] ?? ''));
    expect(errors, said[Number(channel)]).toBeLessThanOrEqual(most);
  }
  expect(counted).toBe(Object.keys(expected).length);
}

describe.each(WAYS.map((way) => ({ way, name: way ? 'with ffmpeg' : 'without ffmpeg' })))(
  '$name',
  ({ way }) => {
    it.each<[string, () => Int16Array[]]>([
      ['a sample later', () => [voice, delayed(voice, 1 / 16)]],
      ['3 dB apart', () => [voice, louder(voice, -3)]],
      [
        'inverted, 20 dB quieter on the left, with noise',
        () => [noisy(louder(voice, -20), 25, 1), noisy(inverted(delayed(voice, 20)), 25, 2)],
      ],
    ])('one voice is told once, on channel 0: %s', { timeout: 60_000 }, async (_, channels) => {
      expectTold(await hear(channels(), { way }), { 0: KENNEDY });
    });

    it('a call whose bleed is 20 dB below is told side by side', { timeout: 60_000 }, async () => {
      const call = dialogue([
        { side: 0, samples: voice },
        { side: 1, samples: prompt },
      ]);
      expectTold(await hear(bleeding(call, -20, 5), { way }), { 0: KENNEDY, 1: PROMPT });
    });
  },
);

it.each([-12, -30])('bleed of %i dB, with noise, is not told', { timeout: 60_000 }, async (decibels) => {
  const call = dialogue([
    { side: 1, samples: prompt },
    { side: 0, samples: voice },
    { side: 1, samples: busy },
  ]);
  const [left, right] = bleeding(call, decibels, 40);
  expectTold(await hear([sum(left, hiss(left.length, 12, 1)), sum(right, hiss(left.length, 12, 2))]), {
    0: KENNEDY,
    1: `${PROMPT} ${BUSY}`,
  });
});

it('one file begins as an announcement on both and becomes a call', { timeout: 60_000 }, async () => {
  const [left, right] = bleeding(
    dialogue([
      { side: 0, samples: voice },
      { side: 1, samples: busy },
    ]),
    -20,
    5,
  );
  expectTold(await hear([joined([prompt, left]), joined([delayed(prompt, 3), right])]), {
    0: `${PROMPT} ${KENNEDY}`,
    1: BUSY,
  });
});

it('what both say at once stays on both', { timeout: 60_000 }, async () => {
  const gap = silence(0.5);
  // The same words in a higher voice, a little later.
  const higher = Int16Array.from(
    { length: Math.floor(busy.length / 1.08) },
    (_, i) => busy[Math.floor(i * 1.08)] ?? 0,
  );
  const [left, right] = dialogue([
    { side: 0, samples: voice },
    { side: 1, samples: prompt },
  ]);
  const both = busy.length + 2 * gap.length;
  const padded = (samples: Int16Array) =>
    joined([gap, samples, new Int16Array(both - gap.length - samples.length)]);
  const call = [joined([left, padded(busy)]), joined([right, padded(higher)])] as const;
  for (const channels of [call, bleeding([...call], -20, 5)])
    expectTold(await hear(channels), { 0: `${KENNEDY} ${BUSY}`, 1: `${PROMPT} ${BUSY}` }, 3);
});

it('a channel without speech says nothing and is not counted', { timeout: 60_000 }, async () => {
  for (const mere of [new Int16Array(voice.length), hiss(voice.length, 300, 7)]) {
    expectTold(await hear([voice, mere]), { 0: KENNEDY });
    expectTold(await hear([mere, voice]), { 1: KENNEDY });
  }
  expect(await hear([hiss(48_000, 300, 1), hiss(48_000, 300, 2)])).toEqual({ counted: 1, said: {} });
});

it('a film whose centre speaks is one channel', { timeout: 60_000 }, async () => {
  const music = (hertz: number) =>
    voice.map((_, i) =>
      Math.round(900 * Math.sin((2 * Math.PI * hertz * (1 + ((i >> 13) % 5) / 4) * i) / 16_000)),
    );
  const front = (hertz: number) => sum(music(hertz), louder(voice, -12));
  const rear = (hertz: number) => sum(music(hertz), louder(delayed(voice, 15), -25));
  const film = [front(261), front(311), voice, new Int16Array(voice.length), rear(392), rear(440)];
  expectTold(await hear(film), { 0: KENNEDY });
});

describe('channels that a request chooses', () => {
  it('mono: one, in which the other polarity does not cancel out', { timeout: 60_000 }, async () => {
    expectTold(await hear([voice, inverted(voice)], { mode: 'mono' }), { 0: KENNEDY });
    const call = bleeding(
      dialogue([
        { side: 0, samples: voice },
        { side: 1, samples: inverted(prompt) },
      ]),
      -6,
      0,
    );
    expectTold(await hear(call, { mode: 'mono' }), { 0: `${KENNEDY} ${PROMPT}` });
  });

  it('separate: each, also where it is the same as another, or silent', { timeout: 60_000 }, async () => {
    const told = await hear(
      [voice, voice, delayed(reader, 1), new Int16Array(voice.length)].map((one) => filled(one)),
      {
        mode: 'separate',
      },
    );
    expect(told.counted).toBe(4);
    expect(told.said[1]).toBe(told.said[0]);
    expect(told.said[2]).not.toBe('');
    expect(told.said[3]).toBeUndefined();
  });
});

const filled = (samples: Int16Array) =>
  joined([samples, new Int16Array(Math.max(0, reader.length - samples.length))]);
