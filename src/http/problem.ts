// Every error answer: the hosted API's body, plus `error` with the reason as a word. Unknown failures are
// "internal" outside, and whole in the log.
import { ERRORS, HttpError, type HttpErrorCode, JobError } from '../errors.ts';
import { type Shortage, shortageOf } from '../shortage.ts';
import { bounded, clipped, clippedPath } from './clip.ts';
import type { Problem } from './schemas/problem.ts';

export function problem(error: HttpError, request: { url: string; id: string }, now: Date): Problem {
  const { status, integer } = ERRORS[error.code];
  const sentences = bounded(error.sentences);
  return {
    timestamp: now.toISOString(),
    path: clippedPath(request.url),
    request_id: request.id,
    statusCode: status,
    message: error.message,
    ...(error.code === 'request_invalid' && { validation_errors: sentences }),
    error: {
      code: integer,
      reason: error.code,
      message: sentences.length > 0 ? sentences.join('; ') : error.message,
    },
  };
}

/** What a client is told of each shortage, and when to come again: a restart of PostgreSQL is over in seconds, a full disk is not. */
const SHORT: Readonly<Record<Shortage, readonly [code: HttpErrorCode, retryAfterSeconds: number]>> = {
  database: ['not_ready', 5],
  descriptors: ['overloaded', 5],
  memory: ['overloaded', 5],
  processes: ['overloaded', 5],
  network: ['overloaded', 5],
  disk: ['disk_full', 60],
};

/** The refusal a thrown value stands for; undefined for what is our own fault. */
export function asRefusal(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error;
  const shortage = shortageOf(error);
  if (shortage !== null) {
    const [reason, retryAfterSeconds] = SHORT[shortage];
    return new HttpError(reason, { cause: error, retryAfterSeconds });
  }
  if (error instanceof JobError)
    return new HttpError(error.code, { message: error.message, cause: error.cause });
  const { code, statusCode, message } = error as { code?: string; statusCode?: number; message?: string };
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new HttpError('request_too_large');
    case 'FST_REQ_FILE_TOO_LARGE':
      return new HttpError('request_too_large');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_INVALID_MULTIPART_CONTENT_TYPE':
      return new HttpError('media_type_unsupported');
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new HttpError('request_invalid', { sentences: ['body must be valid JSON'] });
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new HttpError('request_invalid', {
      sentences: [`request is malformed: ${clipped(message ?? '')}`],
    });
  return undefined;
}
