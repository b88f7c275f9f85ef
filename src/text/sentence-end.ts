// Where an English sentence ends, and which full stops do not end one. Pure.
import type { Bare } from './words.ts';

/** A name follows. */
const TITLES = new Set(
  'mr mrs ms dr prof st gen col capt lt sgt rev hon gov sen rep pres mt messrs'.split(' '),
);
/** These end a sentence as often as not. */
const OTHERS = new Set('inc ltd co corp jr sr vs etc dept est approx ave blvd'.split(' '));
/** `U.S`, `p.m`, `Ph.D`, and the F of John F. Kennedy. */
const INITIALS = /^(?:\p{L}|(?:\p{L}{1,2}\.)+\p{L}{1,2})$/u;

/** What the word, written without its full stop, is: one that a name follows, one that may end a sentence, or none. */
function abbreviation(said: string): 'title' | 'other' | null {
  const word = said.toLowerCase();
  if (TITLES.has(word)) return 'title';
  return OTHERS.has(word) || (INITIALS.test(said) && said !== 'I') ? 'other' : null;
}

/** A pause after which an abbreviation was the end of its sentence, seconds. */
const PAUSE_AFTER_SENTENCE = 0.3;
/** Speech that is this far apart was not recognised together, so its punctuation says nothing about this place. */
export const PAUSE_BETWEEN_SENTENCES = 2;

/** `pause` in seconds, until the next word of the same speech. */
export function endsSentence({ said, after }: Bare, pause: number): boolean {
  if (pause >= PAUSE_BETWEEN_SENTENCES) return true;
  if (!/[.?!…]/.test(after)) return false;
  if (!after.startsWith('.') || after.startsWith('..')) return true;
  const kind = abbreviation(said);
  return kind === null || (kind === 'other' && pause >= PAUSE_AFTER_SENTENCE);
}

/** Whether the next word can be part of the same name. */
export function goesOn({ said, after }: Bare): boolean {
  return after === '' || (after === '.' && abbreviation(said) !== null);
}
