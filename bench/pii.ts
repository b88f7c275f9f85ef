// How much personal data redaction misses, on the labelled sentences of test/fixtures/pii: per kind, found and missed;
// and how much it takes that is none, on the telephone prompts of test/fixtures/speech.
import { readFileSync } from 'node:fs';
import { analyse } from '../src/addons/analyse.ts';
import { labelledSentences, spoken, survivors } from '../test/addons/labelled.ts';

const ask = { entities: false, sentiment: false, redaction: { entityTypes: [], style: 'MARKER' as const } };
const redacted = (text: string) => analyse([spoken(text)], ask).utterances[0]?.text ?? '';

function recall(name: 'tuned' | 'held-out') {
  const kinds: Record<string, { labelled: number; redacted: number }> = {};
  const missed: string[] = [];
  for (const { text, labels } of labelledSentences(name)) {
    const after = redacted(text);
    for (const label of labels) {
      const kind = (kinds[label.type] ??= { labelled: 0, redacted: 0 });
      kind.labelled += 1;
      if (survivors(label.text, after).length === 0) kind.redacted += 1;
      else missed.push(`${label.type} ${label.text}: ${after}`);
    }
  }
  const sum = (of: 'labelled' | 'redacted') => Object.values(kinds).reduce((total, kind) => total + kind[of], 0);
  return { sentences: labelledSentences(name).length, labelled: sum('labelled'), redacted: sum('redacted'), recall: sum('redacted') / sum('labelled'), kinds, missed };
}

export async function run(): Promise<object> {
  const prompts = readFileSync(new URL('../test/fixtures/speech/set.tsv', import.meta.url), 'utf8')
    .split('\n')
    .map((line) => line.split('\t').at(-1) ?? '')
    .filter((line) => line !== '');
  const taken = prompts.map((line) => ({ line, after: redacted(line) })).filter(({ line, after }) => line !== after);
  return {
    bench: 'pii',
    tuned: recall('tuned'),
    held_out: recall('held-out'),
    prompts: { lines: prompts.length, changed: taken.length, changes: taken.map(({ after }) => after) },
  };
}
