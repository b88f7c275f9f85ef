// Which channels are one voice, judged on the samples alone: made in code from clips, without the recogniser.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareChannels } from '../../src/speech/compare.ts';
import { judgeChannels } from '../../src/speech/one-voice.ts';
import { bleeding, delayed, dialogue, echoing, hiss, inverted, louder, noisy, sum } from './channel-sound.ts';
import { clip, JFK, joined, Scratch, samplesOf, silence } from './speech-set.ts';

let scratch: Scratch;
let voice: Int16Array;
let other: Int16Array;
beforeAll(async () => {
  scratch = await Scratch.create();
  voice = await samplesOf(JFK);
  other = await samplesOf(clip('vm-review.wav'));
});
afterAll(() => scratch[Symbol.asyncDispose]());

async function judge(...channels: readonly Int16Array[]) {
  const files = await Promise.all(channels.map((one) => scratch.pcm(one)));
  return judgeChannels(await compareChannels(files, new AbortController().signal)).groups;
}

describe('one voice on two channels is one', () => {
  const cases: [name: string, channels: () => Int16Array[]][] = [
    ['a sample later', () => [voice, delayed(voice, 1 / 16)]],
    ['30 ms later, 12 dB quieter', () => [voice, louder(delayed(voice, 30), -12)]],
    ['the other polarity, 5 ms earlier', () => [delayed(voice, 5), inverted(voice)]],
    ['3 dB louder', () => [louder(voice, -3), voice]],
    ['20 dB quieter on the left', () => [louder(voice, -20), delayed(voice, 2)]],
    ['noise of its own on each, 20 dB below', () => [noisy(voice, 20, 1), noisy(delayed(voice, 8), 20, 2)]],
    ['noise of its own on each, 10 dB below', () => [noisy(voice, 10, 1), noisy(delayed(voice, 8), 10, 2)]],
    ['echo on one', () => [voice, echoing(voice, 0.5, 3)]],
    ['another echo on each', () => [echoing(voice, 0.4, 4), echoing(voice, 0.6, 5)]],
    [
      'a tone control on one',
      () => [voice, voice.map((one, i) => Math.round(one - 0.8 * (voice[i - 1] ?? 0)))],
    ],
    [
      'sum and difference with a delayed copy',
      () => [
        sum(voice, louder(delayed(voice, 10), -6)),
        sum(voice, inverted(louder(delayed(voice, 10), -6))),
      ],
    ],
  ];
  it.each(cases)('%s', async (_, channels) => {
    expect((await judge(...channels())).map(({ members }) => members)).toEqual([[0, 1]]);
  });

  it('and the clearest of them is heard', async () => {
    expect((await judge(noisy(voice, 3, 1), noisy(voice, 30, 2)))[0]?.best ?? 1).toBe(1);
  });
});

describe('two who talk are two channels', () => {
  const turns = () => {
    const halves = [voice.subarray(0, 80_000), voice.subarray(80_000)] as const;
    const [a, b] = [other.subarray(0, 60_000), other.subarray(60_000)];
    return dialogue([
      { side: 0, samples: halves[0] },
      { side: 1, samples: a },
      { side: 0, samples: halves[1] },
      { side: 1, samples: b },
    ]);
  };
  it.each([-40, -30, -20, -12])(
    'with bleed at %i dB, which is marked, and nothing else is',
    async (decibels) => {
      for (const milliseconds of [0, 5, 40]) {
        const [left, right] = bleeding(turns(), decibels, milliseconds);
        const noise = (seed: number) => hiss(left.length, 3, seed);
        const groups = await judge(sum(left, noise(1)), sum(right, noise(2)));
        expect(groups.map(({ members }) => members)).toEqual([[0], [1]]);
        // In the middle of the first turn of each: 0.33 to 5.33 s, and 5.66 to 9.41 s.
        const marked = (group: number, from: number, to: number) =>
          groups[group]?.repeats.subarray(Math.ceil(from / 0.256), Math.floor(to / 0.256) - 1);
        expect(marked(0, 0.4, 5.2)?.some((one) => one === 1)).toBe(false);
        expect(marked(1, 5.8, 9.3)?.some((one) => one === 1)).toBe(false);
        if (decibels < -30) continue;
        const spoken = marked(0, 6, 9) ?? new Uint8Array();
        expect(spoken.filter((one) => one === 1).length / spoken.length).toBeGreaterThan(0.8);
      }
    },
  );

  it('also where it was one voice for long', async () => {
    const before = joined([voice, voice, voice]);
    const [left, right] = turns();
    const groups = await judge(joined([before, left]), joined([delayed(before, 3), right]));
    expect(groups.map(({ members }) => members)).toEqual([[0], [1]]);
    const announced = groups[1]?.repeats.subarray(0, 120) ?? new Uint8Array();
    expect(announced.filter((one) => one === 1).length).toBeGreaterThan(90);
  });

  it('one sentence on one side, after minutes of one voice', async () => {
    const before = joined(Array.from({ length: 12 }, () => voice));
    const groups = await judge(
      joined([before, silence(4)]),
      joined([before, silence(0.4), other.subarray(0, 32_000), silence(1.6)]),
    );
    expect(groups).toHaveLength(2);
  });
});

it('a film: its centre speaks, the others have music of their own', async () => {
  const tone = (hertz: number) =>
    voice.map((_, i) =>
      Math.round(900 * Math.sin((2 * Math.PI * hertz * (1 + ((i >> 13) % 5) / 4) * i) / 16_000)),
    );
  const groups = await judge(
    tone(261),
    tone(311),
    voice,
    silence(voice.length / 16_000),
    tone(392),
    tone(440),
  );
  expect(groups.map(({ best }) => best)).toContain(2);
  expect(groups.find(({ best }) => best === 2)?.repeats.some((one) => one === 1)).toBe(false);
});
