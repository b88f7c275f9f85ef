// The words of a finished transcription, as a person or a player reads them. Pure.
import type { Job } from '../client/client.ts';
import { SUBTITLE_FORMATS, type SubtitleFormat } from '../job-options.ts';
import type { Utterance } from '../speech/transcript.ts';
import { captionsOf } from '../text/captions.ts';
import { renderSrt, renderVtt } from '../text/subtitles.ts';
import { printableJson, printableText } from './terminal.ts';

export const RESULT_FORMATS = ['text', 'json', ...SUBTITLE_FORMATS] as const;
export type ResultFormat = (typeof RESULT_FORMATS)[number];

/** Of file names. */
export const ENDINGS: Readonly<Record<ResultFormat, string>> = {
  text: 'txt',
  json: 'json',
  srt: 'srt',
  vtt: 'vtt',
};

/** Of a transcription that has a result. */
export async function renderJob({ result }: Job, format: ResultFormat): Promise<string> {
  if (!result) return '';
  const { full_transcript: text, utterances } = result.transcription;
  switch (format) {
    case 'text':
      return `${printableText(text)}\n`;
    case 'json':
      return `${printableJson(result, 2)}\n`;
    case 'srt':
    case 'vtt':
      return renderSubtitles(utterances as Utterance[], format);
    default:
      return format satisfies never;
  }
}

export async function renderSubtitles(
  utterances: readonly Utterance[],
  format: SubtitleFormat,
): Promise<string> {
  const captions = await captionsOf(utterances);
  return format === 'srt' ? renderSrt(captions) : renderVtt(captions);
}
