// The text options through the whole program: real database, real model, real sockets. What they do word by word is
// tested in test/text.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type App, startApp } from './rig/app.ts';
import { eventually } from './rig/eventually.ts';
import { readCues, validateVtt } from './text/foreign-parsers.ts';

/** Speech processes give way to everything else on the machine. */
const BUSY_MS = 200_000;

let app: App;
let audio_url: string;

beforeAll(async () => {
  app = await startApp();
  const jfk = readFileSync(new URL('./fixtures/jfk.wav', import.meta.url));
  audio_url = (await app.upload(jfk, 'jfk.wav')).json.audio_url;
}, 60_000);
afterAll(() => app.stop());

async function resultOf(options: object) {
  const { status, json } = await app.call('POST', '/v2/pre-recorded', { audio_url, ...options });
  expect([status, json.validation_errors]).toEqual([201, undefined]);
  const { json: record } = await eventually(
    () => app.call('GET', `/v2/pre-recorded/${json.id}`),
    ({ json: seen }) => ['done', 'error'].includes(seen.status),
    BUSY_MS,
  );
  expect(record).toMatchObject({ status: 'done', error_code: null });
  return record.result;
}

type Word = { word: string; start: number; end: number; confidence: number };
type Said = { words: Word[] };
const textOf = (words: Word[]) => words.map(({ word }) => word).join('');

test(
  'words, utterances, transcript, sentences and subtitles agree on what was asked for',
  async () => {
    const result = await resultOf({
      sentences: true,
      subtitles: true,
      subtitles_config: {
        formats: ['srt', 'vtt'],
        maximum_characters_per_row: 20,
        maximum_rows_per_caption: 1,
        minimum_duration: null,
      },
      custom_spelling: true,
      custom_spelling_config: { spelling_dictionary: { Folks: ['fellow americans'], US: ['your country'] } },
      custom_vocabulary: true,
      custom_vocabulary_config: { vocabulary: ['ASK', { value: 'Qualcomm', intensity: null }] },
      punctuation_enhanced: true,
      language_config: { languages: ['en'] },
      custom_metadata: null,
    });
    const { transcription } = result;
    const { utterances, full_transcript, sentences, subtitles } = transcription;
    expect(full_transcript).toMatch(
      /^And so,? my Folks,? ASK not what US can do for you.+what you can do for US\.$/,
    );
    expect(full_transcript).toBe(utterances.map(({ text }: { text: string }) => text).join(' '));
    // The first word of a later one has its space, so that all words put together are the text.
    for (const { text, words } of utterances) expect(textOf(words).trimStart()).toBe(text);
    expect(textOf(utterances.flatMap(({ words }: { words: never[] }) => words))).toBe(full_transcript);

    const folks = utterances
      .flatMap(({ words }: Said) => words)
      .find(({ word }: Word) => word.includes('Folks'));
    expect(folks.end - folks.start).toBeGreaterThan(0.5);

    expect(sentences).toHaveLength(1);
    expect(sentences[0]).toMatchObject({ success: true, is_empty: false, error: null });
    expect(result.sentences).toEqual(sentences[0]);
    expect(sentences[0].results.map(({ sentence }: { sentence: string }) => sentence).join(' ')).toBe(
      full_transcript,
    );
    for (const { sentence, words } of sentences[0].results) expect(textOf(words)).toBe(sentence);

    expect(subtitles.map(({ format }: { format: string }) => format)).toEqual(['srt', 'vtt']);
    const [srt, vtt] = subtitles.map((one: { subtitles: string }) => one.subtitles) as [string, string];
    expect(validateVtt(vtt).errors).toEqual([]);
    for (const cues of [await readCues(srt, 'srt'), validateVtt(vtt).cues]) {
      expect(cues.map(({ text }) => text).join(' ')).toBe(full_transcript);
      for (const { text } of cues) expect(text.length).toBeLessThanOrEqual(20);
    }
    // Nothing of this is an add-on that we lack.
    expect(Object.keys(result)).toEqual(['metadata', 'transcription', 'sentences']);
  },
  BUSY_MS,
);

const OLD = {
  language: 'english',
  detect_language: false,
  enable_code_switching: true,
  code_switching_config: { languages: ['fr', 'en'] },
  context_prompt: 'a speech',
  display_mode: false,
  name_consistency: true,
  custom_vocabulary: [],
  custom_spelling: null,
  custom_spelling_config: null,
  subtitles_config: { formats: ['vtt'] },
};

test(
  'without options there are only the required keys, and old spellings change nothing',
  async () => {
    const [plain, old] = await Promise.all([resultOf({}), resultOf(OLD)]);
    expect(Object.keys(plain.transcription)).toEqual(['full_transcript', 'languages', 'utterances']);
    expect(old.transcription).toEqual(plain.transcription);
  },
  BUSY_MS,
);
