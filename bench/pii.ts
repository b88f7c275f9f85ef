// How much personal data redaction misses, on the labelled sentences of test/fixtures/pii: per kind, found and missed;
// and how much it takes that is none, on the telephone prompts of test/fixtures/speech.
import { readFileSync } from 'node:fs';
import { analyse } from '../src/addons/analyse.ts';
import { judge, type LabelledSet, labelledSentences, spoken } from '../test/addons/labelled.ts';

const ask = { entities: false, sentiment: false, redaction: { entityTypes: [], style: 'MARKER' as const } };
const redacted = async (text: string) => (await analyse([spoken(text)], ask)).utterances[0]?.text ?? '';

async function recall(name: LabelledSet) {
  const kinds: Record<string, { labelled: number; redacted: number }> = {};
  const missed: string[] = [];
  const taken: string[] = [];
  let words = 0;
  for (const sentence of labelledSentences(name)) {
    const after = await redacted(sentence.text);
    const verdict = judge(sentence, after);
    taken.push(...verdict.taken);
    words += sentence.text.split(' ').length;
    for (const { type, text } of sentence.labels) {
      kinds[type] ??= { labelled: 0, redacted: 0 };
      const kind = kinds[type];
      kind.labelled += 1;
      const left = text
        .toLowerCase()
        .split(/[^\p{L}\p{N}@]+/u)
        .filter((word) => verdict.left.includes(word));
      if (left.length === 0) kind.redacted += 1;
      else missed.push(`${type} ${text}: ${after}`);
    }
  }
  const labelled = Object.values(kinds).reduce((sum, kind) => sum + kind.labelled, 0);
  const found = labelled - missed.length;
  return { labelled, redacted: found, recall: found / labelled, words, taken_in_vain: taken, kinds, missed };
}

export async function run(): Promise<object> {
  const prompts = readFileSync(new URL('../test/fixtures/speech/set.tsv', import.meta.url), 'utf8')
    .split('\n')
    .map((line) => line.split('\t').at(-1) ?? '')
    .filter((line) => line !== '');
  const taken: string[] = [];
  for (const line of prompts) {
    const after = await redacted(line);
    if (after !== line) taken.push(after);
  }
  return {
    bench: 'pii',
    tuned: await recall('tuned'),
    held_out: await recall('held-out'),
    hard: await recall('hard'),
    fresh: await recall('fresh'),
    prompts: { lines: prompts.length, changed: taken.length, changes: taken },
  };
}
