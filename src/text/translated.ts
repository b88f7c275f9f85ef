// Captions and sentences of a translation. Its words were never spoken and have no times: each is taken to last as long as its
// part of the characters of its utterance, which is near enough to read along. Pure.
import type { Utterance, Word } from '../speech/transcript.ts';
import { type Sentence, sentencesOf } from './sentences.ts';
import { type Subtitles, type SubtitlesConfig, subtitlesOf } from './subtitles.ts';

export type TranslatedTexts = { sentences?: Sentence[]; subtitles?: Subtitles[] };

/** What was asked for of the transcript, of one translation of it. */
export async function translatedTexts(
  utterances: readonly Utterance[],
  asked: { sentences: boolean; subtitles: SubtitlesConfig | null },
): Promise<TranslatedTexts> {
  const timed = utterances.map((utterance) => ({ ...utterance, words: wordsOf(utterance) }));
  return {
    ...(asked.sentences && {
      sentences: (await sentencesOf(timed)).map((sentence) => ({ ...sentence, words: [] })),
    }),
    ...(asked.subtitles && { subtitles: await subtitlesOf(timed, asked.subtitles) }),
  };
}

/** Where a language parts no words, all of it is one. */
function wordsOf({ text, start, end, confidence }: Utterance): Word[] {
  const pieces = text.match(/\S+/g) ?? [];
  const all = pieces.reduce((sum, piece) => sum + piece.length, 0);
  let before = 0;
  const at = () => Math.round((start + ((end - start) * before) / all) * 1_000) / 1_000;
  return pieces.map((piece, index) => {
    const from = at();
    before += piece.length;
    return { word: index === 0 ? piece : ` ${piece}`, start: from, end: at(), confidence };
  });
}
