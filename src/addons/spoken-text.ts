// The words of one channel as running text, with the way back from every token to the utterance and word it was spoken
// in: a phone number goes on through a pause, an entity is found in the text and taken out of the words. Pure.
import type { Utterance, Word } from '../speech/transcript.ts';
import { endsSentence as endsSentenceAfter } from '../text/sentence-end.ts';
import { bare as bareWord } from '../text/words.ts';

/** A stretch of text without spaces. */
export type Token = {
  text: string;
  /** Lower case, without the punctuation around it. */
  bare: string;
  /** Character offsets in the text of the channel. */
  from: number;
  to: number;
  /** Index among the utterances, and of the word in it. */
  utterance: number;
  word: number;
  /** Seconds. */
  start: number;
  end: number;
};

export type SpokenText = {
  channel: number;
  /** A line for each utterance: the recogniser begins each with a capital. */
  text: string;
  tokens: Token[];
  /** Index of the first token of each utterance. */
  breaks: number[];
};

/** An utterance without words, which no engine of ours makes, counts as one long word. */
export function wordsOf({ words, text, start, end, confidence }: Utterance): readonly Word[] {
  return words.length === 0 && text !== '' ? [{ word: text, start, end, confidence }] : words;
}

export function spokenTexts(utterances: readonly Utterance[]): SpokenText[] {
  const channels = new Map<number, SpokenText>();
  for (const [index, utterance] of utterances.entries()) {
    const { channel } = utterance;
    const spoken = channels.get(channel) ?? { channel, text: '', tokens: [], breaks: [] };
    channels.set(channel, spoken);
    spoken.breaks.push(spoken.tokens.length);
    let between = '\n';
    for (const [word, { word: text, start, end }] of wordsOf(utterance).entries())
      for (const [part] of text.matchAll(/\S+/g)) {
        if (spoken.text !== '') spoken.text += between;
        between = ' ';
        const from = spoken.text.length;
        spoken.text += part;
        const bare = bareOf(part);
        spoken.tokens.push({
          text: part,
          bare,
          from,
          to: spoken.text.length,
          utterance: index,
          word,
          start,
          end,
        });
      }
  }
  return [...channels.values()];
}

export function bareOf(token: string): string {
  return token
    .toLowerCase()
    .replaceAll('’', "'")
    .replace(/^[^\p{L}\p{N}@$£€+]+/u, '')
    .replace(/[^\p{L}\p{N}%]+$/u, '');
}

/** `Smith's` is `smith` said of what is his. */
export const withoutOwner = (bare: string): string => bare.replace(/'s$/, '');

/** As far as the signs say: what a pause says counts for nothing here, because a number is dictated in pieces. */
export const endsSentence = ({ text }: Token): boolean => endsSentenceAfter(bareWord(text), 0);
/** Any sign after the word, that of an abbreviation too. */
export const endsClause = ({ text }: Token): boolean => /[.!?,;:]["')\]]*$/.test(text);

/** The tokens that the characters from `from` to `to` touch, as a half-open range. */
export function tokensAt({ tokens }: SpokenText, from: number, to: number): { from: number; to: number } {
  let low = 0;
  let high = tokens.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((tokens[middle]?.to ?? 0) > from) high = middle;
    else low = middle + 1;
  }
  let end = low;
  while (end < tokens.length && (tokens[end]?.from ?? 0) < to) end += 1;
  return { from: low, to: end };
}
