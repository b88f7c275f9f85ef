// The words of the house: what the speech side hands to the job side. Times are seconds from the start of the
// audio, confidences 0 to 1.

export type Word = { word: string; start: number; end: number; confidence: number };

export type Utterance = {
  start: number;
  end: number;
  confidence: number;
  channel: number;
  /** From 0; where speakers were asked for, and each has a channel. */
  speaker?: number;
  /** That its words are written in. */
  language: string;
  /** It does not sound like that language, or is too unclear to be understood: see language-doubt.ts. */
  language_uncertain?: true;
  text: string;
  words: Word[];
};

export type Transcript = {
  /** Seconds. */
  audioDuration: number;
  /** Channels in the file; identical ones are transcribed once. */
  channels: number;
  distinctChannels: number;
  /** In order of start, then channel. */
  utterances: Utterance[];
  /** Absent where nobody listened. */
  speech?: Speech;
};

/** Seconds of what sounds like speech: with words in them, and without one. */
export type Speech = { heard: number; unheard: number };

/** Raw mono PCM on disk: signed 16-bit little-endian at 16 kHz, no header. */
export type PcmFile = { path: string; samples: number };
export const SAMPLE_RATE = 16_000;
