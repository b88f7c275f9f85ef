// Other languages are noticed, English is not taken for one: by numbers, and by the real model on real speech.

import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { languagesOf } from '../../src/speech/assemble.ts';
import { withDoubts } from '../../src/speech/language-doubt.ts';
import { createSpeechPool, type SpeechPool } from '../../src/speech/pool.ts';
import type { Utterance } from '../../src/speech/transcript.ts';
import { warningsOf } from '../../src/transcribe/warnings.ts';
import { utterance } from '../text/spoken.ts';
import { clips, JFK, Scratch } from './speech-set.ts';

const said = (words: number, confidence: number, start = 0): Utterance =>
  utterance(start, Array.from({ length: words }, () => 'word').join(' '), { confidence });
const marks = (utterances: readonly Utterance[]) =>
  withDoubts(utterances).map(({ language_uncertain }) => language_uncertain === true);

describe('by the mean confidence', () => {
  it.each([
    [3, 0.1, false],
    [4, 0.45, true],
    [5, 0.55, false],
    [6, 0.62, true],
    [6, 0.64, false],
    [30, 0.62, true],
    [30, 0.64, false],
  ])('%i words of %f: doubted %s', (words, confidence, doubted) => {
    expect(marks([said(words, confidence)])).toEqual([doubted]);
  });

  it('a stretch within English is marked, and nothing beside it', () => {
    const call = [said(20, 0.9), said(12, 0.4, 20), said(10, 0.5, 30), said(25, 0.95, 40), said(3, 0.2, 60)];
    expect(marks(call)).toEqual([false, true, true, false, false]);
    expect(languagesOf(withDoubts(call))).toEqual(['en']);
  });

  it('where more than half is doubted, all is', () => {
    const call = [said(20, 0.57), said(20, 0.9, 20), said(20, 0.57, 40)];
    expect(marks(call)).toEqual([true, true, true]);
    expect(languagesOf(withDoubts(call))).toEqual([]);
  });

  it('does not change what it is given, and takes nothing at all', () => {
    const one = said(10, 0.2);
    withDoubts([one]);
    expect(one).not.toHaveProperty('language_uncertain');
    expect(withDoubts([])).toEqual([]);
  });
});

describe('the real model', () => {
  let pool: SpeechPool;
  let scratch: Scratch;
  beforeAll(async () => {
    scratch = await Scratch.create();
    pool = createSpeechPool({
      size: 1,
      model: 'moonshine-base',
      cacheDirectory: path.join(tmpdir(), 'ringback-test-models'),
      scratchDirectory: scratch.directory,
      ffmpeg: null,
      maxDurationSeconds: 600,
    });
  });
  afterAll(async () => {
    await pool?.close();
    await scratch?.[Symbol.asyncDispose]();
  });

  it.each(['de', 'es', 'fr', 'it', 'ru'])('hears that %s is not English', async (language) => {
    const file = path.resolve(import.meta.dirname, `../fixtures/languages/${language}.opus`);
    const transcript = await pool.transcribe({ path: file });
    expect(languagesOf(transcript.utterances)).toEqual([]);
    expect(warningsOf(transcript)).toEqual([expect.stringMatching(/English is the only language/)]);
  });

  it('doubts no English: telephone prompts, a novel read aloud, a speech', async () => {
    const files = (await clips()).map((clip) => clip.file);
    for (const file of [...files.filter((_, index) => index % 4 === 0), JFK]) {
      const transcript = await pool.transcribe({ path: file });
      expect([file, languagesOf(transcript.utterances), warningsOf(transcript)]).toEqual([file, ['en'], []]);
    }
  }, 120_000);
});
