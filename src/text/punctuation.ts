// Enhanced punctuation: what recognition may leave undone at the edges of what it hears at once. Sentences begin with a
// capital and end with a stop, and I is one. In turns.
import type { Utterance, Word } from '../speech/transcript.ts';
import { breather } from '../turns.ts';
import { endsSentence } from './sentence-end.ts';
import { bare, withWords } from './words.ts';

/** `kept` are spellings that the request asked for: they stay as they are. Utterances are those of one channel, in order. */
export async function punctuated(
  utterances: readonly Utterance[],
  kept: ReadonlySet<string>,
): Promise<Utterance[]> {
  const breath = breather();
  const words = utterances.flatMap((utterance) => utterance.words);
  const anew: Utterance[] = [];
  let begins = true;
  let at = 0;
  for (const utterance of utterances) {
    const own = utterance.words.map((word) => {
      const next = words[++at];
      const pause = next === undefined ? Number.POSITIVE_INFINITY : next.start - word.end;
      const ends = endsSentence(bare(word.word), pause);
      const cased = kept.has(bare(word.word).said) ? word : withCapital(word, begins);
      // After a quotation the sentence may go on.
      begins = ends && !/["'”’]$/.test(word.word);
      return ends ? withStop(cased) : cased;
    });
    anew.push(withWords(utterance, own));
    await breath();
  }
  return anew;
}

function withCapital(word: Word, begins: boolean): Word {
  const { said } = bare(word.word);
  const small = said === said.toLowerCase();
  if (!small || !(begins || /^i(?:$|['’])/.test(said))) return word;
  return { ...word, word: word.word.replace(/\p{L}/u, (letter) => letter.toUpperCase()) };
}

function withStop(word: Word): Word {
  return /[.?!…]["'”’)\]}]*$/u.test(word.word)
    ? word
    : { ...word, word: `${word.word.replace(/[,;:-]+$/, '')}.` };
}
