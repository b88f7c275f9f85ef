// Enhanced punctuation: what recognition may leave undone at the edges of what it hears at once. Sentences begin with a
// capital and end with a stop, and I is one. Pure.
import type { Utterance, Word } from '../speech/transcript.ts';
import { endsSentence } from './sentence-end.ts';
import { bare, withWords } from './words.ts';

/** `kept` are spellings that the request asked for: they stay as they are. Utterances are those of one channel, in order. */
export function punctuated(utterances: readonly Utterance[], kept: ReadonlySet<string>): Utterance[] {
  const words = utterances.flatMap((utterance) => utterance.words);
  let begins = true;
  const anew = words.map((word, i) => {
    const next = words[i + 1];
    const pause = next === undefined ? Number.POSITIVE_INFINITY : next.start - word.end;
    const ends = endsSentence(bare(word.word), pause);
    const cased = kept.has(bare(word.word).said) ? word : withCapital(word, begins);
    // After a quotation the sentence may go on.
    begins = ends && !/["'”’]$/.test(word.word);
    return ends ? withStop(cased) : cased;
  });
  let at = 0;
  return utterances.map((utterance) => {
    const own = anew.slice(at, at + utterance.words.length);
    at += own.length;
    return withWords(utterance, own);
  });
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
