// The words of several channels without those that are the echo of another: the same words at the same time on the quieter
// channel. What two people really say at once is as loud on both, and not the same sound. Pure.

import type { Word } from './transcript.ts';

export type HeardChannel = { words: readonly Word[] };

/** What is known of the sound of two channels, by their places in the list, from one second to another. */
export type Sound = {
  /** How much louder the first one is, decibels. */
  louder: (one: number, other: number, start: number, end: number) => number;
  /** Whether both hold the same sound. */
  same: (one: number, other: number, start: number, end: number) => boolean;
};

/** Of the starts: some delay, and how well words are timed. Seconds. */
const NEAR = 0.35;
/** This much quieter is not the same word said by two people. Decibels. */
const QUIETER = 9;
/** What is heard of an echo beside words that are one. Seconds. */
const BESIDE = 0.6;

/** The words of each channel that are its own. */
export function ownWords(channels: readonly HeardChannel[], sound: Sound): Word[][] {
  return channels.map(({ words }, own) => {
    const echo = words.map((word) =>
      channels.some((other, at) => at !== own && echoes(word, other, own, at, sound)),
    );
    const beside = words.map(
      (word, i) =>
        echo[i] === false &&
        words.some((near, n) => echo[n] === true && apart(word, near) < BESIDE) &&
        channels.some(
          ({ words: theirs }, at) =>
            at !== own && drowned(word, theirs, sound.louder(own, at, word.start, word.end)),
        ),
    );
    return words.filter((_, i) => !echo[i] && !beside[i]);
  });
}

function echoes(word: Word, { words }: HeardChannel, own: number, other: number, sound: Sound): boolean {
  const spoken = plain(word.word);
  if (!within(words, word.start, NEAR).some((theirs) => alike(plain(theirs.word), spoken))) return false;
  const louder = sound.louder(own, other, word.start, word.end);
  if (louder <= -QUIETER) return true;
  const quieter = louder < -EVEN || (louder <= EVEN && own > other);
  return quieter && sound.same(own, other, word.start, word.end);
}

/** Where two channels are as loud, the first one counts. Decibels. */
const EVEN = 1;

/** Said while the other channel, much louder, says something. */
const drowned = (word: Word, theirs: readonly Word[], louder: number): boolean =>
  louder <= -QUIETER &&
  within(theirs, word.start, LONGEST).some(
    (one) => one.start < word.end + NEAR && one.end > word.start - NEAR,
  );

const LONGEST = 3;

/** Words that start within so many seconds; in order, so they are found by halving. */
function within(words: readonly Word[], start: number, seconds: number): Word[] {
  let [low, high] = [0, words.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((words[middle]?.start ?? 0) < start - seconds) low = middle + 1;
    else high = middle;
  }
  const found: Word[] = [];
  for (let i = low; i < words.length; i++) {
    const word = words[i] as Word;
    if (word.start > start + seconds) break;
    found.push(word);
  }
  return found;
}

const apart = (one: Word, other: Word): number => Math.max(other.start - one.end, one.start - other.end, 0);

const plain = (word: string): string => word.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');

/** The same, or another hearing of it: at most a third of the letters differ. */
function alike(one: string, other: string): boolean {
  if (one === other) return true;
  const most = Math.floor(Math.max(one.length, other.length) / 3);
  if (Math.abs(one.length - other.length) > most) return false;
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const change = (row[j - 1] ?? 0) + Number(one[i - 1] !== other[j - 1]);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return (row.at(-1) ?? 0) <= most;
}
