// Tables, counts and sizes in a container that are larger than the file: refused at once, by both ways of decoding.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { decode } from '../../src/speech/decode.ts';
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
});

test('only what V8 says of its own limits is the fault of the file that it decodes', () => {
  const own = 'FATAL ERROR: invalid table size Allocation failed - JavaScript heap out of memory';
  const machine =
    'FATAL ERROR: Committing semi space failed. Allocation failed - JavaScript heap out of memory';
  expect([ranIntoItsHeap(own), ranIntoItsHeap(machine)]).toEqual([true, false]);
});
