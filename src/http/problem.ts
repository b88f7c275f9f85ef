// Every error answer: the hosted API's body, plus `error` with the reason as a word. Unknown failures are
// "internal" outside, and whole in the log.
import { ERRORS, HttpError, JobError } from '../errors.ts';
import type { Problem } from './schemas/problem.ts';

export function problem(error: HttpError, request: { url: string; id: string }, now: Date): Problem {
  const { status, integer } = ERRORS[error.code];
  return {
    timestamp: now.toISOString(),
    path: request.url.split('?', 1)[0] as string,
    request_id: request.id,
    statusCode: status,
    message: error.message,
    ...(error.code === 'request_invalid' && { validation_errors: [...error.sentences] }),
    error: {
      code: integer,
      reason: error.code,
      message: error.sentences.length > 0 ? error.sentences.join('; ') : error.message,
    },
  };
}

/** The refusal a thrown value stands for; undefined for what is our own fault. */
export function asRefusal(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error;
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
    return new HttpError('request_invalid', { sentences: [`request is malformed: ${message}`] });
  return undefined;
}
