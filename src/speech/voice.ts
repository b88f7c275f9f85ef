// Tells speech from the rest, frame by frame, with Silero VAD v5 (https://github.com/snakers4/silero-vad).

import { STATE } from './graphs/voice-graph.ts';
import { InferenceSession, Tensor } from './onnxruntime.ts';

/** Samples in a frame (32 ms): what the model is trained on at 16 kHz. */
export const FRAME = 512;
/** Each frame is seen with the end of the one before it, as in Silero's own wrapper, and with its own end mirrored. */
const CONTEXT = 64;
const MIRRORED = 64;
const ROW = CONTEXT + FRAME + MIRRORED;

/** One frame: the probability that it holds speech, and its loudness in dB below full scale. */
export type Frame = { speech: number; level: number };

/** What the detector knows of what came before. */
export type Memory = { h: Tensor; c: Tensor; context: Float32Array };

const nothing = (): Tensor => new Tensor('float32', new Float32Array(STATE), [1, 1, STATE]);
/** Of the beginning of a piece of audio. */
export const fresh = (): Memory => ({ h: nothing(), c: nothing(), context: new Float32Array(CONTEXT) });

export class VoiceDetector {
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  /** `path` is that of the graph of graphs/voice-graph.ts. */
  static async load(path: string): Promise<VoiceDetector> {
    // A frame is too little work to share between threads.
    return new VoiceDetector(
      await InferenceSession.create(path, { intraOpNumThreads: 1, interOpNumThreads: 1 }),
    );
  }

  /** The probability of speech in each of the consecutive frames of `samples`, of which there is a whole number. */
  async hear(samples: Float32Array, memory: Memory): Promise<{ speech: Float32Array; memory: Memory }> {
    const frames = samples.length / FRAME;
    const { speech, next_h, next_c } = await this.#session.run({
      frames: new Tensor('float32', rowsOf(samples, memory.context), [frames, ROW]),
      h: memory.h,
      c: memory.c,
    });
    if (speech === undefined || next_h === undefined || next_c === undefined)
      throw new Error('the voice detector has no output');
    return {
      speech: speech.data as Float32Array,
      memory: { h: next_h as Tensor, c: next_c as Tensor, context: samples.slice(-CONTEXT) },
    };
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

function rowsOf(samples: Float32Array, context: Float32Array): Float32Array {
  const frames = samples.length / FRAME;
  const rows = new Float32Array(frames * ROW);
  for (let frame = 0; frame < frames; frame++) {
    const from = frame * FRAME;
    const at = frame * ROW;
    rows.set(frame === 0 ? context : samples.subarray(from - CONTEXT, from), at);
    rows.set(samples.subarray(from, from + FRAME), at + CONTEXT);
    const end = at + CONTEXT + FRAME;
    for (let i = 0; i < MIRRORED; i++) rows[end + i] = rows[end - 2 - i] as number;
  }
  return rows;
}
