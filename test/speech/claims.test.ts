// What a container cannot mean: tables, counts and sizes larger than the file, clocks and lengths that no sound has. Refused
// at once where nothing else can be believed, decoded where it can, by both ways of decoding alike.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { decode, measure } from '../../src/speech/decode.ts';
import { findFfmpeg } from '../../src/speech/ffmpeg.ts';
import { ranIntoItsHeap } from '../../src/speech/memory.ts';

const FORMATS = new URL('../fixtures/formats/', import.meta.url).pathname;
const { path: ffmpeg } = await findFfmpeg();
const folder = await mkdtemp(join(tmpdir(), 'ringback-claims-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function decoded(bytes: Uint8Array, way: string | null) {
  const path = join(folder, 'file');
  await writeFile(path, bytes);
  const scratchDirectory = await mkdtemp(join(folder, 'scratch-'));
  return decode({ path, scratchDirectory, ffmpeg: way, maxDurationSeconds: 36_000, timeoutMs: 50_000 }).catch(
    (error: Error & { code: string }) => error,
  );
}

/** `value` in 32 bits, so many bytes behind where the box has its name. */
function mended(bytes: Buffer, box: string, offset: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt32BE(value, bytes.indexOf(box) + offset);
  return copy;
}

/** Of an Ogg page, ready to be written into it. */
function pageChecksum(page: Uint8Array): number {
  let crc = 0;
  for (const byte of page) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}

/** The position that the last page of an Ogg file gives for its end. */
function endingAt(bytes: Buffer, granule: bigint): Buffer {
  const copy = Buffer.from(bytes);
  const last = copy.subarray(copy.lastIndexOf('OggS'));
  last.writeBigInt64LE(granule, 6);
  last.writeUInt32LE(0, 22);
  last.writeUInt32LE(pageChecksum(last), 22);
  return copy;
}

function measured(bytes: Uint8Array) {
  const path = join(folder, 'measured');
  writeFileSync(path, bytes);
  try {
    return measure(path, 36_000);
  } catch (error) {
    return error;
  }
}

const DAMAGED = { name: 'JobError', code: 'audio_corrupt' };

describe.each([
  ['with ffmpeg', ffmpeg],
  ['without ffmpeg', null],
])('%s', (name, way) => {
  const skip = name === 'with ffmpeg' && ffmpeg === null;

  test.skipIf(skip).each([
    ['stts', 8],
    ['stsc', 8],
    ['stco', 8],
    ['elst', 8],
    // The size of every sample, and how many there are.
    ['stsz', 8],
    ['stsz', 12],
  ] as const)('an m4a whose %s claims 4 billion at byte %i', async (box, offset) => {
    const bytes = await readFile(join(FORMATS, 'clip.m4a'));
    const started = performance.now();
    for (const claim of [0xffffffff, 0x7fffffff, 100_000])
      expect(await decoded(mended(bytes, box, offset, claim), way), `${claim}`).toMatchObject(DAMAGED);
    // Three files; each took a minute or the whole memory.
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test.skipIf(skip).each([
    ['no clock at all', 'mdhd', 16, 0],
    ['a clock of one tick a second', 'mdhd', 16, 1],
    ['a clock of 4 billion ticks a second', 'mdhd', 16, 0xffffffff],
    ['4 billion frames of one length', 'stts', 12, 0xffffffff],
    ['frames of hours', 'stts', 16, 0x7fffffff],
  ] as const)('an m4a with %s', async (_, box, offset, value) => {
    const bytes = mended(await readFile(join(FORMATS, 'clip.m4a')), box, offset, value);
    expect(await decoded(bytes, way)).toMatchObject(DAMAGED);
    expect(measured(bytes)).toMatchObject(DAMAGED);
  });

  test.skipIf(skip)('a rate of less than nothing, and one that is no number', async () => {
    const caf = await readFile(join(FORMATS, 'clip.caf'));
    const aiff = await readFile(join(FORMATS, 'clip.aiff'));
    const files = [-16_000, Number.NaN].map((rate) => {
      const copy = Buffer.from(caf);
      copy.writeDoubleBE(rate, 20);
      return copy;
    });
    aiff[aiff.indexOf('COMM') + 16] = 0xc0;
    for (const bytes of [...files, aiff]) {
      expect(await decoded(bytes, way)).toMatchObject(DAMAGED);
      expect(measured(bytes)).toMatchObject(DAMAGED);
    }
  });

  test.skipIf(skip).each(['clip.ogg', 'clip.opus'])(
    '%s, whose end is said to be before its beginning, is as long as it sounds',
    async (file) => {
      const bytes = await readFile(join(FORMATS, file));
      for (const granule of [0n, -1n, 1n]) {
        const wrong = endingAt(bytes, granule);
        expect(measured(wrong), `${granule}`).toBe(null);
        const { durationSeconds } = (await decoded(wrong, way)) as { durationSeconds: number };
        expect(durationSeconds, `${granule}`).toBeGreaterThan(10);
        expect(durationSeconds, `${granule}`).toBeLessThan(11.1);
      }
    },
  );
});

test.skipIf(ffmpeg === null)('a fragment that claims more samples than it has room for', async () => {
  const path = join(folder, 'fragments.m4a');
  const flags = ['-c', 'copy', '-movflags', 'frag_keyframe+empty_moov', '-frag_duration', '2000000'];
  execFileSync(ffmpeg as string, ['-v', 'quiet', '-y', '-i', join(FORMATS, 'clip.m4a'), ...flags, path]);
  const bytes = await readFile(path);
  expect(await decoded(bytes, null)).toMatchObject({ channels: 1 });
  for (const claim of [0xffffffff, 1_000])
    expect(await decoded(mended(bytes, 'trun', 8, claim), null), `${claim}`).toMatchObject(DAMAGED);
});

test('only what V8 says of its own limits is the fault of the file that it decodes', () => {
  const own = 'FATAL ERROR: invalid table size Allocation failed - JavaScript heap out of memory';
  const machine =
    'FATAL ERROR: Committing semi space failed. Allocation failed - JavaScript heap out of memory';
  expect([ranIntoItsHeap(own), ranIntoItsHeap(machine)]).toEqual([true, false]);
});
