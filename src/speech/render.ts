// Writes a transcript as plain text or as captions (SubRip, WebVTT: https://www.w3.org/TR/webvtt1/). Pure.

import type { Transcript, Utterance } from './transcript.ts';

/** What captions usually keep to, and the hosted API too: at most two rows of 42 characters, 0.7 to 7 seconds. */
export const CAPTION_RULES = { charactersPerRow: 42, rows: 2, shortest: 0.7, longest: 7 } as const;

/** Seconds from the start of the audio. */
export type Caption = { start: number; end: number; rows: string[] };

/** One line per utterance; with more than one channel each line says which it is. */
export function renderText({ utterances, distinctChannels }: Transcript): string {
  return utterances
    .map(({ channel, text }) => (distinctChannels > 1 ? `[channel ${channel}] ${text}\n` : `${text}\n`))
    .join('');
}

export function renderSrt(transcript: Transcript): string {
  return captionsOf(transcript.utterances)
    .map(
      ({ start, end, rows }, i) =>
        `${i + 1}\n${clock(start, ',')} --> ${clock(end, ',')}\n${rows.join('\n')}\n`,
    )
    .join('\n');
}

export function renderVtt(transcript: Transcript): string {
  const cues = captionsOf(transcript.utterances).map(
    ({ start, end, rows }) =>
      `\n${clock(start, '.')} --> ${clock(end, '.')}\n${rows.map(escapedForVtt).join('\n')}\n`,
  );
  return `WEBVTT\n${cues.join('')}`;
}

/**
 * Cuts utterances, in order of start, into captions. A caption shorter than the rule stays up longer, but not into
 * the next one; so it may be shorter where speech is that quick.
 */
export function captionsOf(utterances: readonly Utterance[]): Caption[] {
  const captions = utterances.flatMap(captionsOfUtterance).sort((a, b) => a.start - b.start);
  for (const [i, caption] of captions.entries()) {
    const next = captions[i + 1]?.start ?? Number.POSITIVE_INFINITY;
    const wanted = Math.max(caption.end, caption.start + CAPTION_RULES.shortest);
    caption.end = Math.max(caption.end, Math.min(wanted, next));
  }
  return captions;
}

function captionsOfUtterance({ words }: Utterance): Caption[] {
  const captions: Caption[] = [];
  let open: Caption | undefined;
  for (const word of words) {
    for (const text of chunks(word.word.trim())) {
      if (open === undefined || word.end - open.start > CAPTION_RULES.longest || !fits(open.rows, text)) {
        open = { start: word.start, end: word.end, rows: [text] };
        captions.push(open);
      } else {
        addTo(open.rows, text);
      }
      open.end = Math.min(word.end, open.start + CAPTION_RULES.longest);
    }
  }
  return captions;
}

/** A word longer than a row is broken. */
function chunks(word: string): string[] {
  const characters = [...word];
  const size = CAPTION_RULES.charactersPerRow;
  return Array.from({ length: Math.ceil(characters.length / size) }, (_, i) =>
    characters.slice(i * size, (i + 1) * size).join(''),
  );
}

const fitsInRow = (row: string, text: string): boolean =>
  [...row].length + 1 + [...text].length <= CAPTION_RULES.charactersPerRow;

const fits = (rows: readonly string[], text: string): boolean =>
  rows.length < CAPTION_RULES.rows || fitsInRow(rows.at(-1) ?? '', text);

function addTo(rows: string[], text: string): void {
  const row = rows.at(-1);
  if (row !== undefined && fitsInRow(row, text)) rows[rows.length - 1] = `${row} ${text}`;
  else rows.push(text);
}

/** `HH:MM:SS` and milliseconds after `mark`; hours grow past two digits. */
function clock(seconds: number, mark: ',' | '.'): string {
  const milliseconds = Math.round(seconds * 1000);
  const part = (unit: number, size: number): string =>
    String(Math.floor(milliseconds / unit) % size).padStart(2, '0');
  const hours = String(Math.floor(milliseconds / 3_600_000)).padStart(2, '0');
  return `${hours}:${part(60_000, 60)}:${part(1000, 60)}${mark}${String(milliseconds % 1000).padStart(3, '0')}`;
}

const escapedForVtt = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
