// Subtitles of any finished transcript, where its request asked for none: made here from the times of its words. Pure.
import type { Utterance, Word } from '../../src/http/schemas/job.ts';

/** Two lines of 42 characters, as subtitles usually have. */
const MOST_CHARACTERS = 84;
const LONGEST_S = 6;

type Cue = { start: number; end: number; text: string };

function cuesOf(utterances: readonly Utterance[]): Cue[] {
  return utterances.flatMap(({ words }) => {
    const cues: Cue[] = [];
    let held: Word[] = [];
    const flush = () => {
      const [first] = held;
      const last = held.at(-1);
      if (first && last)
        cues.push({
          start: first.start,
          end: last.end,
          text: held
            .map(({ word }) => word)
            .join('')
            .trim(),
        });
      held = [];
    };
    for (const word of words) {
      const length = held.reduce((sum, { word }) => sum + word.length, word.word.length);
      const isLong = held[0] !== undefined && word.end - held[0].start > LONGEST_S;
      if (length > MOST_CHARACTERS || isLong) flush();
      held.push(word);
    }
    flush();
    return cues;
  });
}

function stamp(seconds: number, point: ',' | '.'): string {
  const ms = Math.round(seconds * 1_000);
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const rest = String(ms % 1_000).padStart(3, '0');
  return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1_000) % 60)}${point}${rest}`;
}

export function srt(utterances: readonly Utterance[]): string {
  return cuesOf(utterances)
    .map(
      ({ start, end, text }, index) => `${index + 1}\n${stamp(start, ',')} --> ${stamp(end, ',')}\n${text}\n`,
    )
    .join('\n');
}

export function vtt(utterances: readonly Utterance[]): string {
  const cues = cuesOf(utterances).map(
    ({ start, end, text }) => `${stamp(start, '.')} --> ${stamp(end, '.')}\n${escaped(text)}\n`,
  );
  return `WEBVTT\n\n${cues.join('\n')}`;
}

/** WebVTT has markup; SRT has none that players agree on. */
const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
