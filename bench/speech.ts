// Word error rate, speed and memory of the speech engine on a set of clips: a folder with set.tsv (file, source,
// reference). Measures decoding and recognition without HTTP and database.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fullTranscript } from '../src/speech/assemble.ts';
import { decode } from '../src/speech/decode.ts';
import { type Engine, loadEngine } from '../src/speech/engine.ts';
import type { Utterance } from '../src/speech/transcript.ts';
import { comparableWords, type WordErrors, wordErrorRate, wordErrors } from './wer.ts';

export const OWN_SET = path.resolve(import.meta.dirname, '../test/fixtures/speech');

type Clip = { file: string; reference: string };
type Result = WordErrors & { file: string; heard: string; seconds: number };

/** The rows of a table with the columns file, source, reference. */
export async function clipsOf(table: string): Promise<Clip[]> {
  const lines = (await readFile(table, 'utf8')).trimEnd().split('\n').slice(1);
  return lines.map((line) => {
    const [file = '', , reference = ''] = line.split('\t');
    return { file, reference };
  });
}

export async function transcribe(
  engine: Engine,
  file: string,
): Promise<{ utterances: Utterance[]; seconds: number }> {
  const scratchDirectory = await mkdtemp(path.join(tmpdir(), 'ringback-bench-'));
  try {
    const options = {
      path: file,
      scratchDirectory,
      ffmpeg: null,
      maxDurationSeconds: 36_000,
      timeoutMs: 600_000,
    };
    const { distinct, durationSeconds } = await decode(options);
    const utterances: Utterance[] = [];
    for (const { channel, pcm } of distinct) utterances.push(...(await engine.recognise(pcm, { channel })));
    return { utterances, seconds: durationSeconds * distinct.length };
  } finally {
    await rm(scratchDirectory, { recursive: true, force: true });
  }
}

const cpuSeconds = (since: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
};

const rounded = (value: number, decimals: number): number => Number(value.toFixed(decimals));

/**
 * `--set FOLDER` (with set.tsv), `--table FILE --audio FOLDER` where they lie apart, `--model NAME`, `--threads N`.
 * `rtf_per_core` is CPU seconds, decoding included, for a second of audio.
 */
export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: {
      set: { type: 'string', default: OWN_SET },
      table: { type: 'string' },
      audio: { type: 'string' },
      model: { type: 'string', default: 'moonshine-base' },
      threads: { type: 'string', default: '1' },
    },
  });
  const clips = await clipsOf(values.table ?? path.join(values.set, 'set.tsv'));
  const cacheDirectory = path.join(tmpdir(), 'ringback-bench-models');
  const loading = performance.now();
  const engine = await loadEngine({ model: values.model, cacheDirectory, threads: Number(values.threads) });
  const loadSeconds = (performance.now() - loading) / 1000;
  const cpu = process.cpuUsage();
  const started = performance.now();
  const results: Result[] = [];
  for (const { file, reference } of clips) {
    const { utterances, seconds } = await transcribe(engine, path.join(values.audio ?? values.set, file));
    const heard = fullTranscript(utterances);
    results.push({ file, heard, seconds, ...wordErrors(comparableWords(reference), comparableWords(heard)) });
  }
  const wall = (performance.now() - started) / 1000;
  const audio = results.reduce((sum, { seconds }) => sum + seconds, 0);
  const cpuUsed = cpuSeconds(cpu);
  await engine.close();
  return {
    model: values.model,
    threads: Number(values.threads),
    clips: results.length,
    audio_seconds: rounded(audio, 1),
    words: results.reduce((sum, { reference }) => sum + reference, 0),
    word_errors: results.reduce((sum, { errors }) => sum + errors, 0),
    wer: rounded(wordErrorRate(results), 4),
    rtf_per_core: rounded(cpuUsed / audio, 4),
    rtf_wall: rounded(wall / audio, 4),
    load_seconds: rounded(loadSeconds, 2),
    peak_memory_mb: Math.round(process.resourceUsage().maxRSS / 1024),
    wrong: results
      .filter(({ errors }) => errors > 0)
      .map(({ file, errors, heard }) => ({ file, errors, heard })),
  };
}
