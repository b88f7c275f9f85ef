// Promise 5: nothing a media file contains can hurt us. Mutated files of every format either decode or give a JobError,
// in bounded time, in both ways. The seed is fixed, so a failure can be repeated.

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JOB_ERRORS } from '../../src/errors.ts';
import { decode } from '../../src/speech/decode.ts';
import { findFfmpeg } from '../../src/speech/ffmpeg.ts';
import { randomFrom } from '../torture/random.ts';
import { mutate, seedOf } from './mutate.ts';

const folder = new URL('../fixtures/formats/', import.meta.url).pathname;
const names = (await readdir(folder)).filter((name) => !name.endsWith('.sh')).sort();
const { path: ffmpeg } = await findFfmpeg();
/** Each kind of damage once; `npm run torture -- media` sends a thousand through the pool. */
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
      const random = randomFrom(seedOf(name)).next;
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
