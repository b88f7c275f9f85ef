// The labelled sentences of test/fixtures/pii as utterances, and what of their labels a redaction left readable.
import { readFileSync } from 'node:fs';
import type { Utterance } from '../../src/speech/transcript.ts';

export type Labelled = { text: string; labels: { type: string; text: string }[] };

export function labelledSentences(name: 'tuned' | 'held-out'): Labelled[] {
  const file = new URL(`../fixtures/pii/${name}.txt`, import.meta.url);
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({
      text: line.replaceAll(/\[\[[A-Z_]+\|(.*?)\]\]/g, '$1'),
      labels: [...line.matchAll(/\[\[([A-Z_]+)\|(.*?)\]\]/g)].map(([, type = '', text = '']) => ({ type, text })),
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

const bare = (text: string) => text.toLowerCase().replaceAll(/[^\p{L}\p{N}@. ]/gu, '');

/** Words of the label that can still be read where it stood. Titles and `number` before a house are not counted. */
export function survivors(label: string, redacted: string): string[] {
  const left = new Set(bare(redacted).split(' '));
  return bare(label)
    .split(' ')
    .filter((word) => word !== '' && !['uh', 'as', 'in', 'whiskey', 'of', 'the', 'at'].includes(word))
    .filter((word) => left.has(word));
}
