// Makes words of tokens: their text, their confidence, and their times on the time line of the audio. Pure.

import type { Stretch } from './regions.ts';
import type { Utterance, Word } from './transcript.ts';

/** A word as recognised: `text` as the model wrote it, with the space before it. Seconds. */
export type TimedWord = { text: string; start: number; end: number; confidence: number };

/** A word's tokens: `first` to `end` in the list, and where its trailing punctuation begins. */
type Span = { text: string; first: number; spoken: number; end: number };

const SAYS_SOMETHING = /[\p{L}\p{N}]/u;
const BYTE = /^<0x([0-9A-F]{2})>$/;

/** The UTF-8 bytes of a token: most are text, some are single bytes of characters outside the vocabulary. */
function bytesOf(piece: string): Uint8Array {
  const byte = BYTE.exec(piece);
  return byte === null ? new TextEncoder().encode(piece) : Uint8Array.of(Number.parseInt(byte[1] ?? '0', 16));
}

const textOf = (pieces: readonly string[]): string =>
  new TextDecoder().decode(Buffer.concat(pieces.map(bytesOf)));

/** Splits tokens, given as their texts, at the spaces. Signs without a word belong to the word before. */
export function spans(pieces: readonly string[]): Span[] {
  const found: Span[] = [];
  const add = (first: number, end: number): void => {
    const part = pieces.slice(first, end);
    const text = textOf(part);
    const before = found.at(-1);
    if (!SAYS_SOMETHING.test(text)) {
      if (before !== undefined) {
        before.text += text;
        before.end = end;
      }
      return;
    }
    let spoken = end;
    while (spoken > first + 1 && !SAYS_SOMETHING.test(part[spoken - 1 - first] ?? '')) spoken -= 1;
    found.push({ text, first, spoken, end });
  };
  let first = 0;
  for (let at = 1; at <= pieces.length; at++) {
    if (at < pieces.length && pieces[at]?.startsWith(' ') !== true) continue;
    add(first, at);
    first = at;
  }
  return found;
}

/**
 * The probability that the model gives to the word after the words before it: the product over its tokens, without
 * trailing punctuation.
 */
const confidenceOf = (probabilities: readonly number[], span: Span): number =>
  probabilities.slice(span.first, span.spoken).reduce((product, one) => product * one, 1);

/**
 * Words of one decoded stretch. `times` is when each token begins, in seconds of the whole audio, with one more value
 * for the end; `speech` are the stretches in which the voice detector heard speech, in seconds. A word does not reach
 * over a pause: it keeps the part in the stretch that holds most of it.
 */
export function timedWords(
  pieces: readonly string[],
  probabilities: readonly number[],
  times: readonly number[],
  speech: readonly Stretch[],
): TimedWord[] {
  return spans(pieces).map((span) => {
    const start = times[span.first] ?? 0;
    const end = Math.max(start, times[span.spoken] ?? start);
    return {
      text: span.text,
      ...withinSpeech({ start, end }, speech),
      confidence: confidenceOf(probabilities, span),
    };
  });
}

const overlap = (a: Stretch, b: Stretch): number => Math.min(a.end, b.end) - Math.max(a.start, b.start);

function withinSpeech(word: Stretch, speech: readonly Stretch[]): Stretch {
  let most = 0;
  let kept = word;
  for (const stretch of speech) {
    const shared = overlap(word, stretch);
    if (shared <= most) continue;
    most = shared;
    kept = { start: Math.max(word.start, stretch.start), end: Math.min(word.end, stretch.end) };
  }
  return kept;
}

/** Of 72 clips played at double speed no two words in a row were so short; what a decoder invents at an edge is 20 ms each. */
const UNSAYABLE_WORD = 0.04;
const UNSAYABLE_RUN = 3;

/** For each word whether somebody may have said it: false for three or more in a row that are faster than speech. */
export function sayable(words: readonly Pick<TimedWord, 'start' | 'end'>[]): boolean[] {
  const said = words.map(() => true);
  let run = 0;
  for (const [i, { start, end }] of words.entries()) {
    run = end - start <= UNSAYABLE_WORD ? run + 1 : 0;
    if (run >= UNSAYABLE_RUN) said.fill(false, i + 1 - run, i + 1);
  }
  return said;
}

/** No word is shorter, where there is room. */
const SHORTEST_WORD = 0.02;

/**
 * Puts the times of `words` in order within `bounds`: every word starts before it ends, and ends before the next
 * starts. Moves as little as it can; times that are in order already stay.
 */
export function inOrder(words: readonly TimedWord[], bounds: Stretch): TimedWord[] {
  const shortest = Math.min(SHORTEST_WORD, (bounds.end - bounds.start) / Math.max(1, words.length));
  const starts: number[] = [];
  for (const word of words) {
    const earliest = starts.length === 0 ? bounds.start : (starts.at(-1) ?? 0) + shortest;
    starts.push(Math.max(word.start, earliest));
  }
  let latest = bounds.end;
  for (let i = starts.length - 1; i >= 0; i--) {
    latest -= shortest;
    latest = Math.min(latest, starts[i] ?? latest);
    starts[i] = latest;
  }
  return words.map((word, i) => {
    const start = starts[i] ?? word.start;
    const next = starts[i + 1] ?? bounds.end;
    return { ...word, start, end: Math.min(next, Math.max(word.end, start + shortest)) };
  });
}

/** A pause after which a new utterance begins, in seconds: after the end of a sentence, and anywhere. */
const PAUSE_AFTER_SENTENCE = 0.3;
const PAUSE_ANYWHERE = 1;
const LONGEST_UTTERANCE = 30;
const ENDS_SENTENCE = /[.?!\u2026]["'\u201d\u2019)]?$/;

const rounded = (value: number, decimals: number): number => Number(value.toFixed(decimals));

/** Groups words, in order, into utterances. Times get three decimals, confidences two. */
export function utterancesOf(words: readonly TimedWord[], channel: number, language: string): Utterance[] {
  const groups: TimedWord[][] = [];
  for (const word of words) {
    const group = groups.at(-1);
    const before = group?.at(-1);
    if (group === undefined || before === undefined || parts(group[0] ?? before, before, word)) {
      groups.push([word]);
    } else {
      group.push(word);
    }
  }
  return groups.map((group) => utteranceOf(group, channel, language));
}

function parts(first: TimedWord, before: TimedWord, word: TimedWord): boolean {
  const pause = word.start - before.end;
  if (pause >= PAUSE_ANYWHERE || word.end - first.start > LONGEST_UTTERANCE) return true;
  return pause >= PAUSE_AFTER_SENTENCE && ENDS_SENTENCE.test(before.text);
}

function utteranceOf(group: readonly TimedWord[], channel: number, language: string): Utterance {
  const words: Word[] = group.map((word, i) => ({
    word: i === 0 ? word.text.trimStart() : ` ${word.text.trimStart()}`,
    start: rounded(word.start, 3),
    end: rounded(word.end, 3),
    confidence: rounded(word.confidence, 2),
  }));
  const mean = group.reduce((sum, word) => sum + word.confidence, 0) / group.length;
  return {
    start: words[0]?.start ?? 0,
    end: words.at(-1)?.end ?? 0,
    confidence: rounded(mean, 2),
    channel,
    language,
    text: words.map((word) => word.word).join(''),
    words,
  };
}
