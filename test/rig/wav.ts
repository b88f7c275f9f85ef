// 16-bit PCM WAV files, for audio whose truth is known.
import { readFileSync } from 'node:fs';

export const RATE = 16_000;

/** Interleaves the channels (padded with silence to the longest) at 16 kHz. */
export function wav(...channels: Int16Array[]): Buffer {
  const length = Math.max(...channels.map((channel) => channel.length));
  const data = Buffer.alloc(length * channels.length * 2);
  for (const [index, channel] of channels.entries())
    for (let n = 0; n < channel.length; n++)
      data.writeInt16LE(channel[n] as number, (n * channels.length + index) * 2);
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + data.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(channels.length, 22);
  header.writeUInt32LE(RATE, 24);
  header.writeUInt32LE(RATE * channels.length * 2, 28);
  header.writeUInt16LE(channels.length * 2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}

export function silence(seconds: number): Int16Array {
  return new Int16Array(Math.round(seconds * RATE));
}

/** The samples of a 16-bit mono WAV file. */
export function samplesOf(path: URL): Int16Array {
  const bytes = readFileSync(path);
  const at = bytes.indexOf('data');
  const size = bytes.readUInt32LE(at + 4);
  return new Int16Array(new Uint8Array(bytes.subarray(at + 8, at + 8 + size)).buffer);
}

export function joined(...parts: Int16Array[]): Int16Array {
  const all = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
