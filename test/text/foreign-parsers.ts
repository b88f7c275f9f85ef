// Parsers of subtitles that are not ours: media-captions for both formats, which leaves out cues that it cannot read, and
// the W3C's own validator for WebVTT. Neither has types that reach us.
import { createRequire } from 'node:module';

export type Cue = { startTime: number; endTime: number; text: string };

const captions = (await import('media-captions' as string)) as {
  parseText(text: string, options: object): Promise<{ cues: Cue[] }>;
};
const { WebVTTParser } = createRequire(import.meta.url)('webvtt-parser') as {
  WebVTTParser: new () => { parse(text: string, mode: string): { cues: Cue[]; errors: unknown[] } };
};

export const readCues = async (text: string, type: 'srt' | 'vtt'): Promise<Cue[]> =>
  (await captions.parseText(text, { type })).cues;

export const validateVtt = (text: string) => new WebVTTParser().parse(text, 'captions');
