// Words of an utterance taken apart, put in one another's place, and put together again. Pure.
import type { Utterance, Word } from '../speech/transcript.ts';

/** A word's text without its space: what is said, and the punctuation around it. */
export type Bare = { before: string; said: string; after: string };

const BEFORE = /^(?:["'“‘([{¿¡…]|\.{2,})+/u;
const AFTER = /[.,;:!?…"'”’)\]}-]+$/u;
const STOPS = /[.,;:!?…]+$/u;

/** Signs alone are what is said. */
export function bare(text: string): Bare {
  const whole = text.trim();
  const before = BEFORE.exec(whole)?.[0] ?? '';
  const rest = whole.slice(before.length);
  const after = AFTER.exec(rest)?.[0] ?? '';
  const said = rest.slice(0, rest.length - after.length);
  return said === '' ? { before: '', said: whole, after: '' } : { before, said, after };
}

/** Takes the 's off a word: `Digium's` is Digium, followed by 's. */
export function withoutPossessive({ before, said, after }: Bare): Bare {
  const end = /(?<=.)['’]s$/iu.exec(said)?.[0] ?? '';
  return { before, said: said.slice(0, said.length - end.length), after: end + after };
}

export const saysSomething = (text: string): boolean => /[\p{L}\p{N}]/u.test(text);

/** Words `from` up to but without `to` become `text`, with these signs around it. */
export type Replacement = { from: number; to: number; text: string; before: string; after: string };

const rounded = (value: number, decimals: number): number => Number(value.toFixed(decimals));

const meanConfidence = (words: readonly Word[]): number =>
  rounded(words.reduce((sum, { confidence }) => sum + confidence, 0) / words.length, 2);

/** `replacements` are in order and do not overlap. */
export function rewritten(words: readonly Word[], replacements: readonly Replacement[]): Word[] {
  const anew: Word[] = [];
  let at = 0;
  for (const replacement of replacements) {
    anew.push(...words.slice(at, replacement.from));
    at = replacement.to;
    const old = words.slice(replacement.from, replacement.to);
    const previous = anew.at(-1);
    if (saysSomething(replacement.text)) anew.push(...replaced(old, replacement));
    else if (previous === undefined) anew.push(...replaced(old, { ...replacement, before: '', after: '' }));
    else anew[anew.length - 1] = followedBy(previous, replacement.text, old);
  }
  return [...anew, ...words.slice(at)];
}

/**
 * Words that stand for as many keep their times and confidences. Otherwise the new ones share the time from the first
 * start to the last end by their length, and have the mean confidence.
 */
function replaced(old: readonly Word[], { text, before, after }: Omit<Replacement, 'from' | 'to'>): Word[] {
  const stops = text.endsWith('.') && after.startsWith('.') ? after.slice(1) : after;
  const parts = `${before}${text.trim()}${stops}`.split(/\s+/);
  if (parts.length === old.length) return old.map((word, i) => ({ ...word, word: parts[i] ?? '' }));
  const start = old[0]?.start ?? 0;
  const end = old.at(-1)?.end ?? start;
  const confidence = meanConfidence(old);
  const letters = parts.reduce((sum, part) => sum + part.length, 0);
  let written = 0;
  const now = (): number => rounded(start + ((end - start) * written) / letters, 3);
  return parts.map((word) => {
    const from = now();
    written += word.length;
    return { word, start: from, end: now(), confidence };
  });
}

/** A spoken sign takes the place of the stops that were written after the word before it. */
export function followedBy(word: Word, sign: string, spoken: readonly Word[]): Word {
  return {
    word: word.word.replace(STOPS, '') + sign,
    start: word.start,
    end: spoken.at(-1)?.end ?? word.end,
    confidence: meanConfidence([word, ...spoken]),
  };
}

/** Every word but the first has a space before it. Most have it already, and are not copied. */
function spaced(words: readonly Word[]): Word[] {
  return words.map((word, i) => {
    const text = i === 0 ? word.word.trim() : ` ${word.word.trim()}`;
    return text === word.word ? word : { ...word, word: text };
  });
}

/** The utterance with these words, of which there is at least one. */
export function withWords(utterance: Utterance, words: readonly Word[]): Utterance {
  const all = spaced(words);
  return {
    ...utterance,
    start: all[0]?.start ?? utterance.start,
    end: all.at(-1)?.end ?? utterance.end,
    confidence: meanConfidence(all),
    text: all.map(({ word }) => word).join(''),
    words: all,
  };
}
