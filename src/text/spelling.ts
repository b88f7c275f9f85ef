// Custom spelling: whole words, and runs of words, written in another way. Pure.
import type { Word } from '../speech/transcript.ts';
import { goesOn } from './sentence-end.ts';
import { type Bare, bare, type Replacement, withoutPossessive } from './words.ts';

/** What to write, and the ways it is heard. */
export type SpellingDictionary = Readonly<Record<string, readonly string[]>>;

/** Hyphens part words, letter case and the kind of apostrophe make no other word. */
const partsOf = (said: string): string[] =>
  said
    .normalize('NFC')
    .toLowerCase()
    .replaceAll('’', "'")
    .split('-')
    .filter((part) => part !== '');

const partsOfVariant = (variant: string): string[] =>
  variant
    .trim()
    .split(/\s+/)
    .flatMap((word) => partsOf(bare(word).said));

const JOIN = '\u0000';

export class Spelling {
  readonly #keys = new Map<string, string>();
  /** How many parts the variants have that begin with this one, most first. */
  readonly #lengths = new Map<string, number[]>();

  /** Of two keys with the same variant the first counts. */
  add(key: string, variant: string): void {
    const parts = partsOfVariant(variant);
    const [first] = parts;
    const joined = parts.join(JOIN);
    if (first === undefined || this.#keys.has(joined)) return;
    this.#keys.set(joined, key);
    const lengths = this.#lengths.get(first) ?? [];
    if (!lengths.includes(parts.length)) lengths.push(parts.length);
    this.#lengths.set(
      first,
      lengths.sort((a, b) => b - a),
    );
  }

  /** From left to right, the longest variant at each place. */
  replacements(words: readonly Word[]): Replacement[] {
    const spoken = words.map(({ word }) => bare(word));
    const found: Replacement[] = [];
    for (let from = 0; from < spoken.length; ) {
      const next = this.#at(spoken, from);
      if (next !== null) found.push(next);
      from = next?.to ?? from + 1;
    }
    return found;
  }

  #at(spoken: readonly Bare[], from: number): Replacement | null {
    const first = spoken[from];
    if (first === undefined) return null;
    return (
      this.#startingWith(partsOf(first.said)[0], spoken, from) ??
      // `Sequel's`: the part before the 's is the whole word.
      this.#startingWith(partsOf(withoutPossessive(first).said)[0], spoken, from)
    );
  }

  #startingWith(part: string | undefined, spoken: readonly Bare[], from: number): Replacement | null {
    for (const length of this.#lengths.get(part ?? '') ?? []) {
      const found = this.#ofLength(length, spoken, from);
      if (found !== null) return found;
    }
    return null;
  }

  #ofLength(length: number, spoken: readonly Bare[], from: number): Replacement | null {
    const parts: string[] = [];
    for (let to = from; to < spoken.length; to++) {
      const word = spoken[to] as Bare;
      if (to > from && word.before !== '') return null;
      for (const last of [word, withoutPossessive(word)]) {
        const all = [...parts, ...partsOf(last.said)];
        const key = all.length === length ? this.#keys.get(all.join(JOIN)) : undefined;
        if (key !== undefined)
          return { from, to: to + 1, text: key, before: spoken[from]?.before ?? '', after: last.after };
      }
      parts.push(...partsOf(word.said));
      if (parts.length >= length || !goesOn(word)) return null;
    }
    return null;
  }
}
