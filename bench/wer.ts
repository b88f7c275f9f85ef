// Word error rate: how texts are made comparable, and the edit distance between their words. Pure.

const DIGITS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'] as const;

/**
 * The words of `text` for comparison: lower case, apostrophes kept inside words, hyphens and dashes as spaces, all
 * other punctuation dropped, a single digit as its word.
 */
export function comparableWords(text: string): string[] {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[\u2018\u2019]/g, "'")
    .replaceAll(/[-\u2010-\u2015]/g, ' ')
    .replaceAll(/[^\p{L}\p{N}'\s]/gu, '')
    .split(/\s+/)
    .map((word) => word.replaceAll(/^'+|'+$/g, ''))
    .filter((word) => word !== '')
    .map((word) => (/^\d$/.test(word) ? (DIGITS[Number(word)] ?? word) : word));
}

export type WordErrors = { errors: number; reference: number };

/** Levenshtein distance in words: substitutions, insertions and deletions each count one. */
export function wordErrors(reference: readonly string[], hypothesis: readonly string[]): WordErrors {
  let above = Array.from({ length: hypothesis.length + 1 }, (_, column) => column);
  for (const [row, word] of reference.entries()) {
    const current = [row + 1];
    for (const [column, heard] of hypothesis.entries()) {
      const substituted = (above[column] ?? 0) + (word === heard ? 0 : 1);
      current.push(Math.min(substituted, (above[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    above = current;
  }
  return { errors: above[hypothesis.length] ?? 0, reference: reference.length };
}

/** Errors of all pairs over words of all references: 0.05 is 5 %. 0 when there are no words at all. */
export function wordErrorRate(pairs: readonly WordErrors[]): number {
  const errors = pairs.reduce((sum, pair) => sum + pair.errors, 0);
  const reference = pairs.reduce((sum, pair) => sum + pair.reference, 0);
  return reference === 0 ? (errors === 0 ? 0 : 1) : errors / reference;
}
