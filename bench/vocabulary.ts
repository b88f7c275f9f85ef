// What a custom vocabulary repairs and what it spoils: word errors of a set of clips without it and with it, and the
// time it takes. Measures decoding, recognition and src/text, without HTTP and database.
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fullTranscript } from '../src/speech/assemble.ts';
import { loadEngine } from '../src/speech/engine.ts';
import type { Utterance } from '../src/speech/transcript.ts';
import { shapeUtterances, type TextOptions } from '../src/text/shape.ts';
import { clipsOf, OWN_SET, transcribe } from './speech.ts';
import { comparableWords, wordErrors } from './wer.ts';

const FIXTURES = path.resolve(import.meta.dirname, '../test/fixtures/vocabulary');
const WORDS = 10_000;

type Entry = { value: string; pronunciations: string[] };

/** One entry a line, then its pronunciations; of a set.tsv with the columns entry and pronunciation, those. */
async function entriesOf(file: string): Promise<Entry[]> {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  const isSet = lines[0]?.startsWith('file\t') === true;
  return lines.slice(isSet ? 1 : 0).map((line) => {
    const [value = '', ...pronunciations] = line.split('\t').slice(isSet ? 3 : 0);
    return { value, pronunciations: pronunciations.filter((one) => one !== '') };
  });
}

/**
 * `--set FOLDER`, with its table in or beside it; `--entries FILE` and `--with FILE` for more; `--intensity N`,
 * `--model NAME`.
 */
export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: {
      set: { type: 'string', default: OWN_SET },
      entries: { type: 'string', default: path.join(FIXTURES, 'telephone.tsv') },
      with: { type: 'string' },
      intensity: { type: 'string', default: '0.5' },
      model: { type: 'string', default: 'moonshine-base' },
    },
  });
  const vocabulary = await entriesOf(values.entries);
  if (values.with !== undefined) vocabulary.push(...(await entriesOf(values.with)));
  const options: TextOptions = {
    custom_vocabulary: true,
    custom_vocabulary_config: { vocabulary, default_intensity: Number(values.intensity) },
  };
  const cacheDirectory = path.join(tmpdir(), 'ringback-bench-models');
  const engine = await loadEngine({ model: values.model, cacheDirectory, threads: 1 });
  const heard: Utterance[][] = [];
  const sums = { words: 0, before: 0, after: 0 };
  const changes: string[] = [];
  const spoiled: string[] = [];
  for (const clip of await clipsOf(values.set)) {
    const { utterances } = await transcribe(engine, clip.path);
    const shaped = await shapeUtterances(utterances, options);
    const said = comparableWords(clip.reference);
    const [before, after] = [fullTranscript(utterances), fullTranscript(shaped)];
    const [errorsBefore, errorsAfter] = [before, after].map(
      (text) => wordErrors(said, comparableWords(text)).errors,
    ) as [number, number];
    sums.words += said.length;
    sums.before += errorsBefore;
    sums.after += errorsAfter;
    if (before !== after) changes.push(`${before} => ${after}`);
    if (errorsAfter > errorsBefore) spoiled.push(after);
    heard.push(utterances);
  }
  await engine.close();
  return {
    model: values.model,
    entries: vocabulary.length,
    intensity: Number(values.intensity),
    words: sums.words,
    word_errors_without: sums.before,
    word_errors_with: sums.after,
    clips_changed: changes.length,
    clips_spoiled: spoiled.length,
    ...(await timeOf(heard.flat(), options)),
    changes,
  };
}

/** CPU time of a transcript of 10,000 words, made of what was heard. */
async function timeOf(heard: readonly Utterance[], options: TextOptions): Promise<Record<string, number>> {
  const long: Utterance[] = [];
  for (let words = 0; words < WORDS && heard.length > 0; ) {
    const next = heard[long.length % heard.length] as Utterance;
    long.push(next);
    words += next.words.length;
  }
  const before = process.cpuUsage();
  await shapeUtterances(long, options);
  const { user, system } = process.cpuUsage(before);
  return { ten_thousand_words_cpu_ms: Math.round((user + system) / 1_000) };
}
