// Long audio: the clips of a set one after the other, a second of silence between, `--minutes N` (60) long, through the
// engine as one file. Lost speech is a clip in whose time no word was heard; a loop, a cycle of words that comes more
// often than the set has it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fullTranscript } from '../src/speech/assemble.ts';
import { loadEngine } from '../src/speech/engine.ts';
import { loopAtEnd } from '../src/speech/repetition.ts';
import { SAMPLE_RATE } from '../src/speech/transcript.ts';
import { samplesOf, silence } from '../test/speech/speech-set.ts';
import { machine } from './rig/ground.ts';
import { clipsOf, OWN_SET } from './speech.ts';
import { comparableWords, wordErrors } from './wer.ts';

type Spoken = { start: number; end: number; words: string[] };

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: {
      set: { type: 'string', default: OWN_SET },
      minutes: { type: 'string', default: '60' },
      model: { type: 'string', default: 'moonshine-base' },
    },
  });
  const folder = await mkdtemp(path.join(tmpdir(), 'ringback-bench-'));
  try {
    const { parts, spoken } = await joinedClips(values.set, Number(values.minutes) * 60);
    const file = path.join(folder, 'long.pcm');
    await writeFile(file, Buffer.concat(parts));
    const samples = parts.reduce((sum, part) => sum + part.length, 0) / 2;
    const cacheDirectory = path.join(tmpdir(), 'ringback-bench-models');
    const engine = await loadEngine({ model: values.model, cacheDirectory, threads: 1 });
    const cpu = process.cpuUsage();
    const utterances = await engine.recognise({ path: file, samples }, { channel: 0 });
    const used = process.cpuUsage(cpu);
    await engine.close();

    const words = utterances.flatMap((utterance) => utterance.words);
    const reference = spoken.flatMap((clip) => clip.words);
    const heard = comparableWords(fullTranscript(utterances));
    const { errors } = inStretches(spoken, words);
    const inside = ({ start, end }: Spoken) => words.some((word) => word.start < end && word.end > start);
    return {
      bench: 'long',
      ...machine(),
      model: values.model,
      minutes: Math.round(samples / SAMPLE_RATE / 60),
      clips: spoken.length,
      words: reference.length,
      words_heard: heard.length,
      word_errors: errors,
      wer: Number((errors / reference.length).toFixed(4)),
      clips_without_a_word: spoken.filter((clip) => !inside(clip)).length,
      loops: loopsIn(heard, reference),
      rtf_per_core: Number(((used.user + used.system) / 1e6 / (samples / SAMPLE_RATE)).toFixed(3)),
      peak_memory_mb: Math.round(process.resourceUsage().maxRSS / 1024),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function joinedClips(set: string, seconds: number): Promise<{ parts: Buffer[]; spoken: Spoken[] }> {
  const bytes = (samples: Int16Array) => Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  const gap = bytes(silence(1));
  const clips: { words: string[]; bytes: Buffer }[] = [];
  // One at a time: the decoder watches the memory of the whole process.
  for (const clip of await clipsOf(set))
    clips.push({ words: comparableWords(clip.reference), bytes: bytes(await samplesOf(clip.path)) });
  const [parts, spoken]: [Buffer[], Spoken[]] = [[], []];
  for (let at = 0, n = 0; at < seconds; n++) {
    const clip = clips[n % clips.length] as (typeof clips)[number];
    const length = clip.bytes.length / 2 / SAMPLE_RATE;
    spoken.push({ start: at, end: at + length, words: clip.words });
    parts.push(clip.bytes, gap);
    at += length + 1;
  }
  return { parts, spoken };
}

/** Word errors, clip by clip: the edit distance of two hours of words at once would be a table of 10^8 cells. */
function inStretches(
  spoken: readonly Spoken[],
  words: readonly { word: string; start: number }[],
): { errors: number } {
  let errors = 0;
  for (const [index, clip] of spoken.entries()) {
    // A word belongs to the clip whose time, with half of the silence around it, it begins in.
    const from = index === 0 ? 0 : clip.start - 0.5;
    const to = clip.end + 0.5;
    const here = words.filter((word) => word.start >= from && word.start < to).map(({ word }) => word);
    errors += wordErrors(clip.words, comparableWords(here.join(''))).errors;
  }
  return { errors };
}

/** Cycles of words that end somewhere in what was heard and nowhere in what was said. */
function loopsIn(heard: readonly string[], said: readonly string[]): number {
  const ids = new Map<string, number>();
  const numbered = (list: readonly string[]) =>
    list.map((word) => ids.get(word) ?? ids.set(word, ids.size).size - 1);
  const count = (list: readonly number[]) =>
    list.filter((_, end) => loopAtEnd(list.slice(Math.max(0, end - 100), end + 1)) !== undefined).length;
  return Math.max(0, count(numbered(heard)) - count(numbered(said)));
}
