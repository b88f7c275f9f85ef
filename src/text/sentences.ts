// The sentences of a transcript: Unicode's rules (Intl.Segmenter) on the text of each channel, except that an
// abbreviation's full stop ends none, and a long pause always does. In turns: of ten hours they take an eighth of a second.
import type { Utterance, Word } from '../speech/transcript.ts';
import { breather } from '../turns.ts';
import { endsSentence, PAUSE_BETWEEN_SENTENCES } from './sentence-end.ts';
import { bare, withWords } from './words.ts';

export type Sentence = Pick<Utterance, 'start' | 'end' | 'words' | 'confidence' | 'language' | 'channel'> & {
  sentence: string;
  speaker?: number;
};

/** In order of start, then channel. */
export async function sentencesOf(utterances: readonly Utterance[]): Promise<Sentence[]> {
  const breath = breather();
  const sentences: Sentence[] = [];
  for (const { of, words } of stretchesOf(utterances)) {
    const texts = words.map(({ word }) => word.trim());
    const begins = new Set<number>();
    const segmenter = new Intl.Segmenter(of.language, { granularity: 'sentence' });
    for (const { index } of segmenter.segment(texts.join(' '))) {
      begins.add(index);
      await breath();
    }
    let from = 0;
    let offset = 0;
    for (const [i, word] of words.entries()) {
      offset += (texts[i]?.length ?? 0) + 1;
      const next = words[i + 1];
      const ends =
        next === undefined || (begins.has(offset) && endsSentence(bare(word.word), next.start - word.end));
      if (!ends) continue;
      sentences.push(sentenceOf(of, words.slice(from, i + 1)));
      from = i + 1;
      await breath();
    }
  }
  return sentences.sort((a, b) => a.start - b.start || a.channel - b.channel);
}

type Stretch = { of: Utterance; words: Word[] };

/** What one channel says in one language without a long pause. */
function stretchesOf(utterances: readonly Utterance[]): Stretch[] {
  const stretches: Stretch[] = [];
  const last = new Map<number, Stretch>();
  for (const utterance of utterances) {
    const before = last.get(utterance.channel);
    const pause = utterance.start - (before?.words.at(-1)?.end ?? Number.NEGATIVE_INFINITY);
    if (
      before !== undefined &&
      before.of.language === utterance.language &&
      pause < PAUSE_BETWEEN_SENTENCES
    ) {
      before.words.push(...utterance.words);
      continue;
    }
    const stretch = { of: utterance, words: [...utterance.words] };
    stretches.push(stretch);
    last.set(utterance.channel, stretch);
  }
  return stretches;
}

function sentenceOf(of: Utterance, words: readonly Word[]): Sentence {
  const { text, start, end, confidence, language, channel, speaker, words: own } = withWords(of, words);
  return {
    sentence: text,
    start,
    end,
    words: own,
    confidence,
    language,
    channel,
    ...(speaker !== undefined && { speaker }),
  };
}
