// Tells speech from the rest, frame by frame, with Silero VAD v5 (https://github.com/snakers4/silero-vad).

import { InferenceSession, Tensor } from './onnxruntime.ts';
import { SAMPLE_RATE } from './transcript.ts';

/** Samples in a frame (32 ms): what the model is trained on at 16 kHz. */
export const FRAME = 512;
/** Each frame is seen with the end of the one before it, as in Silero's own wrapper. */
const CONTEXT = 64;
const STATE = [2, 1, 128] as const;

/** One frame: the probability that it holds speech, and its loudness in dB below full scale. */
export type Frame = { speech: number; level: number };

export class VoiceDetector {
  readonly #session: InferenceSession;
  readonly #rate = new Tensor('int64', BigInt64Array.of(BigInt(SAMPLE_RATE)), []);

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  static async load(path: string): Promise<VoiceDetector> {
    // A frame is too little work to share between threads.
    return new VoiceDetector(
      await InferenceSession.create(path, { intraOpNumThreads: 1, interOpNumThreads: 1 }),
    );
  }

  /** A detector for one piece of audio: the probability of speech in consecutive frames of `FRAME` samples. */
  listen(): (samples: Float32Array) => Promise<number> {
    const input = new Float32Array(CONTEXT + FRAME);
    let state: Tensor = new Tensor('float32', new Float32Array(STATE[0] * STATE[1] * STATE[2]), STATE);
    return async (samples) => {
      input.copyWithin(0, FRAME);
      input.set(samples, CONTEXT);
      const out = await this.#session.run({
        input: new Tensor('float32', input, [1, input.length]),
        state,
        sr: this.#rate,
      });
      if (out.output === undefined || out.stateN === undefined)
        throw new Error('the voice detector has no output');
      state = out.stateN as Tensor;
      return Number(out.output.data[0]);
    };
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}
