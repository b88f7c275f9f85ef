// Promise 5: nothing a media file contains can hurt us. Mutated files of every format either decode or give a JobError,
// in bounded time, in both ways. The seed is fixed, so a failure can be repeated.

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JOB_ERRORS } from '../../src/errors.ts';
import { decode } from '../../src/speech/decode.ts';
import { findFfmpeg } from '../../src/speech/decode-ffmpeg.ts';

const folder = new URL('../fixtures/formats/', import.meta.url).pathname;
const names = (await readdir(folder)).filter((name) => !name.endsWith('.sh')).sort();
const ffmpeg = await findFfmpeg();
/** Each kind of damage once; more rounds (HOSTILE_ROUNDS=100) to search for new trouble. */
const ROUNDS = Number(process.env.HOSTILE_ROUNDS ?? 5);

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'ringback-hostile-'));
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

for (const way of [null, ffmpeg]) {
  const skipped = way === null && ffmpeg === null;
  describe.each(names)(`${way === null ? 'wasm' : 'ffmpeg'}: %s`, (name) => {
    it('mutated', async () => {
      const original = await readFile(join(folder, name));
      const random = randomFrom(name);
      for (let round = 0; round < ROUNDS; round++) {
        const path = join(scratch, 'mutant');
        await writeFile(path, mutate(original, round, random));
        const outcome = await decode({
          path,
          scratchDirectory: scratch,
          ffmpeg: way,
          maxDurationSeconds: 600,
          timeoutMs: 15_000,
        }).catch((error) => error);
        if (outcome instanceof Error) {
          expect(outcome, `round ${round}: ${outcome.stack}`).toMatchObject({ name: 'JobError' });
          const code = (outcome as Error & { code: string }).code;
          expect(Object.keys(JOB_ERRORS)).toContain(code);
          // A timeout would be bounded, but none of these should need one.
          expect(code, `round ${round}`).not.toMatch(/internal|engine/);
          expect(outcome.message, `round ${round}`).not.toMatch(/\/|0x[0-9a-f]|undefined|NaN/);
        } else {
          expect(outcome.durationSeconds).toBeLessThanOrEqual(601);
        }
      }
    });
  });
  if (skipped) {
    it.skip('the same with ffmpeg (SKIPPED: no ffmpeg on the PATH)', () => {});
    break;
  }
}

/** Header bytes flipped, sizes blown up, pieces cut, doubled, zeroed, or replaced with noise. */
function mutate(original: Buffer, round: number, random: () => number): Buffer {
  const bytes = Buffer.from(original);
  const at = (limit: number) => Math.floor(random() * limit);
  switch (round % 5) {
    case 0:
      for (let i = 0; i < 8; i++) bytes[at(Math.min(512, bytes.length))] = at(256);
      return bytes;
    case 1:
      for (let i = 0; i < 3; i++) bytes.writeUInt32BE([0, 1, 0x7fffffff, 0xffffffff][at(4)] ?? 0, at(1024));
      return bytes;
    case 2:
      for (let i = 0; i < 200; i++) bytes[at(bytes.length)] = at(256);
      return bytes;
    case 3: {
      const from = at(bytes.length);
      const to = Math.min(bytes.length, from + at(20_000));
      return at(2) === 0
        ? Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
        : Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
    }
    default:
      for (let i = 64; i < bytes.length; i++) bytes[i] = at(256);
      return bytes;
  }
}

/** mulberry32, seeded with the name. */
function randomFrom(name: string): () => number {
  let state = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) | 0, 20_261_123);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
