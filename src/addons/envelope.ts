// The envelope in which the hosted API gives the result of every add-on: a typed client parses success and failure
// alike. Pure.

export type AddonError = { status_code: number; exception: string; message: string };

export type Envelope = {
  success: boolean;
  is_empty: boolean;
  /** Seconds. */
  exec_time: number;
  error: AddonError | null;
  results: unknown;
};

/** Why an add-on has no result, in a sentence for its caller. */
export class AddonFailure extends Error {
  readonly error: AddonError;
  constructor(status: number, exception: string, message: string, options?: { cause: unknown }) {
    super(message, options);
    this.name = 'AddonFailure';
    this.error = { status_code: status, exception, message };
  }
}

export function succeeded(results: unknown, seconds: number): Envelope {
  return { success: true, is_empty: isEmpty(results), exec_time: rounded(seconds), error: null, results };
}

/** No text, an empty list, an object of empty lists. */
function isEmpty(results: unknown): boolean {
  if (typeof results !== 'object' || results === null) return results === '';
  const parts = Object.values(results);
  return Array.isArray(results)
    ? parts.length === 0
    : parts.every((part) => Array.isArray(part) && part.length === 0);
}

/** Those whose results are a text or an object, an answer to one prompt of `audio_to_llm` among them. */
const NO_LIST = new Set(['summarization', 'moderation', 'structured_data_extraction', 'prompt']);

/** A list of nothing where the hosted API describes a list, and else null: strict clients read them so. */
export function failed(name: string, { error }: AddonFailure, seconds = 0): Envelope {
  const results = NO_LIST.has(name) ? null : [];
  return { success: false, is_empty: true, exec_time: rounded(seconds), error, results };
}

export function notSupported(name: string, what: string): Envelope {
  return failed(
    name,
    new AddonFailure(
      501,
      'NotImplemented',
      `This version of Ringback does not support ${what}: the transcription itself is complete.`,
    ),
  );
}

const rounded = (seconds: number) => Math.round(seconds * 1_000) / 1_000;
