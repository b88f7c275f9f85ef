// Takes entities out of utterances: what was found, and every other place where the same is said again. Words, times and
// text of the new utterances agree; everything else in a result is made from them. Pure.
import type { EntityType } from '../entity-types.ts';
import type { RedactionStyle } from '../job-options.ts';
import type { Utterance, Word } from '../speech/transcript.ts';
import type { Finding } from './finding.ts';
import { NO_NAME } from './name-cues.ts';
import { digitRuns } from './numbers.ts';
import { type SpokenText, type Token, withoutOwner, wordsOf } from './spoken-text.ts';

/** What stands in for a token; tokens of one cover share it. */
export type Cover = { label: string; number: number };
/** By channel text and token: what covers it. */
export type Covers = ReadonlyMap<SpokenText, readonly (Cover | undefined)[]>;

type Covered = { spoken: SpokenText; from: number; to: number; label: string };

/** Said again, these are not the same thing: 49 may be an age here and a price there. */
const OF_THE_MOMENT: ReadonlySet<EntityType> = new Set([
  'AGE',
  'DATE',
  'TIME',
  'DURATION',
  'MONEY',
  'ORIGIN',
]);

/** One entity where findings overlap: as long as all of them together, of the kind of the first. */
export function merged(findings: readonly Finding[]): Finding[] {
  const ranked = findings.map((finding, rank) => ({ ...finding, rank }));
  ranked.sort((a, b) => a.from - b.from || b.to - a.to);
  const result: (Finding & { rank: number })[] = [];
  for (const finding of ranked) {
    const last = result.at(-1);
    if (last === undefined || finding.from >= last.to) {
      result.push({ ...finding });
      continue;
    }
    last.to = Math.max(last.to, finding.to);
    if (finding.rank < last.rank) {
      last.type = finding.type;
      last.rank = finding.rank;
    }
    if (finding.uncertain !== true) delete last.uncertain;
  }
  return result.map(({ rank: _, ...finding }) => finding);
}

export function coversOf(
  found: readonly { spoken: SpokenText; findings: readonly Finding[] }[],
  types: ReadonlySet<EntityType>,
): Covers {
  const first = found.flatMap(({ spoken, findings }) =>
    merged(findings.filter(({ type }) => types.has(type))).map((finding) => ({ spoken, ...finding })),
  );
  const covered: Covered[] = first.map(({ spoken, from, to, type }) => ({
    spoken,
    from,
    to,
    label: labelOf(type),
  }));
  const again = saidAgain(
    first.filter(({ type }) => !OF_THE_MOMENT.has(type)),
    found.map(({ spoken }) => spoken),
  );
  const covers = new Map(
    found.map(({ spoken }) => [spoken, new Array<Cover | undefined>(spoken.tokens.length)]),
  );
  const numbers = new Map<string, number>();
  const counts = new Map<string, number>();
  const inOrder = (ranges: Covered[]) => ranges.sort((a, b) => startOf(a) - startOf(b));
  for (const range of [...inOrder(covered), ...inOrder(again)]) {
    const cover = covers.get(range.spoken) ?? [];
    const key = `${range.label} ${keyOf(range.spoken.tokens.slice(range.from, range.to))}`;
    let free = false;
    for (let at = range.from; at < range.to; at++) free ||= cover[at] === undefined;
    if (!free) continue;
    let number = numbers.get(key);
    if (number === undefined) {
      number = (counts.get(range.label) ?? 0) + 1;
      counts.set(range.label, number);
      numbers.set(key, number);
    }
    const same = { label: range.label, number };
    for (let at = range.from; at < range.to; at++) cover[at] ??= same;
  }
  return covers;
}

const startOf = ({ spoken, from }: Covered) => spoken.tokens[from]?.start ?? 0;
const labelOf = (type: EntityType): string => (type.startsWith('NAME') ? 'NAME' : type);

/** The same entity has the same key however it is written: `five five five` and `555`, `Smith` and `smith,`. */
function keyOf(tokens: readonly Token[]): string {
  const digits = digitRuns(tokens)
    .map((run) => run.digits)
    .join('');
  return digits.length >= 4 ? digits : tokens.map(({ bare }) => withoutOwner(bare)).join(' ');
}

/** Other places of the same words; of a person's name, of each of its parts; of a number, of its digits. */
function saidAgain(
  first: readonly (Finding & { spoken: SpokenText })[],
  texts: readonly SpokenText[],
): Covered[] {
  const sequences = new Map<string, { tokens: readonly Token[]; label: string }[]>();
  const numbers = new Map<string, string>();
  const add = (tokens: readonly Token[], label: string) => {
    const start = withoutOwner(tokens[0]?.bare ?? '');
    if (tokens.length === 1 && (start.length < 2 || NO_NAME.has(start))) return;
    const known = sequences.get(start) ?? [];
    sequences.set(start, known);
    const same = known.some(
      (one) => one.tokens.map(({ text }) => text).join() === tokens.map(({ text }) => text).join(),
    );
    if (!same) known.push({ tokens, label });
  };
  for (const { spoken, from, to, type } of first) {
    const tokens = spoken.tokens.slice(from, to);
    const label = labelOf(type);
    const digits = keyOf(tokens);
    if (/^\d{4,}$/.test(digits)) numbers.set(digits, label);
    else {
      add(tokens, label);
      if (label === 'NAME') for (const token of tokens) add([token], label);
    }
  }
  return texts.flatMap((spoken) => {
    const { tokens } = spoken;
    const found: Covered[] = [];
    for (const [at, token] of tokens.entries())
      for (const { tokens: said, label } of sequences.get(withoutOwner(token.bare)) ?? [])
        if (said.every((one, index) => isSame(one, tokens[at + index])))
          found.push({ spoken, from: at, to: at + said.length, label });
    for (const { from, to, digits } of digitRuns(tokens)) {
      const label = numbers.get(digits);
      if (label !== undefined) found.push({ spoken, from, to, label });
    }
    return found;
  });
}

/** A name with a capital (`Will`, `Rose`) is not the same word without it. */
const isSame = (said: Token, here: Token | undefined): boolean =>
  here !== undefined &&
  withoutOwner(here.bare) === withoutOwner(said.bare) &&
  (!/^\W*\p{Lu}/u.test(said.text) || /^\W*\p{Lu}/u.test(here.text));

/** Leading quotes, the word, and the punctuation after it: what stays, what goes, what stays. */
function parts(text: string): [before: string, core: string, after: string] {
  const [, before = '', core = '', after = ''] =
    /^(["'“‘]*)(.*?)((?:['’]s)?[.,!?;:…"'”’]*)$/su.exec(text) ?? [];
  return core === '' ? ['', text, ''] : [before, core, after];
}

export const markerOf = ({ label, number }: Cover): string => `[${label}_${number}]`;
const maskOf = (text: string): string => text.replaceAll(/\S/gu, '#');

/** What is to be read where a stretch of tokens was. */
export function readable(
  tokens: readonly Token[],
  covers: readonly (Cover | undefined)[],
  style: RedactionStyle,
): string {
  const texts: string[] = [];
  let last: Cover | undefined;
  for (const [index, token] of tokens.entries()) {
    const cover = covers[index];
    if (cover === undefined) texts.push(token.text);
    else if (style === 'MASK') texts.push(maskOf(parts(token.text)[1]));
    else if (cover !== last) texts.push(markerOf(cover));
    last = cover;
  }
  const text = texts.join(' ');
  return last === undefined ? parts(text)[1] : text;
}

export function redactUtterances(
  utterances: readonly Utterance[],
  covers: Covers,
  style: RedactionStyle,
): Utterance[] {
  const byUtterance = new Map<number, { token: Token; cover: Cover | undefined }[]>();
  for (const [{ tokens }, covering] of covers)
    for (const [index, token] of tokens.entries()) {
      const list = byUtterance.get(token.utterance) ?? [];
      byUtterance.set(token.utterance, list);
      list.push({ token, cover: covering[index] });
    }
  return utterances.map((utterance, index) => {
    const tokens = byUtterance.get(index) ?? [];
    if (!tokens.some(({ cover }) => cover !== undefined)) return utterance;
    const words = redactWords(wordsOf(utterance), tokens, style);
    const text = words
      .map(({ word }) => word)
      .join('')
      .trim();
    return { ...utterance, text, words: utterance.words.length === 0 ? [] : words };
  });
}

function redactWords(
  words: readonly Word[],
  tokens: readonly { token: Token; cover: Cover | undefined }[],
  style: RedactionStyle,
): Word[] {
  const result: Word[] = [];
  let next = 0;
  let open: Cover | undefined;
  for (const word of words) {
    let kept = '';
    let trailing = '';
    for (const [piece, space = '', text = ''] of word.word.matchAll(/(\s*)(\S+)/g)) {
      const cover = tokens[next]?.cover;
      next += 1;
      const [before, core, after] = parts(text);
      if (cover === undefined) kept += piece;
      else if (style === 'MASK') kept += `${space}${before}${maskOf(core)}${after}`;
      else if (cover !== open) kept += `${space}${before}${markerOf(cover)}${after}`;
      // The punctuation in the middle of an entity goes with it, the last one stays.
      else if (kept === '') trailing = after;
      else kept = `${parts(kept)[0]}${parts(kept)[1]}${after}`;
      open = cover;
    }
    const previous = result.at(-1);
    if (kept !== '' || previous === undefined) result.push({ ...word, word: kept });
    else {
      const [before, core] = parts(previous.word);
      previous.word = `${before}${core}${trailing}`;
      previous.end = word.end;
      previous.confidence = Math.min(previous.confidence, word.confidence);
    }
  }
  return result;
}

/** Every letter masked: what is left of a transcript whose redaction failed. */
export function maskEverything(utterances: readonly Utterance[]): Utterance[] {
  return utterances.map((utterance) => ({
    ...utterance,
    text: maskOf(utterance.text),
    words: utterance.words.map((word) => ({ ...word, word: maskOf(word.word) })),
  }));
}
