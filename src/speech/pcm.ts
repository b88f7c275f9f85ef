// Reads raw PCM from disk a piece at a time, so that memory does not grow with the length of the audio.

import { type FileHandle, open } from 'node:fs/promises';
import type { PcmFile } from './transcript.ts';

const BYTES_PER_SAMPLE = 2;
const FULL_SCALE = 32_768;

export class PcmReader {
  readonly samples: number;
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle, samples: number) {
    this.#handle = handle;
    this.samples = samples;
  }

  /** Opens `audio`; the file may be shorter than it says, and then counts as long as it is. */
  static async open(audio: PcmFile): Promise<PcmReader> {
    const handle = await open(audio.path, 'r');
    try {
      const { size } = await handle.stat();
      return new PcmReader(handle, Math.min(audio.samples, Math.floor(size / BYTES_PER_SAMPLE)));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Samples `from` up to, not including, `to`, as floats in [-1, 1); zeros where they lie outside the file. */
  async read(from: number, to: number): Promise<Float32Array> {
    const result = new Float32Array(to - from);
    const first = Math.max(from, 0);
    const last = Math.min(to, this.samples);
    if (last <= first) return result;
    const bytes = Buffer.alloc((last - first) * BYTES_PER_SAMPLE);
    let filled = 0;
    while (filled < bytes.length) {
      const position = first * BYTES_PER_SAMPLE + filled;
      const { bytesRead } = await this.#handle.read(bytes, filled, bytes.length - filled, position);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    for (let i = 0; i < last - first; i++) {
      result[first - from + i] = bytes.readInt16LE(i * BYTES_PER_SAMPLE) / FULL_SCALE;
    }
    return result;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
