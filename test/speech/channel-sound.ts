// Sound of several channels, made from clips: what one source sends into two channels, and calls with bleed.

import { SAMPLE_RATE } from '../../src/speech/transcript.ts';

export const louder = (samples: Int16Array, decibels: number): Int16Array =>
  samples.map((one) => Math.round(one * 10 ** (decibels / 20)));

export const inverted = (samples: Int16Array): Int16Array => samples.map((one) => -one);

export function delayed(samples: Int16Array, milliseconds: number): Int16Array {
  const by = Math.round((milliseconds * SAMPLE_RATE) / 1000);
  return samples.map((_, i) => samples[i - by] ?? 0);
}

export function sum(...parts: readonly Int16Array[]): Int16Array {
  const length = Math.max(...parts.map((part) => part.length));
  return Int16Array.from({ length }, (_, i) => parts.reduce((all, part) => all + (part[i] ?? 0), 0));
}

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state / 2 ** 32) * 2 - 1;
  };
}

/** White noise, so many decibels below the sound. */
export function noisy(samples: Int16Array, below: number, seed: number): Int16Array {
  const power = samples.reduce((all, one) => all + one * one, 0) / samples.length;
  const peak = Math.sqrt(3 * power) * 10 ** (-below / 20);
  const next = random(seed);
  return samples.map((one) => Math.round(one + peak * next()));
}

export function hiss(samples: number, peak: number, seed: number): Int16Array {
  const next = random(seed);
  return Int16Array.from({ length: samples }, () => Math.round(peak * next()));
}

/** A room: forty reflections that die away within `seconds`. */
export function echoing(samples: Int16Array, seconds: number, seed: number): Int16Array {
  const next = random(seed);
  const reflections = Array.from({ length: 40 }, () => {
    const at = Math.round((0.005 + 0.4975 * (next() + 1) * seconds) * SAMPLE_RATE);
    return { at, gain: 0.35 * next() * 10 ** ((-3 * at) / SAMPLE_RATE / seconds) };
  });
  return samples.map((one, i) =>
    Math.round(
      0.6 * (one + reflections.reduce((all, { at, gain }) => all + gain * (samples[i - at] ?? 0), 0)),
    ),
  );
}

export type Turn = { side: 0 | 1; samples: Int16Array };

/** The turns one after the other, a third of a second between; one track for each side. */
export function dialogue(turns: readonly Turn[], pause = 0.33): [Int16Array, Int16Array] {
  const gap = Math.round(pause * SAMPLE_RATE);
  const length = turns.reduce((all, { samples }) => all + samples.length + gap, 2 * gap);
  const tracks: [Int16Array, Int16Array] = [new Int16Array(length), new Int16Array(length)];
  let at = gap;
  for (const { side, samples } of turns) {
    tracks[side].set(samples, at);
    at += samples.length + gap;
  }
  return tracks;
}

/** Each side hears the other so far below, so much later. */
export function bleeding(
  [left, right]: readonly [Int16Array, Int16Array],
  decibels: number,
  milliseconds: number,
): [Int16Array, Int16Array] {
  return [
    sum(left, delayed(louder(right, decibels), milliseconds)),
    sum(right, delayed(louder(left, decibels), milliseconds)),
  ];
}

/** 16-bit PCM WAV at 16 kHz, of channels of one length. */
export function wav(channels: readonly Int16Array[]): Buffer {
  const frames = channels[0]?.length ?? 0;
  const bytes = frames * channels.length * 2;
  const file = Buffer.alloc(44 + bytes);
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(36 + bytes, 4);
  file.write('WAVEfmt ', 8, 'latin1');
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(channels.length, 22);
  file.writeUInt32LE(SAMPLE_RATE, 24);
  file.writeUInt32LE(SAMPLE_RATE * channels.length * 2, 28);
  file.writeUInt16LE(channels.length * 2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36, 'latin1');
  file.writeUInt32LE(bytes, 40);
  for (const [c, samples] of channels.entries())
    for (const [i, one] of samples.entries()) file.writeInt16LE(one, 44 + (i * channels.length + c) * 2);
  return file;
}
