// Word errors of a set of clips under the conditions that audio is sent in, and words in sounds that have none. Through
// the engine alone, with the clips changed in code.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fullTranscript } from '../src/speech/assemble.ts';
import { type Engine, loadEngine } from '../src/speech/engine.ts';
import { SAMPLE_RATE } from '../src/speech/transcript.ts';
import { inSilence, keyTones, quieter, telephone, trimmed } from '../test/speech/conditions.ts';
import { hum, music, tones } from '../test/speech/sounds.ts';
import { joined, noise, samplesOf, silence } from '../test/speech/speech-set.ts';
import { machine } from './rig/ground.ts';
import { clipsOf, OWN_SET } from './speech.ts';
import { comparableWords, type WordErrors, wordErrorRate, wordErrors } from './wer.ts';

type Sample = { file: string; words: string[]; samples: Int16Array };
type Condition = {
  name: string;
  /** Highest word error rate that is good enough; null where "not worse than it was" is. */
  goal: number | null;
  make: (samples: Int16Array, index: number) => Int16Array;
};

/** Key presses before a clip, by turns: a menu's choice, a PIN, a number, a card. */
const KEYS = [1, 4, 11, 24];

const conditions = (silenceMinutes: number): Condition[] => [
  { name: 'untouched', goal: null, make: (samples) => samples },
  { name: 'trimmed', goal: 0.035, make: trimmed },
  { name: 'quieter-20', goal: 0.025, make: (samples) => quieter(samples, 20) },
  { name: 'quieter-40', goal: 0.04, make: (samples) => quieter(samples, 40) },
  { name: 'telephone', goal: 0.05, make: telephone },
  {
    name: 'in-silence',
    goal: 0.04,
    // The golden ratio: places that are spread evenly and never the same.
    make: (samples, index) => inSilence(samples, silenceMinutes * 60, (0.5 + index * 0.618_034) % 1),
  },
  {
    name: 'key-tones',
    goal: 0.04,
    make: (samples, index) => joined([keyTones(KEYS[index % KEYS.length] ?? 1), silence(0.05), samples]),
  },
];

const SOUNDS: { name: string; make: (seconds: number) => Int16Array }[] = [
  { name: 'silence', make: silence },
  { name: 'white-noise', make: (seconds) => noise(seconds, 3_000) },
  { name: 'hum', make: hum },
  { name: 'tones', make: tones },
  { name: 'music', make: music },
];

/**
 * `--set FOLDER` (as for `speech`), `--only NAME,…` of conditions and sounds, `--silence-minutes N` around each clip,
 * `--sound-minutes N` of each sound, `--errors` lists the clips that went wrong. CPU is recognition alone, for a second
 * of the audio as it is given; `cpu_of_untouched` compares it for a second of the clip.
 */
export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: {
      set: { type: 'string', default: OWN_SET },
      only: { type: 'string' },
      'silence-minutes': { type: 'string', default: '34' },
      'sound-minutes': { type: 'string', default: '10' },
      model: { type: 'string', default: 'moonshine-base' },
      errors: { type: 'boolean', default: false },
    },
  });
  const wanted = ({ name }: { name: string }) => values.only?.split(',').includes(name) ?? true;
  const clips: Sample[] = [];
  // One at a time: the decoder watches the memory of the whole process.
  for (const { path: file, reference } of await clipsOf(values.set))
    clips.push({
      file: path.basename(file),
      words: comparableWords(reference),
      samples: await samplesOf(file),
    });
  const cacheDirectory = path.join(tmpdir(), 'ringback-bench-models');
  const engine = await loadEngine({ model: values.model, cacheDirectory, threads: 1 });
  try {
    const heard: Heard[] = [];
    for (const condition of conditions(Number(values['silence-minutes'])).filter(wanted))
      heard.push(await underCondition(engine, condition, clips));
    const sounds = [];
    for (const { name, make } of SOUNDS.filter(wanted)) {
      const { text, cpu } = await listen(engine, make(Number(values['sound-minutes']) * 60));
      const words = comparableWords(text);
      sounds.push({
        sound: name,
        minutes: Number(values['sound-minutes']),
        words: words.length,
        goal: 0,
        cpu_per_audio_second: rounded(cpu / (Number(values['sound-minutes']) * 60), 4),
        ...(values.errors ? { heard: text } : {}),
      });
    }
    return {
      bench: 'conditions',
      ...machine(),
      model: values.model,
      clips: clips.length,
      clip_seconds: rounded(clips.reduce((sum, { samples }) => sum + samples.length, 0) / SAMPLE_RATE, 1),
      words: clips.reduce((sum, { words }) => sum + words.length, 0),
      conditions: heard.map((one) => figures(one, heard, values.errors)),
      sounds,
    };
  } finally {
    await engine.close();
  }
}

type Heard = Pick<Condition, 'name' | 'goal'> & {
  clips: (WordErrors & { file: string; heard: string })[];
  cpu: number;
  seconds: number;
};

async function underCondition(
  engine: Engine,
  condition: Condition,
  clips: readonly Sample[],
): Promise<Heard> {
  const { name, goal, make } = condition;
  const result: Heard = { name, goal, clips: [], cpu: 0, seconds: 0 };
  for (const [index, { file, words, samples }] of clips.entries()) {
    const made = make(samples, index);
    const { text, cpu } = await listen(engine, made);
    result.clips.push({ file, heard: text, ...wordErrors(words, comparableWords(text)) });
    result.cpu += cpu;
    result.seconds += made.length / SAMPLE_RATE;
  }
  return result;
}

async function listen(engine: Engine, samples: Int16Array): Promise<{ text: string; cpu: number }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'ringback-bench-'));
  try {
    const audio = { path: path.join(folder, 'audio.pcm'), samples: samples.length };
    await writeFile(audio.path, samples);
    const since = process.cpuUsage();
    const utterances = await engine.recognise(audio, { channel: 0 });
    const { user, system } = process.cpuUsage(since);
    return { text: fullTranscript(utterances), cpu: (user + system) / 1e6 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function figures(one: Heard, all: readonly Heard[], errors: boolean): Record<string, unknown> {
  const untouched = all.find(({ name }) => name === 'untouched');
  return {
    condition: one.name,
    word_errors: one.clips.reduce((sum, clip) => sum + clip.errors, 0),
    wer: rounded(wordErrorRate(one.clips), 4),
    goal: one.goal,
    cpu_per_audio_second: rounded(one.cpu / one.seconds, 4),
    cpu_of_untouched: untouched === undefined ? null : rounded(one.cpu / untouched.cpu, 2),
    ...(errors ? { wrong: one.clips.filter((clip) => clip.errors > 0) } : {}),
  };
}

const rounded = (value: number, decimals: number): number => Number(value.toFixed(decimals));
