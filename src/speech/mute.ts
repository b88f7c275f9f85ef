// Changes channels that lie on disk as PCM, in place and a piece at a time: silences where one repeats another, and mixes
// several to one.

import { type FileHandle, open } from 'node:fs/promises';
import { STEP } from './compare.ts';
import { PcmReader } from './pcm.ts';
import { type PcmFile, SAMPLE_RATE } from './transcript.ts';

const PIECE = 8 * SAMPLE_RATE;
/** What is judged of a window holds for its middle; its own voice may begin or end near the border. Seconds. */
const LATER = 0.05;
const EARLIER = 0.1;
/** Over so many samples the sound fades. */
const FADE = 128;
/** Of 32,768: recognisers trip over digital silence. */
const HISS = 4;

/** Puts a faint hiss where `windows` has a 1. */
export async function mute(pcm: PcmFile, windows: Uint8Array): Promise<void> {
  const stretches = stretchesOf(windows, pcm.samples);
  if (stretches.length === 0) return;
  const reader = await PcmReader.open(pcm);
  try {
    const file = await open(pcm.path, 'r+');
    try {
      for (const { start, end } of stretches)
        for (let from = start; from < end; from += PIECE) {
          const to = Math.min(end, from + PIECE);
          const samples = await reader.read(from, to);
          for (let i = 0; i < samples.length; i++) {
            const near = Math.min(from + i - start, end - 1 - from - i);
            const kept = near < FADE ? 1 - near / FADE : 0;
            samples[i] = (samples[i] as number) * kept + hiss(from + i);
          }
          await write(file, from, samples);
        }
    } finally {
      await file.close();
    }
  } finally {
    await reader.close();
  }
}

type Range = { start: number; end: number };

function stretchesOf(windows: Uint8Array, samples: number): Range[] {
  const stretches: Range[] = [];
  for (let w = 0; w < windows.length; w++) {
    if (windows[w] === 0) continue;
    let last = w;
    while (windows[last + 1] === 1) last++;
    const start = w === 0 ? 0 : Math.round(((w + 0.5) * STEP + LATER) * SAMPLE_RATE);
    const end = Math.round(((last + 1.5) * STEP - EARLIER) * SAMPLE_RATE);
    stretches.push({ start, end: last === windows.length - 1 ? samples : Math.min(samples, end) });
    w = last;
  }
  return stretches;
}

/** The same numbers every time. */
function hiss(at: number): number {
  const mixed = Math.imul(at ^ (at >>> 15), 0x2c1b_3c6d);
  return (((mixed ^ (mixed >>> 12)) % (2 * HISS)) - HISS / 2) / 32_768;
}

/** The sum of `channels`, as loud as it can be, in the place of the first of them. */
export async function mix(channels: readonly PcmFile[], signal: AbortSignal): Promise<void> {
  const [first] = channels;
  if (!first || channels.length === 1) return;
  const readers: PcmReader[] = [];
  try {
    for (const channel of channels) readers.push(await PcmReader.open(channel));
    let loudest = 1;
    for (let from = 0; from < first.samples; from += PIECE)
      for (const sample of await sum(readers, from, Math.min(first.samples, from + PIECE), signal))
        loudest = Math.max(loudest, Math.abs(sample));
    const file = await open(first.path, 'r+');
    try {
      for (let from = 0; from < first.samples; from += PIECE) {
        const mixed = await sum(readers, from, Math.min(first.samples, from + PIECE), signal);
        await write(
          file,
          from,
          mixed.map((sample) => sample / loudest),
        );
      }
    } finally {
      await file.close();
    }
  } finally {
    for (const reader of readers) await reader.close();
  }
}

async function sum(
  readers: readonly PcmReader[],
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<Float32Array> {
  signal.throwIfAborted();
  const total = new Float32Array(to - from);
  for (const reader of readers) {
    const samples = await reader.read(from, to);
    for (let i = 0; i < total.length; i++) total[i] = (total[i] as number) + (samples[i] as number);
  }
  return total;
}

async function write(file: FileHandle, at: number, samples: Float32Array): Promise<void> {
  const bytes = Buffer.alloc(samples.length * 2);
  for (let i = 0; i < samples.length; i++) {
    const value = Math.round((samples[i] as number) * 32_768);
    bytes.writeInt16LE(Math.max(-32_768, Math.min(32_767, value)), i * 2);
  }
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, bytes.length - done, at * 2 + done)).bytesWritten;
}
