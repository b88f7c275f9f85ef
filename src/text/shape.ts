// The words of a transcript as the request wants them written: vocabulary, then spelling, then punctuation.
import type { Utterance, Word } from '../speech/transcript.ts';
import { breather } from '../turns.ts';
import { commonWords } from './common-words.ts';
import { punctuated } from './punctuation.ts';
import { Spelling, type SpellingDictionary } from './spelling.ts';
import { Vocabulary, type VocabularyEntry } from './vocabulary.ts';
import { followedBy, type Replacement, rewritten, saysSomething, withWords } from './words.ts';

type VocabularyWord =
  | string
  | { value: string; pronunciations?: readonly string[]; intensity?: number; language?: string };

/** The options of a request that are read here; the HTTP side has checked their shapes. */
export type TextOptions = {
  custom_vocabulary?: boolean | readonly VocabularyWord[];
  custom_vocabulary_config?: { vocabulary?: readonly VocabularyWord[]; default_intensity?: number };
  custom_spelling?: boolean;
  custom_spelling_config?: { spelling_dictionary?: SpellingDictionary };
  punctuation_enhanced?: boolean;
};

type Rewriter = { replacements(words: readonly Word[]): Replacement[] };

export async function shapeUtterances(
  utterances: readonly Utterance[],
  request: TextOptions,
): Promise<Utterance[]> {
  const breath = breather();
  let shaped = [...utterances];
  const entries = vocabularyOf(request);
  if (entries.length > 0) {
    const vocabulary = new Vocabulary(await commonWords());
    for (const entry of entries) {
      vocabulary.add(entry);
      await breath();
    }
    shaped = await rewrittenBy(vocabulary, shaped, breath);
  }
  const dictionary = spellingOf(request);
  if (dictionary !== null) {
    const spelling = new Spelling();
    for (const [key, variants] of Object.entries(dictionary))
      for (const variant of variants) {
        spelling.add(key, variant);
        await breath();
      }
    shaped = await rewrittenBy(spelling, shaped, breath);
  }
  if (request.punctuation_enhanced === true) {
    const kept = new Set([...entries.map(({ value }) => value), ...Object.keys(dictionary ?? {})]);
    shaped = await inEachChannel(shaped, (own) => punctuated(own, kept));
  }
  return shaped;
}

function vocabularyOf(request: TextOptions): VocabularyEntry[] {
  const { custom_vocabulary: asked, custom_vocabulary_config: config } = request;
  if (asked === undefined || asked === false) return [];
  const words = asked === true ? (config?.vocabulary ?? []) : asked;
  const usual = config?.default_intensity ?? 0.5;
  return words.map((word) =>
    typeof word === 'string'
      ? { value: word, pronunciations: [], intensity: usual }
      : { value: word.value, pronunciations: word.pronunciations ?? [], intensity: word.intensity ?? usual },
  );
}

function spellingOf(request: TextOptions): SpellingDictionary | null {
  return request.custom_spelling === true
    ? (request.custom_spelling_config?.spelling_dictionary ?? null)
    : null;
}

async function rewrittenBy(
  rewriter: Rewriter,
  utterances: readonly Utterance[],
  breath: () => Promise<void>,
): Promise<Utterance[]> {
  const anew: Utterance[] = [];
  /** Where the last utterance of each channel is. */
  const last = new Map<number, number>();
  for (const utterance of utterances) {
    await breath();
    const replacements = rewriter.replacements(utterance.words);
    if (replacements.length === 0) {
      last.set(utterance.channel, anew.push(utterance) - 1);
      continue;
    }
    const [first, ...others] = rewritten(utterance.words, replacements);
    if (first === undefined) continue;
    const at = last.get(utterance.channel) ?? -1;
    const previous = anew[at];
    // A sign that was spoken after a pause belongs to the word before the pause.
    const sign = previous !== undefined && !saysSomething(first.word);
    if (sign) anew[at] = endingWith(previous, first);
    const words = sign ? others : [first, ...others];
    if (words.length > 0) last.set(utterance.channel, anew.push(withWords(utterance, words)) - 1);
  }
  return anew;
}

function endingWith(utterance: Utterance, sign: Word): Utterance {
  const words = utterance.words.slice(0, -1);
  const ending = utterance.words.at(-1);
  return ending === undefined
    ? utterance
    : withWords(utterance, [...words, { ...followedBy(ending, sign.word.trim(), [sign]), end: ending.end }]);
}

/** In the order they came in. */
async function inEachChannel(
  utterances: readonly Utterance[],
  change: (own: readonly Utterance[]) => Promise<Utterance[]>,
): Promise<Utterance[]> {
  const anew = new Map<Utterance, Utterance>();
  for (const own of Map.groupBy(utterances, ({ channel }) => channel).values())
    for (const [i, utterance] of (await change(own)).entries()) anew.set(own[i] as Utterance, utterance);
  return utterances.map((utterance) => anew.get(utterance) ?? utterance);
}
