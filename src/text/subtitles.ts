// Captions as files: SubRip, and WebVTT (https://www.w3.org/TR/webvtt1/). Pure.
import type { SubtitleFormat, SubtitleStyle } from '../job-options.ts';
import type { Utterance } from '../speech/transcript.ts';
import { CAPTION_RULES, type Caption, captionsOf } from './captions.ts';

export type SubtitlesConfig = {
  formats?: readonly SubtitleFormat[];
  minimum_duration?: number;
  maximum_duration?: number;
  maximum_characters_per_row?: number;
  maximum_rows_per_caption?: number;
  style?: SubtitleStyle;
};

export type Subtitles = { format: SubtitleFormat; subtitles: string };

export async function subtitlesOf(
  utterances: readonly Utterance[],
  config: SubtitlesConfig,
): Promise<Subtitles[]> {
  const { formats = ['srt'], style = 'default' } = config;
  const longest = config.maximum_duration ?? CAPTION_RULES.longest;
  const captions = await captionsOf(utterances, {
    charactersPerRow: config.maximum_characters_per_row ?? CAPTION_RULES.charactersPerRow,
    rows: config.maximum_rows_per_caption ?? CAPTION_RULES.rows,
    shortest: config.minimum_duration ?? Math.min(CAPTION_RULES.shortest, longest),
    longest: Math.max(longest, config.minimum_duration ?? 0),
    bySentence: style === 'compliance',
  });
  return [...new Set(formats)].map((format) => ({
    format,
    subtitles: format === 'srt' ? renderSrt(captions, style) : renderVtt(captions),
  }));
}

export function renderSrt(captions: readonly Caption[], style: SubtitleStyle = 'default'): string {
  const blocks = captions.map(
    ({ start, end, rows }, i) =>
      `${i + 1}\n${clock(start, ',')} --> ${clock(end, ',')}\n${rows.map(withoutArrow).join('\n')}\n`,
  );
  if (style === 'default') return blocks.join('\n');
  return blocks.map((block) => `${block}\n`.replaceAll('\n', '\r\n')).join('');
}

export function renderVtt(captions: readonly Caption[]): string {
  const cues = captions.map(
    ({ start, end, rows }, i) =>
      `\n${i + 1}\n${clock(start, '.')} --> ${clock(end, '.')}\n${rows.map(escaped).join('\n')}\n`,
  );
  return `WEBVTT\n${cues.join('')}`;
}

/** `HH:MM:SS` and milliseconds after `mark`; hours grow past two digits. */
function clock(milliseconds: number, mark: ',' | '.'): string {
  const part = (unit: number, size: number): string =>
    String(Math.floor(milliseconds / unit) % size).padStart(2, '0');
  const hours = String(Math.floor(milliseconds / 3_600_000)).padStart(2, '0');
  return `${hours}:${part(60_000, 60)}:${part(1000, 60)}${mark}${String(milliseconds % 1000).padStart(3, '0')}`;
}

/** SubRip has no way to write what parts its times. */
const withoutArrow = (row: string): string => row.replaceAll('-->', '→');

const escaped = (row: string): string =>
  row.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
