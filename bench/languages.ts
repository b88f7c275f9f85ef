// How often speech is doubted to be English: by language, a clip at a time, and joined to 10 to 30 s. `--set FOLDER` has a folder
// for each language and kind (`de.espeak`, `en.telephone`), made by bench/rig/languages.sh.
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { loadEngine } from '../src/speech/engine.ts';
import { withDoubts } from '../src/speech/language-doubt.ts';
import type { Utterance } from '../src/speech/transcript.ts';
import { warningsOf } from '../src/transcribe/warnings.ts';
import { machine } from './rig/ground.ts';
import { transcribe } from './speech.ts';

type Heard = { utterances: Utterance[]; seconds: number; speech: { heard: number; unheard: number } };

const JOINED = 100;

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: {
      set: { type: 'string' },
      model: { type: 'string', default: 'moonshine-base' },
      most: { type: 'string', default: '60' },
    },
  });
  if (values.set === undefined) throw new Error('--set FOLDER, as bench/rig/languages.sh makes it');
  const cacheDirectory = path.join(tmpdir(), 'ringback-bench-models');
  const engine = await loadEngine({ model: values.model, cacheDirectory, threads: 1 });
  const languages: Record<string, unknown> = {};
  for (const kind of (await readdir(values.set)).sort()) {
    const heard: Heard[] = [];
    for (const file of (await readdir(path.join(values.set, kind))).sort().slice(0, Number(values.most))) {
      const speech = { heard: 0, unheard: 0 };
      const found = await transcribe(engine, path.join(values.set, kind, file), (seconds, words) => {
        speech[words > 0 ? 'heard' : 'unheard'] += seconds;
      });
      heard.push({ ...found, speech });
    }
    languages[kind] = { clips: share(heard), joined: share(joined(heard)) };
  }
  await engine.close();
  return { bench: 'languages', ...machine(), model: values.model, languages };
}

/** In how many: all words are doubted, some are, a warning is given, nothing was heard at all. */
function share(all: readonly Heard[]) {
  const count = (is: (heard: Heard, marked: Utterance[]) => boolean) =>
    all.filter((heard) => is(heard, withDoubts(heard.utterances))).length;
  return {
    of: all.length,
    doubted: count((_heard, marked) => marked.length > 0 && marked.every((one) => one.language_uncertain)),
    in_part: count(
      (_heard, marked) =>
        marked.some((one) => one.language_uncertain) && !marked.every((one) => one.language_uncertain),
    ),
    warned: count(({ speech }, utterances) => {
      const whole = { audioDuration: 0, channels: 1, distinctChannels: 1, utterances, speech };
      return warningsOf(whole).length > 0;
    }),
    without_words: count((_heard, marked) => marked.length === 0),
  };
}

/** Clips one after the other, half a second apart, until there are 10 to 30 s; the same ones each time. */
function joined(clips: readonly Heard[]): Heard[] {
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return Array.from({ length: JOINED }, () => {
    const length = 10 + 20 * random();
    const whole: Heard = { utterances: [], seconds: 0, speech: { heard: 0, unheard: 0 } };
    while (whole.seconds < length) {
      const next = clips[Math.floor(random() * clips.length)];
      if (!next) break;
      whole.utterances.push(...next.utterances);
      whole.speech.heard += next.speech.heard;
      whole.speech.unheard += next.speech.unheard;
      whole.seconds += next.seconds + 0.5;
    }
    return whole;
  });
}
