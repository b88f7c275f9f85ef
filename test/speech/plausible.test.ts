// What a container says of itself: its length is believed where it is exact, and what no honest file can claim is refused
// before it takes time or room. Each in both ways of decoding.
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { decode, measure } from '../../src/speech/decode.ts';
import { findFfmpeg } from '../../src/speech/ffmpeg.ts';
import { mostSeconds } from '../../src/speech/plausible.ts';
import type { MediaKind } from '../../src/speech/sniff.ts';

const FORMATS = new URL('../fixtures/formats/', import.meta.url).pathname;
const HOURS = 10 * 3_600;
const { path: ffmpeg } = await findFfmpeg();
const folder = await mkdtemp(join(tmpdir(), 'ringback-plausible-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function decoded(path: string, way: string | null, maxDurationSeconds = HOURS) {
  const scratchDirectory = await mkdtemp(join(folder, 'scratch-'));
  const outcome = await decode({
    path,
    scratchDirectory,
    ffmpeg: way,
    maxDurationSeconds,
    timeoutMs: 50_000,
  }).catch((error: Error & { code: string }) => error);
  const files = await readdir(scratchDirectory);
  const bytes = await Promise.all(files.map(async (name) => (await stat(join(scratchDirectory, name))).size));
  await rm(scratchDirectory, { recursive: true });
  return { outcome, written: bytes.reduce((sum, size) => sum + size, 0) };
}
const measured = (path: string) => {
  try {
    return measure(path, HOURS);
  } catch (error) {
    return error as Error & { code: string };
  }
};

/** Those whose containers tell the length exactly. */
const EXACT = [
  'clip.aiff',
  'clip.caf',
  'clip.flac',
  'clip.m4a',
  'clip.mov',
  'clip.mp3',
  'clip.mp4',
  'clip.ogg',
  'clip.opus',
  'stereo-different.mp3',
  'wav-mulaw-8k.wav',
  'wav-pcm16.wav',
];

test('the length that a container tells is the one that decoding gives, and where none is certain, none is told', async () => {
  const told: string[] = [];
  for (const name of (await readdir(FORMATS)).filter((file) => !file.endsWith('.sh'))) {
    const path = join(FORMATS, name);
    const length = measured(path);
    if (length === null) continue;
    told.push(name);
    const { outcome } = await decoded(path, ffmpeg);
    expect(outcome, name).toMatchObject({ channels: (length as { channels: number }).channels });
    const { durationSeconds } = outcome as { durationSeconds: number };
    // Of AAC a decoder gives the rest of the last frame, too.
    const allowed = /\.(m4a|mov|mp4)$/.test(name) ? 0.03 : 0.001;
    expect(
      Math.abs(durationSeconds - (length as typeof outcome & { durationSeconds: number }).durationSeconds),
      name,
    ).toBeLessThan(allowed);
  }
  expect(told.sort()).toEqual(EXACT);
});

test.each(EXACT)('%s, cut short anywhere: no length is told, or it is called damaged', async (name) => {
  const whole = await readFile(join(FORMATS, name));
  for (const part of [0.3, 0.6, 0.9]) {
    const path = join(folder, `cut-${name}`);
    await writeFile(path, whole.subarray(0, Math.floor(whole.length * part)));
    const length = measured(path);
    if (length !== null) expect(length, `${part} of ${name}`).toMatchObject({ code: 'audio_corrupt' });
  }
});

/** 35 kB of 8-bit samples at the rate that is asked for. */
function wav(rate: number, channels = 1, samples = 35_000): Buffer {
  const bytes = Buffer.alloc(44 + samples);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(36 + samples, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(channels, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(rate * channels, 28);
  bytes.writeUInt16LE(channels, 32);
  bytes.writeUInt16LE(8, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(samples, 40);
  return bytes.fill(128, 44);
}

describe.each([
  ['with ffmpeg', ffmpeg],
  ['without ffmpeg', null],
])('%s', (name, way) => {
  const skip = name === 'with ffmpeg' && ffmpeg === null;

  test.skipIf(skip).each([1, 100, 3_999, 1_000_000])(
    'a WAV of %i Hz is refused, and nothing is written',
    async (rate) => {
      const path = join(folder, `rate-${rate}.wav`);
      await writeFile(path, wav(rate));
      const { outcome, written } = await decoded(path, way);
      expect(outcome).toMatchObject({
        code: 'audio_unsupported',
        message: `The WAV file claims ${rate} samples a second, and only 4000 to 768000 are supported. If it plays at the right speed, convert it to 16,000.`,
      });
      expect(written).toBe(0);
      expect(measured(path)).toMatchObject({ code: 'audio_unsupported' });
    },
  );

  test.skipIf(skip)('4,000 Hz and 192,000 Hz are decoded', async () => {
    for (const rate of [4_000, 192_000]) {
      const path = join(folder, 'rate.wav');
      await writeFile(path, wav(rate, 1, rate));
      expect((await decoded(path, way)).outcome).toMatchObject({ durationSeconds: expect.closeTo(1, 1) });
    }
  });

  test.skipIf(skip || ffmpeg === null)(
    'an MP4 of 96,000 Hz, which its header cannot write, is decoded',
    async () => {
      const path = join(folder, 'high.m4a');
      const from = join(FORMATS, 'wav-pcm16.wav');
      execFileSync(ffmpeg as string, ['-v', 'quiet', '-y', '-i', from, '-ar', '96000', path]);
      expect((await decoded(path, way)).outcome).toMatchObject({ durationSeconds: expect.closeTo(11, 1) });
      expect(measured(path)).toBe(null);
    },
  );

  test.skipIf(skip || ffmpeg === null)(
    '9 hours at 1 Hz in any other container: refused, with little or nothing written',
    async () => {
      const raw = join(folder, 'raw');
      await writeFile(raw, Buffer.alloc(35_000, 128));
      for (const [file, codec] of [
        ['a.aiff', 'pcm_s8'],
        ['a.caf', 'pcm_s16be'],
        ['a.au', 'pcm_s8'],
        ['a.w64', 'pcm_u8'],
        ['a.mka', 'pcm_u8'],
        ['a.avi', 'pcm_u8'],
        ['a.mov', 'pcm_u8'],
        ['a.wv', 'wavpack'],
        ['a.flac', 'flac'],
        ['a.mka', 'flac'],
        ['a.ogg', 'flac'],
      ] as const) {
        const path = join(folder, file);
        execFileSync(ffmpeg as string, [
          '-v',
          'quiet',
          '-y',
          '-f',
          'u8',
          '-ar',
          '1',
          '-ac',
          '1',
          '-i',
          raw,
          '-c:a',
          codec,
          path,
        ]);
        const { outcome, written } = await decoded(path, way);
        expect(outcome, file).toMatchObject({
          name: 'JobError',
          code: expect.stringMatching(/^audio_(unsupported|corrupt)$/),
        });
        expect(written, `${file} ${codec}`).toBe(0);
      }
    },
    60_000,
  );

  test.skipIf(skip)('more channels than a file may have are refused by the header', async () => {
    const path = join(folder, 'channels.wav');
    await writeFile(path, wav(16_000, 9));
    expect(await decoded(path, way)).toMatchObject({ outcome: { code: 'audio_unsupported' }, written: 0 });
  });
});

test('a FLAC whose end is nothing but beginnings of frames is looked through in no time', async () => {
  const bytes = await readFile(join(FORMATS, 'clip.flac'));
  // A header of 16 bytes with its checksum, over and over: each is one, and none of them ends with the file.
  const header = Buffer.from([0xff, 0xf8, 0xc9, 0x18, 0x00, 0x00]);
  let crc = 0;
  for (const byte of header.subarray(0, 5)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x80) !== 0 ? ((crc << 1) ^ 7) & 0xff : crc << 1;
  }
  header[5] = crc;
  const path = join(folder, 'frames.flac');
  await writeFile(path, Buffer.concat([bytes, ...Array.from({ length: 40_000 }, () => header)]));
  const started = performance.now();
  expect(measured(path)).toBe(null);
  expect(performance.now() - started).toBeLessThan(2_000);
});

test('a FLAC that claims hours and has the bytes of a second is refused before anything is decoded', async () => {
  const bytes = await readFile(join(FORMATS, 'clip.flac'));
  // 36 bits of samples: 9 hours of 16 kHz.
  bytes.writeUInt32BE(9 * 3_600 * 16_000, 22);
  const path = join(folder, 'claims.flac');
  await writeFile(path, bytes.subarray(0, 2_000));
  expect(measured(path)).toMatchObject({
    code: 'audio_corrupt',
    message:
      'The FLAC file of 2KB claims to last longer than 12 minutes, which no such file can: its header is wrong. Convert it to WAV or MP3 and send it again.',
  });
});

test.skipIf(ffmpeg === null)(
  'an hour of silence in 14 kB of FLAC, or in little of Vorbis, is what it claims to be',
  async () => {
    const ways = { 'silence.flac': ['flac', '-frame_size', '65535'], 'silence.ogg': ['libvorbis'] };
    for (const [file, codec] of Object.entries(ways)) {
      const path = join(folder, file);
      const silence = ['-f', 'lavfi', '-i', 'anullsrc=r=8000:cl=mono', '-t', '3500'];
      execFileSync(ffmpeg as string, ['-v', 'quiet', '-y', ...silence, '-c:a', ...codec, path]);
      expect(measured(path), file).toEqual({ durationSeconds: 3_500, channels: 1 });
      expect((await decoded(path, ffmpeg)).outcome, file).toMatchObject({
        durationSeconds: expect.closeTo(3_500, 1),
      });
    }
  },
);

test('what a byte may hold is bounded for each format by what its frames can', () => {
  const most = (kind: MediaKind, rate: number) => mostSeconds({ kind, fileBytes: 120_000, rate }) - 60;
  expect(most('flac', 8_000)).toBeCloseTo((10_000 * 65_536) / 8_000);
  expect(most('vorbis', 16_000)).toBeCloseTo((60_000 * 4_096) / 16_000);
  // Frames of a length in time: the rate has no say.
  for (const kind of ['opus', 'amr', 'mp3', 'wav'] as const) expect(most(kind, 8_000)).toBe(15_000);
});
