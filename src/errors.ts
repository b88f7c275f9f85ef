// The closed table of everything that can go wrong and be told to somebody. One row: the string code, the HTTP
// status when it answers a request, the integer code of the hosted API's callbacks, and its sentence.
// docs/errors.md is tested against this table both ways.

type Row = { readonly status: number; readonly integer: number; readonly says: string };

/** Why a job ended in `error`. `status` is unused for these: they happen after the 201. */
export const JOB_ERRORS = {
  audio_unreachable: { status: 400, integer: 400, says: 'The audio host could not be reached.' },
  audio_http_error: { status: 400, integer: 400, says: 'The audio host answered with an error.' },
  audio_blocked_address: { status: 400, integer: 403, says: 'The address of the audio is not allowed.' },
  audio_too_large: { status: 413, integer: 413, says: 'The audio has more bytes than allowed.' },
  audio_too_long: { status: 413, integer: 413, says: 'The audio lasts longer than allowed.' },
  audio_unsupported: {
    status: 415,
    integer: 415,
    says: 'The file is not a supported audio or video format.',
  },
  audio_corrupt: { status: 422, integer: 422, says: 'The file is damaged or cut short.' },
  audio_empty: { status: 422, integer: 422, says: 'The file is empty or holds no audio.' },
  language_unsupported: { status: 422, integer: 422, says: 'The model does not speak this language.' },
  engine_failed: { status: 500, integer: 500, says: 'The speech engine failed.' },
  engine_timeout: { status: 500, integer: 504, says: 'The speech engine took too long.' },
  internal: { status: 500, integer: 500, says: 'Something failed inside Ringback.' },
} as const satisfies Record<string, Row>;

export type JobErrorCode = keyof typeof JOB_ERRORS;

/** A job's failure with a sentence its owner can act on. Never carries internals: those go in `cause`. */
export class JobError extends Error {
  readonly code: JobErrorCode;
  constructor(code: JobErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'JobError';
    this.code = code;
  }
}
