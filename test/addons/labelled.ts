// The labelled sentences of test/fixtures/pii as utterances, and what of their labels a redaction left readable.
import { readFileSync } from 'node:fs';
import type { Utterance } from '../../src/speech/transcript.ts';

export type LabelledSet = 'tuned' | 'held-out' | 'hard' | 'fresh';
export type Labelled = { text: string; labels: { type: string; text: string }[] };

export function labelledSentences(name: LabelledSet): Labelled[] {
  const file = new URL(`../fixtures/pii/${name}.txt`, import.meta.url);
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({
      text: line.replaceAll(/\[\[[A-Z_]+\|(.*?)\]\]/g, '$1'),
      labels: [...line.matchAll(/\[\[([A-Z_]+)\|(.*?)\]\]/g)].map(([, type = '', text = '']) => ({
        type,
        text,
      })),
    }));
}

/** One utterance, as the speech side makes them: a second for three words. */
export function spoken(text: string, start = 0, channel = 0): Utterance {
  const words = text.split(' ').map((word, index) => ({
    word: index === 0 ? word : ` ${word}`,
    start: start + index / 3,
    end: start + index / 3 + 0.3,
    confidence: 0.9,
  }));
  return { start, end: words.at(-1)?.end ?? start, confidence: 0.9, channel, language: 'en', text, words };
}

const wordsIn = (text: string) =>
  text
    .replaceAll(/\[[A-Z_]+_\d+\]/g, ' ')
    .toLowerCase()
    .split(/[^\p{L}\p{N}@]+/u)
    .filter((word) => word !== '');

/** Words of the labels that a redaction left, and words outside them that it took. */
export function judge({ text, labels }: Labelled, redacted: string): { left: string[]; taken: string[] } {
  let outside = text;
  for (const label of labels) outside = outside.replace(label.text, ' ');
  const free = wordsIn(outside);
  const taken: string[] = [];
  const rest = wordsIn(redacted);
  for (const word of free) {
    const at = rest.indexOf(word);
    if (at < 0) taken.push(word);
    else rest.splice(at, 1);
  }
  return { left: rest, taken };
}
