// Notices when the decoder runs in circles. Pure.

/** Moonshine's own rule is 6.5 tokens for a second of speech; fast speech and spelled digits need a little more. */
const TOKENS_PER_SECOND = 8;
const TOKENS_FOR_ANY = 12;
const LONGEST_CYCLE = 24;

/** Most tokens that `seconds` of audio can hold; a decoder that makes more is in a loop. */
export const tokenLimit = (seconds: number): number =>
  TOKENS_FOR_ANY + Math.ceil(TOKENS_PER_SECOND * seconds);

/** How many times a cycle of `length` tokens must come in a row: a word may be said six times, a sentence hardly thrice. */
const timesNeeded = (length: number): number => (length === 1 ? 7 : length <= 3 ? 5 : length <= 6 ? 4 : 3);

export type Loop = { start: number; length: number };

/** The cycle at the end of `tokens`, and where its first round starts; undefined when the end does not repeat. */
export function loopAtEnd(tokens: readonly number[]): Loop | undefined {
  for (let length = 1; length <= Math.min(LONGEST_CYCLE, tokens.length); length++) {
    let start = tokens.length - length;
    while (start > 0 && tokens[start - 1] === tokens[start - 1 + length]) start -= 1;
    if (tokens.length - start >= length * timesNeeded(length)) return { start, length };
  }
  return undefined;
}
