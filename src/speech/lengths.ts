// How long uploads are, in processes of their own: with every worker busy for an hour, an upload must not wait. What the
// container tells exactly is read in two that never decode; only the rest is decoded, in places that no account can hold
// all of. Whoever leaves takes their file with them, also out of the queue.
import { FairPlaces } from '../fair-places.ts';
import { createSpeechPool, type Length, type SpeechPoolOptions } from './pool.ts';

/** Headers read at a time: one account gets one of them, however long its files take. */
const READING = 2;
/** Decoding for a length, at a time: one account gets two of them. A process each, of some 50 MB, once it is needed. */
const DECODING = 4;
/** For reading headers; a file that takes longer is measured by decoding it. */
const MEASURE_MS = 5_000;
/** For decoding: ten hours of MP3 take about two minutes. The usual client waits five. */
const DECODE_MS = 300_000;

export type LengthJob = { path: string; account: string; signal: AbortSignal };

export type Lengths = {
  /** Throws JobError, or the reason of the signal. */
  of(job: LengthJob): Promise<Length>;
  close(): Promise<void>;
};

export function createLengths(options: Omit<SpeechPoolOptions, 'size'>): Lengths {
  const readers = createSpeechPool({ ...options, size: READING });
  const decoders = createSpeechPool({ ...options, size: DECODING, decodeTimeoutMs: DECODE_MS });
  const reading = new FairPlaces(READING);
  const decoding = new FairPlaces(DECODING);
  return {
    async of({ path, account, signal }) {
      const read = () => readers.measure({ path, signal, timeoutMs: MEASURE_MS });
      const told = await reading.during(account, signal, read).catch((error: unknown) => {
        if ((error as { code?: unknown }).code === 'engine_timeout') return null;
        throw error;
      });
      return told ?? decoding.during(account, signal, () => decoders.probe({ path, account, signal }));
    },
    async close() {
      await Promise.all([readers.close(), decoders.close()]);
    },
  };
}
