// Cuts what was said into captions: rows of a few words, shown for a while. In turns.
import type { Utterance, Word } from '../speech/transcript.ts';
import { breather } from '../turns.ts';
import { endsSentence } from './sentence-end.ts';
import { bare } from './words.ts';

/** Seconds, and characters as they are counted by readers: an emoji is one. */
export type CaptionRules = {
  charactersPerRow: number;
  rows: number;
  shortest: number;
  longest: number;
  /** No caption holds words of two sentences. */
  bySentence: boolean;
};

/** What captions usually keep to, and the hosted API too. */
export const CAPTION_RULES: CaptionRules = {
  charactersPerRow: 42,
  rows: 2,
  shortest: 0.7,
  longest: 7,
  bySentence: false,
};

/** Whole milliseconds from the start of the audio. */
export type Caption = { start: number; end: number; rows: string[] };

/** Where two talk at once, a caption is shown at least this long before the next takes its place; milliseconds. */
const LEAST_SHOWN = 500;

/**
 * In order, and never two at a time. A caption begins with its first word and stays until its last, and longer where it
 * would be shorter than the rule, but not into the next. Only where channels overlap is it cut short or put off.
 */
export async function captionsOf(
  utterances: readonly Utterance[],
  rules: CaptionRules = CAPTION_RULES,
): Promise<Caption[]> {
  const breath = breather();
  const captions: Caption[] = [];
  for (const { words } of utterances) {
    for (const caption of cut(words, rules)) captions.push(caption);
    await breath();
  }
  captions.sort((a, b) => a.start - b.start);
  let free = 0;
  for (const [i, caption] of captions.entries()) {
    const spoken = caption.end - caption.start;
    const least = Math.max(1, Math.min(LEAST_SHOWN, spoken));
    caption.start = Math.max(caption.start, free);
    const wanted = Math.max(caption.end, caption.start + Math.max(least, milliseconds(rules.shortest)));
    const next = Math.max(captions[i + 1]?.start ?? Number.POSITIVE_INFINITY, caption.start + least);
    caption.end = Math.min(wanted, next);
    free = caption.end;
  }
  return captions;
}

const milliseconds = (seconds: number): number => Math.round(seconds * 1_000);

function cut(words: readonly Word[], rules: CaptionRules): Caption[] {
  const captions: Caption[] = [];
  const longest = milliseconds(rules.longest);
  let open: Caption | undefined;
  for (const [i, word] of words.entries()) {
    const [start, end] = [milliseconds(word.start), milliseconds(word.end)];
    for (const text of word.word.trim().split(/\s+/)) {
      if (open === undefined || end - open.start > longest || !fits(open.rows, text, rules)) {
        open = { start, end, rows: [text] };
        captions.push(open);
      } else {
        add(open.rows, text, rules);
      }
      open.end = Math.min(end, open.start + longest);
    }
    const pause = (words[i + 1]?.start ?? word.end) - word.end;
    if (rules.bySentence && endsSentence(bare(word.word), pause)) open = undefined;
  }
  return captions;
}

/** A row is longer than the rule only when it is one word. */
const fitsInRow = (row: string, text: string, { charactersPerRow }: CaptionRules): boolean =>
  row.length + 1 + text.length <= charactersPerRow ||
  [...row].length + 1 + [...text].length <= charactersPerRow;

const fits = (rows: readonly string[], text: string, rules: CaptionRules): boolean =>
  rows.length < rules.rows || fitsInRow(rows.at(-1) ?? '', text, rules);

function add(rows: string[], text: string, rules: CaptionRules): void {
  const row = rows.at(-1);
  if (row !== undefined && fitsInRow(row, text, rules)) rows[rows.length - 1] = `${row} ${text}`;
  else rows.push(text);
}
