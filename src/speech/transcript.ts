// The words of the house: what the speech side hands to the job side. Times are seconds from the start of the
// audio, confidences 0 to 1.

export type Word = { word: string; start: number; end: number; confidence: number };

export type Utterance = {
  start: number;
  end: number;
  confidence: number;
  channel: number;
  language: string;
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
};

/** Raw mono PCM on disk: signed 16-bit little-endian at 16 kHz, no header. */
export type PcmFile = { path: string; samples: number };
export const SAMPLE_RATE = 16_000;
