// The same clip in 19 formats gives the same words, with ffmpeg and without, by the real model.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fullTranscript } from '../../src/speech/assemble.ts';
import { findFfmpeg } from '../../src/speech/ffmpeg.ts';
import { createSpeechPool, type SpeechPool } from '../../src/speech/pool.ts';

const FOLDER = fileURLToPath(new URL('../fixtures/formats/', import.meta.url));
const WORDS =
  'and so my fellow americans ask not what your country can do for you ask what you can do for your country';
const FORMATS = (await readdir(FOLDER)).filter((file) => /^(clip|wav)/.test(file));
const { path: ffmpeg } = await findFfmpeg();

test('all 19 are here', () => {
  expect(FORMATS).toHaveLength(19);
});

for (const [name, way] of [
  ['with ffmpeg', ffmpeg],
  ['without ffmpeg', null],
] as const)
  describe.skipIf(name === 'with ffmpeg' && ffmpeg === null)(
    name === 'with ffmpeg' && ffmpeg === null ? `${name} (skipped: ffmpeg is not on the PATH)` : name,
    () => {
      let pool: SpeechPool;
      let folder: string;
      beforeAll(async () => {
        folder = await mkdtemp(join(tmpdir(), 'ringback-formats-'));
        pool = createSpeechPool({
          size: 2,
          model: 'moonshine-base',
          cacheDirectory: join(folder, 'models'),
          scratchDirectory: join(folder, 'scratch'),
          ffmpeg: way,
          maxDurationSeconds: 60,
        });
      });
      afterAll(async () => {
        await pool.close();
        await rm(folder, { recursive: true, force: true });
      });

      const wordsOf = async (file: string) => {
        const { utterances } = await pool.transcribe({ path: join(FOLDER, file) });
        return fullTranscript(utterances)
          .toLowerCase()
          .replaceAll(/[^a-z ]/g, '');
      };
      const unsupported = (file: string) => file === 'clip.ts' && way === null;

      test.each(FORMATS.filter((file) => !unsupported(file)))('%s', async (file) => {
        expect(await wordsOf(file)).toBe(WORDS);
      });

      test.runIf(way === null)('MPEG-TS is refused', async () => {
        await expect(wordsOf('clip.ts')).rejects.toMatchObject({ code: 'audio_unsupported' });
      });
    },
  );
