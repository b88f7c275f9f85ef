// Audio for the speech tests: the clips of test/fixtures/speech as PCM, and longer pieces made of them.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { decode } from '../../src/speech/decode.ts';
import { type PcmFile, SAMPLE_RATE } from '../../src/speech/transcript.ts';

const SET = path.resolve(import.meta.dirname, '../fixtures/speech');
export const JFK = path.resolve(import.meta.dirname, '../fixtures/jfk.wav');

export type Clip = { file: string; reference: string };

export async function clips(): Promise<Clip[]> {
  const lines = (await readFile(path.join(SET, 'set.tsv'), 'utf8')).trimEnd().split('\n').slice(1);
  return lines.map((line) => {
    const [file = '', , reference = ''] = line.split('\t');
    return { file: path.join(SET, file), reference };
  });
}

export const clip = (name: string): string => path.join(SET, name);

export class Scratch implements AsyncDisposable {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async create(): Promise<Scratch> {
    return new Scratch(await mkdtemp(path.join(tmpdir(), 'ringback-speech-')));
  }

  async pcm(samples: Int16Array): Promise<PcmFile> {
    const file = path.join(this.directory, `${crypto.randomUUID()}.pcm`);
    await writeFile(file, samples);
    return { path: file, samples: samples.length };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** The first channel of a media file at 16 kHz. */
export async function samplesOf(file: string): Promise<Int16Array> {
  const scratchDirectory = await mkdtemp(path.join(tmpdir(), 'ringback-decode-'));
  try {
    const options = {
      path: file,
      scratchDirectory,
      ffmpeg: null,
      maxDurationSeconds: 600,
      timeoutMs: 60_000,
    };
    const { distinct } = await decode(options);
    const bytes = await readFile(distinct[0]?.pcm.path ?? '');
    return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1);
  } finally {
    await rm(scratchDirectory, { recursive: true, force: true });
  }
}

export const silence = (seconds: number): Int16Array => new Int16Array(Math.round(seconds * SAMPLE_RATE));

/** Uniform noise of the same numbers every time, `peak` of 32,768. */
export function noise(seconds: number, peak: number): Int16Array {
  let state = 42;
  return Int16Array.from({ length: Math.round(seconds * SAMPLE_RATE) }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return ((state / 2 ** 32) * 2 - 1) * peak;
  });
}

export function joined(parts: readonly Int16Array[]): Int16Array {
  const whole = new Int16Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
