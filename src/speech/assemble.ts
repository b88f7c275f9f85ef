// Puts the channels of one recording together, and derives what is said about the whole. Pure.

import { withDoubts } from './language-doubt.ts';
import type { Speech, Transcript, Utterance } from './transcript.ts';

/** Orders the utterances of all channels by start, then channel. Does not change its argument. */
export function inSpokenOrder(utterances: readonly Utterance[]): Utterance[] {
  return [...utterances].sort((a, b) => a.start - b.start || a.channel - b.channel);
}

export type Recording = {
  /** Seconds. */
  audioDuration: number;
  /** Channels in the file. */
  channels: number;
  /** The utterances of each distinct channel; identical channels appear once. */
  distinct: readonly (readonly Utterance[])[];
  speech?: Speech;
};

export function assemble({ audioDuration, channels, distinct, speech }: Recording): Transcript {
  return {
    audioDuration,
    channels,
    distinctChannels: distinct.length,
    utterances: inSpokenOrder(distinct.flatMap(withDoubts)),
    ...(speech && { speech }),
  };
}

/** The texts of the utterances, joined by one space. */
export function fullTranscript(utterances: readonly Utterance[]): string {
  return utterances.map((utterance) => utterance.text).join(' ');
}

/** Language codes by the number of words spoken in them, most first; without what may be in another language. */
export function languagesOf(utterances: readonly Utterance[]): string[] {
  const words = new Map<string, number>();
  for (const { language, language_uncertain, words: spoken } of utterances) {
    if (language_uncertain) continue;
    words.set(language, (words.get(language) ?? 0) + spoken.length);
  }
  return [...words].sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1)).map(([code]) => code);
}
