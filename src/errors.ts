// The closed table of everything that can go wrong and be told to somebody. One row: the string code, the HTTP
// status when it answers a request, the integer code of the hosted API's callbacks, and its sentence.
// docs/errors.md is tested against this table both ways.

type Row = { readonly status: number; readonly integer: number; readonly says: string };

/** Why a job ended in `error`, or an upload was refused: only then `status` is sent. */
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
  cancelled: { status: 409, integer: 409, says: 'The transcription was cancelled on request.' },
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

/** Why a request is refused. `integer` is what `error.code` shows: clients type it as a number. */
export const HTTP_ERRORS = {
  request_invalid: {
    status: 400,
    integer: 400,
    says: 'Invalid parameter(s). See validation_errors for more details.',
  },
  key_missing: { status: 401, integer: 401, says: 'no gladia key provided' },
  key_unknown: { status: 401, integer: 401, says: 'gladia user not found' },
  job_unfinished: {
    status: 403,
    integer: 403,
    says: 'A transcription that is processing cannot be deleted: cancel it, or wait until its status is done or error.',
  },
  route_unknown: { status: 404, integer: 404, says: 'There is no such route.' },
  transcription_unknown: {
    status: 404,
    integer: 404,
    says: 'There is no such transcription, or it was deleted.',
  },
  audio_unknown: { status: 404, integer: 404, says: 'There is no such audio file, or it was removed.' },
  endpoint_unknown: { status: 404, integer: 404, says: 'There is no such endpoint.' },
  callback_unknown: { status: 404, integer: 404, says: 'There is no such callback.' },
  callback_in_flight: {
    status: 409,
    integer: 409,
    says: 'This callback is being sent at this moment: look at its attempts, then send it again if needed.',
  },
  callback_ended: {
    status: 409,
    integer: 409,
    says: 'This callback has ended (its state says how): there is nothing left to cancel.',
  },
  callback_body_gone: {
    status: 409,
    integer: 409,
    says: 'The transcription of this callback was deleted, and its body with it: there is nothing left to send.',
  },
  idempotency_key_reused: {
    status: 409,
    integer: 409,
    says: 'This Idempotency-Key came before with another body: send a new key with a new request, or the same body to get the first answer again.',
  },
  api_key_unknown: { status: 404, integer: 404, says: 'There is no such key in use.' },
  api_key_last: {
    status: 409,
    integer: 409,
    says: 'This is the last key of the account in use: create another one, change over to it, then revoke this one.',
  },
  api_key_configured: {
    status: 409,
    integer: 409,
    says: 'This key comes from RINGBACK_API_KEYS: take it out of there and restart, and it is refused.',
  },
  api_keys_too_many: {
    status: 409,
    integer: 409,
    says: 'This account has as many keys in use as it may: revoke one first.',
  },
  requests_too_many: {
    status: 429,
    integer: 429,
    says: 'Too many requests within a minute: wait as many seconds as Retry-After says.',
  },
  queue_full: {
    status: 429,
    integer: 429,
    says: 'As many transcriptions wait as this account may have: try again when some are done.',
  },
  uploads_too_many: {
    status: 429,
    integer: 429,
    says: 'As many uploads are under way as this account may have: try again when one is done.',
  },
  streams_too_many: {
    status: 429,
    integer: 429,
    says: 'As many event streams are open as this account may have: close one, or share one.',
  },
  replays_too_many: {
    status: 429,
    integer: 429,
    says: 'This account has 5 replays running, as many as it may: wait for one to end, or call one off.',
  },
  inbox_unknown: { status: 404, integer: 404, says: 'There is no such inbox.' },
  inboxes_off: {
    status: 404,
    integer: 404,
    says: 'Inboxes are turned off on this server: its operator can turn them on with RINGBACK_INBOXES=on.',
  },
  inbox_request_unknown: {
    status: 404,
    integer: 404,
    says: 'There is no such request in this inbox, or it is no longer kept: the last 100 are, for a day.',
  },
  inbox_request_over: {
    status: 409,
    integer: 409,
    says: 'Nobody waits for an answer to this request any more: it was answered, its sender left, or its time is over.',
  },
  inbox_name_taken: {
    status: 409,
    integer: 409,
    says: 'This account has an inbox of that name already: use it, or choose another name.',
  },
  inboxes_too_many: {
    status: 409,
    integer: 409,
    says: 'This account has 50 inboxes, as many as it may: delete one first.',
  },
  webhook_unknown: { status: 404, integer: 404, says: 'There is no such webhook.' },
  webhooks_too_many: {
    status: 409,
    integer: 409,
    says: 'This account has 20 webhooks, as many as it may: delete one first.',
  },
  inbox_busy: {
    status: 503,
    integer: 503,
    says: 'As many requests as may are under way in this inbox: try again, after as many seconds as Retry-After says.',
  },
  replay_unknown: { status: 404, integer: 404, says: 'There is no such replay, or its record has expired.' },
  request_too_slow: {
    status: 408,
    integer: 408,
    says: 'The request did not come: of its body, at least 1,000 bytes a second have to.',
  },
  model_unknown: {
    status: 404,
    integer: 404,
    says: 'There is no such speech model: GET /v1/models lists those that there are.',
  },
  translation_unsupported: {
    status: 400,
    integer: 400,
    says: 'This server transcribes and does not translate: POST /v1/audio/transcriptions gives the words in the language in which they are said.',
  },
  waiting_ended: {
    status: 503,
    integer: 503,
    says: 'This server stops, or as many requests wait as may: send the request again.',
  },
  headers_too_large: {
    status: 431,
    integer: 431,
    says: "The request's first line and headers have more than 16 KiB: put what is long into the body.",
  },
  request_too_large: { status: 413, integer: 413, says: 'The request has more bytes than allowed.' },
  media_type_unsupported: {
    status: 415,
    integer: 415,
    says: 'Send content-type application/json, or multipart/form-data where a file is uploaded.',
  },
  internal_error: {
    status: 500,
    integer: 500,
    says: 'Something failed inside Ringback; the log tells more under this request_id.',
  },
  not_ready: {
    status: 503,
    integer: 503,
    says: 'Ringback cannot reach its database at this moment: try again.',
  },
  overloaded: {
    status: 503,
    integer: 503,
    says: 'This server is short of file descriptors, memory, processes or network at this moment: try again, after as many seconds as Retry-After says.',
  },
  disk_full: {
    status: 507,
    integer: 507,
    says: 'This server has no disk space left at this moment; nothing of the request was kept. Try again, after as many seconds as Retry-After says.',
  },
} as const satisfies Record<string, Row>;

/** Every code there is. */
export const ERRORS = { ...JOB_ERRORS, ...HTTP_ERRORS } as const;

export type HttpErrorCode = keyof typeof ERRORS;

/** A refused request. `sentences` says what is wrong, one a field, each beginning with its dotted path. */
export class HttpError extends Error {
  readonly code: HttpErrorCode;
  readonly sentences: readonly string[];
  /** Sent as Retry-After. */
  readonly retryAfterSeconds: number | undefined;
  constructor(
    code: HttpErrorCode,
    options: {
      message?: string;
      sentences?: readonly string[];
      retryAfterSeconds?: number;
      cause?: unknown;
    } = {},
  ) {
    super(options.message ?? ERRORS[code].says, { cause: options.cause });
    this.name = 'HttpError';
    this.code = code;
    this.sentences = options.sentences ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}
