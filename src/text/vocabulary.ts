// Custom vocabulary: words that sound like an entry are written as that entry, after recognition. What decides is how
// alike they sound, how sure the recogniser was of what it wrote, how much sound the entry has, and its intensity; the
// figures were chosen on the clips of `npm run bench -- vocabulary` (docs/speech.md). Pure.
import type { Word } from '../speech/transcript.ts';
import { phonemesOf, plain } from './phonemes.ts';
import { endsSentence, goesOn } from './sentence-end.ts';
import { SoundIndex } from './sound-index.ts';
import { type Bare, bare, type Replacement, withoutPossessive } from './words.ts';

export type VocabularyEntry = { value: string; pronunciations: readonly string[]; intensity: number };

/** The words of one entry that are heard as fewer or more: `git lab`, `post gress Q L`. */
const FEWEST_WORDS = 3;
const MOST_WORDS = 6;

/** Spaces, hyphens and signs do not make another word. */
const letters = (text: string): string => plain(text).replaceAll(/[^\p{L}\p{N}]/gu, '');
const wordCount = (text: string): number => text.trim().split(/\s+/).length;

/** A likeness of this much is asked of words that the recogniser was not sure of at all. */
const DOUBTFUL = 0.66;
/** And of this much more of those it was sure of: the word is then likely to be right, and the likeness chance. */
const SURE = 0.4;
/** A usual word by itself counts as heard with at least this confidence. */
const USUAL = 0.8;
/** What is long and alike is so by chance less often. Weight of a sound, and what one more is worth. */
const USUAL_WEIGHT = 4.5;
const PER_WEIGHT = 0.04;
const LEAST_WEIGHT = 2;
const MOST_WEIGHT = 6.5;
/** From exactly the sound (0) over the default (0.5) to the freest (1). */
const PER_INTENSITY = 0.4;

export function likenessAsked(weight: number, intensity: number, confidence: number): number {
  const length = Math.min(MOST_WEIGHT, Math.max(LEAST_WEIGHT, weight)) - USUAL_WEIGHT;
  return DOUBTFUL + SURE * confidence ** 2 - PER_WEIGHT * length - PER_INTENSITY * (intensity - 0.5);
}

type Candidate = Replacement & { likeness: number };
type Part = Bare & { written: string; sound: string };

export class Vocabulary {
  readonly #written = new Map<string, VocabularyEntry>();
  readonly #sounds = new SoundIndex<VocabularyEntry>(likenessAsked);
  readonly #common: ReadonlySet<string>;
  #most = FEWEST_WORDS;
  readonly #soundOf = new Map<string, string>();

  /** `common` are the usual words of the language, in small letters. */
  constructor(common: ReadonlySet<string>) {
    this.#common = common;
  }

  /** Of two entries that are written with the same letters the first counts. */
  add(entry: VocabularyEntry): void {
    const written = letters(entry.value);
    if (written !== '' && !this.#written.has(written)) this.#written.set(written, entry);
    for (const spelling of [entry.value, ...entry.pronunciations]) {
      this.#sounds.add(phonemesOf(spelling), entry);
      this.#most = Math.min(MOST_WORDS, Math.max(this.#most, wordCount(spelling)));
    }
  }

  /** What to write anew in an utterance: no word twice, in order. */
  replacements(words: readonly Word[]): Replacement[] {
    const taken = new Set<number>();
    return this.#candidates(words)
      .sort((a, b) => b.likeness - a.likeness || b.to - b.from - (a.to - a.from) || a.from - b.from)
      .filter(({ from, to }) => {
        for (let i = from; i < to; i++) if (taken.has(i)) return false;
        for (let i = from; i < to; i++) taken.add(i);
        return true;
      })
      .sort((a, b) => a.from - b.from);
  }

  #candidates(words: readonly Word[]): Candidate[] {
    const parts = words.map(({ word }) => this.#part(word));
    return parts.flatMap((first, from) => {
      const compound = this.#compound(first.said);
      const { before, after } = first;
      return [
        ...(compound === null ? [] : [{ from, to: from + 1, text: compound, before, after, likeness: 1 }]),
        ...this.#candidatesFrom(from, parts, words),
      ];
    });
  }

  #candidatesFrom(from: number, parts: readonly Part[], words: readonly Word[]): Candidate[] {
    const found: Candidate[] = [];
    let [written, sound, confidence] = ['', '', 0];
    for (const [i, part] of parts.slice(from, from + this.#most).entries()) {
      if (i > 0 && part.before !== '') break;
      written += part.written;
      sound += part.sound;
      confidence += words[from + i]?.confidence ?? 0;
      const single = i === 0 ? part.said : null;
      const match = this.#match({ written, sound, single, confidence: confidence / (i + 1) });
      if (match !== null) {
        const { before, said } = parts[from] as Part;
        const previous = parts[from - 1];
        const begins = previous === undefined || endsSentence(previous, 0);
        const text = begins ? withCapitalOf(said, match.text) : match.text;
        found.push({ from, to: from + i + 1, text, before, after: part.after, likeness: match.likeness });
      }
      if (!goesOn(part)) break;
    }
    return found;
  }

  #match(heard: {
    written: string;
    sound: string;
    /** The word, when it is only one. */
    single: string | null;
    confidence: number;
  }): { text: string; likeness: number } | null {
    const { written, sound, single, confidence } = heard;
    const usual = single !== null && this.#common.has(single.toLowerCase());
    const same = this.#written.get(written);
    if (same !== undefined) {
      // The verb in `will you` is not Will.
      const onlyCapital = usual && same.value.slice(1) === single.slice(1);
      return { text: onlyCapital ? single : same.value, likeness: 1 };
    }
    // A number is what it is.
    if (/^\p{N}*$/u.test(written)) return null;
    const match = this.#sounds.closest(sound, usual ? Math.max(confidence, USUAL) : confidence);
    return match === undefined ? null : { text: match.entry.value, likeness: match.likeness };
  }

  /** `inter-asterisk` has a word of the vocabulary in it. */
  #compound(said: string): string | null {
    const pieces = said.split('-');
    if (pieces.length === 1 || this.#written.has(letters(said))) return null;
    const anew = pieces.map((piece) => this.#written.get(letters(piece))?.value ?? piece);
    return pieces.some((piece) => this.#written.has(letters(piece))) ? anew.join('-') : null;
  }

  #part(word: string): Part {
    const part = withoutPossessive(bare(word));
    let sound = this.#soundOf.get(part.said);
    if (sound === undefined) {
      sound = phonemesOf(part.said);
      this.#soundOf.set(part.said, sound);
    }
    return { ...part, written: letters(part.said), sound };
  }
}

/** A word in small letters begins a sentence with a capital; `iPhone` does not. */
function withCapitalOf(heard: string, text: string): string {
  const capital = heard[0] !== heard[0]?.toLowerCase() && text === text.toLowerCase();
  return capital ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
