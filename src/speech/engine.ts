// The speech engine: recorded audio in, utterances with timed words out. One engine does one recording at a time and
// keeps its thread busy; run it in a process or worker of its own.

import { JobError } from '../errors.ts';
import { speechFrames } from './detect.ts';
import { cutEdges, PAD, padded } from './edges.ts';
import { LoopedNetwork } from './looped.ts';
import { gainOf, levelsOf, raised } from './loudness.ts';
import type { Network } from './network.ts';
import { PcmReader } from './pcm.ts';
import { weightTypeOfThisMachine } from './processor.ts';
import { type Piece, recognise } from './recognise.ts';
import { type Region, RegionFinder } from './regions.ts';
import { StepwiseNetwork } from './stepwise.ts';
import { type PcmFile, SAMPLE_RATE, type Utterance } from './transcript.ts';
import { FRAME, VoiceDetector } from './voice.ts';
import {
  brokenModel,
  findModel,
  type Model,
  prepareLooped,
  prepareStepwise,
  prepareVoice,
} from './weights.ts';
import { type TimedWord, utterancesOf } from './words.ts';

export type EngineOptions = {
  /** `moonshine-base`, `moonshine-tiny`, or a folder with an English Moonshine model. */
  model: string;
  /** Where derived files are kept; made when it is missing, may be shared by processes. */
  cacheDirectory: string;
  /** Threads of one recognition. */
  threads: number;
};

export type RecogniseOptions = {
  /** Written into the utterances. */
  channel: number;
  /** Told of each stretch that sounds like speech: its seconds, and how many words were understood. */
  onSpeech?: (seconds: number, words: number) => void;
  /** Told how many seconds of the audio are done, never less than before. */
  onProgress?: (secondsDone: number) => void;
  /** Its reason is thrown, at the latest after the region in work (at most 20 s of audio). */
  signal?: AbortSignal;
};

export interface Engine {
  readonly model: string;
  /** Why the model runs at a third of the speed that moonshine-base and -tiny have; null: it does not. */
  readonly slowBecause: string | null;
  /** Rejects with JobError `engine_failed`, or with the reason of an aborted signal. Silence gives no utterances. */
  recognise(audio: PcmFile, options: RecogniseOptions): Promise<Utterance[]>;
  close(): Promise<void>;
}

/** The models are English. */
const LANGUAGE = 'en';

/** Quiet that is heard before and after the speech of a region, seconds; never the speech of a neighbour. */
const BEFORE = 0.25;
const AFTER = 0.3;
/** The voice detector is this much late at the start of speech and early at its end, at most. Seconds. */
const DETECTOR_SLACK = 0.06;

/** Rejects with an Error for the operator, which names RINGBACK_MODEL, when the model cannot be used. */
export async function loadEngine(options: EngineOptions): Promise<Engine> {
  const { model: name, cacheDirectory } = options;
  const model = await findModel(name, cacheDirectory);
  try {
    const detector = await VoiceDetector.load(await prepareVoice(cacheDirectory));
    return new MoonshineEngine(name, model, await loadNetwork(model, options), detector);
  } catch (error) {
    throw brokenModel(name, error);
  }
}

/** A model that our graphs cannot be made of, or a runtime that cannot run them, is run by the model's own files. */
async function loadNetwork(
  model: Model,
  { cacheDirectory, threads }: EngineOptions,
): Promise<{ network: Network; slowBecause: string | null }> {
  try {
    const graphs = await prepareLooped(model, cacheDirectory, await weightTypeOfThisMachine());
    return {
      network: await LoopedNetwork.load(graphs, model.alignmentHeads, threads),
      slowBecause: null,
    };
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw error;
    const graphs = await prepareStepwise(model, cacheDirectory);
    const network = await StepwiseNetwork.load(graphs, model.alignmentHeads, threads);
    return { network, slowBecause: error instanceof Error ? error.message : String(error) };
  }
}

class MoonshineEngine implements Engine {
  readonly model: string;
  readonly slowBecause: string | null;
  readonly #tokens: readonly string[];
  readonly #network: Network;
  readonly #detector: VoiceDetector;

  constructor(
    name: string,
    { tokens }: Model,
    { network, slowBecause }: { network: Network; slowBecause: string | null },
    detector: VoiceDetector,
  ) {
    this.model = name;
    this.slowBecause = slowBecause;
    this.#tokens = tokens;
    this.#network = network;
    this.#detector = detector;
  }

  async recognise(audio: PcmFile, options: RecogniseOptions): Promise<Utterance[]> {
    options.signal?.throwIfAborted();
    try {
      const reader = await PcmReader.open(audio);
      try {
        return utterancesOf(await this.#words(reader, options), options.channel, LANGUAGE);
      } finally {
        await reader.close();
      }
    } catch (error) {
      if (options.signal?.aborted === true) throw options.signal.reason;
      throw new JobError('engine_failed', 'The speech engine failed on this audio. Submit it again.', {
        cause: error,
      });
    }
  }

  async #words(reader: PcmReader, options: RecogniseOptions): Promise<TimedWord[]> {
    const words: TimedWord[] = [];
    let before = 0;
    let region: Region | undefined;
    // A region is recognised when the next one is known: it may not hear into its neighbour's speech.
    const recognised = async (of: Region, after: number): Promise<void> => {
      const found = await this.#recognise(reader, of, before, after);
      const frames = of.speech.reduce((total, { start, end }) => total + end - start, 0);
      options.onSpeech?.((frames * FRAME) / SAMPLE_RATE, found.length);
      words.push(...found);
    };
    for await (const next of this.#regions(reader, options)) {
      if (region !== undefined) await recognised(region, next.start * FRAME);
      before = region === undefined ? 0 : region.end * FRAME;
      region = next;
    }
    if (region !== undefined) await recognised(region, reader.samples);
    options.onProgress?.(reader.samples / SAMPLE_RATE);
    return words;
  }

  async *#regions(reader: PcmReader, options: RecogniseOptions): AsyncGenerator<Region> {
    const finder = new RegionFinder();
    let done = 0;
    for await (const frames of speechFrames(this.#detector, reader)) {
      for (const frame of frames) {
        for (const region of finder.push(frame)) {
          options.signal?.throwIfAborted();
          yield region;
        }
      }
      done += frames.length * FRAME;
      options.signal?.throwIfAborted();
      options.onProgress?.(Math.min(done, reader.samples) / SAMPLE_RATE);
    }
    yield* finder.finish();
  }

  /** `before` and `after` are the samples where the speech of the neighbours ends and begins. */
  async #recognise(reader: PcmReader, region: Region, before: number, after: number): Promise<TimedWord[]> {
    const piece = await hear(reader, region, before, after);
    return recognise(this.#network, this.#tokens, piece);
  }

  async close(): Promise<void> {
    await this.#network.close();
    await this.#detector.close();
  }
}

async function hear(reader: PcmReader, region: Region, before: number, after: number): Promise<Piece> {
  const start = region.start * FRAME;
  const end = Math.min(region.end * FRAME, reader.samples);
  const from = Math.max(before, start - BEFORE * SAMPLE_RATE);
  const to = Math.min(after, end + AFTER * SAMPLE_RATE);
  const asRead = await reader.read(from, to);
  const cut = cutEdges(asRead);
  // As the detector hears it: of 757 words 40 dB quieter, 18 were wrong as they were, and 15 raised.
  const gain = gainOf(levelsOf(asRead));
  const samples = raised(asRead, gain, gain);
  const edges = { start: cut.start && from === 0, end: cut.end && to === reader.samples };
  return {
    samples: padded(samples, edges),
    offset: from / SAMPLE_RATE - (edges.start ? PAD : 0),
    // Neighbours share the pause between them.
    bounds: {
      start: (before === 0 ? from : Math.max(from, (before + start) / 2)) / SAMPLE_RATE,
      end: Math.min(to, after === reader.samples ? to : (end + after) / 2) / SAMPLE_RATE,
    },
    speech: region.speech.map((stretch) => ({
      start: (stretch.start * FRAME) / SAMPLE_RATE - DETECTOR_SLACK,
      end: (stretch.end * FRAME) / SAMPLE_RATE + DETECTOR_SLACK,
    })),
  };
}
