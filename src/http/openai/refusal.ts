// Refusals as OpenAI words them: `{error: {message, type, param, code}}`. Its clients show `message`, and choose by the status
// and by some of the codes. Pure.
import { ERRORS, type HttpError, type HttpErrorCode, JOB_ERRORS } from '../../errors.ts';
import { bounded } from '../clip.ts';
import type { OpenaiProblem } from '../schemas/openai-problem.ts';

export type Refusal = { status: number; body: OpenaiProblem; retry: boolean };

/** Codes that its clients compare; all others are ours. */
const CODES: Partial<Record<HttpErrorCode, string>> = {
  key_missing: 'invalid_api_key',
  key_unknown: 'invalid_api_key',
  model_unknown: 'model_not_found',
  request_invalid: 'invalid_value',
  requests_too_many: 'rate_limit_exceeded',
  route_unknown: 'unknown_url',
};

/** Sentences that name something of the other shape there. */
const SAYS: Partial<Record<HttpErrorCode, string>> = {
  key_missing: 'No API key came with this request: send it as "Authorization: Bearer KEY".',
  key_unknown:
    'This API key is not known here, or was revoked: send one of this server as "Authorization: Bearer KEY".',
  language_unsupported:
    'The model of this server does not speak this language: leave language out, or send one that it speaks.',
  internal_error:
    'Something failed inside Ringback; its log tells more under the x-request-id of this answer.',
};

/** What may be otherwise at the next try. A job has been tried again before it fails, and its client would only make another. */
const RETRIED: readonly number[] = [408, 429, 500, 503, 507];

/** Whose clients expect this shape. */
export const isOpenai = (url: string): boolean => /^\/v1(?:\/|$)/.test(url);

export function openaiRefusal(error: HttpError): Refusal {
  const { code } = error;
  const status = statusOf(code);
  const sentences = bounded(error.sentences);
  return {
    status,
    body: {
      error: {
        message: SAYS[code] ?? (sentences.length > 0 ? sentences.join('; ') : error.message),
        type: status === 429 ? 'requests' : status >= 500 ? 'server_error' : 'invalid_request_error',
        param: paramOf(error),
        code: CODES[code] ?? code,
      },
    },
    retry: RETRIED.includes(status) && !Object.hasOwn(JOB_ERRORS, code),
  };
}

/** For the OpenAPI document, too. */
export function statusOf(code: HttpErrorCode): number {
  const { status } = ERRORS[code];
  // A file or a language that cannot be used is a bad request there.
  return Object.hasOwn(JOB_ERRORS, code) && (status === 415 || status === 422) ? 400 : status;
}

const FROM_URL: ReadonlySet<string> = new Set([
  'audio_unreachable',
  'audio_http_error',
  'audio_blocked_address',
]);

/** The field with which the first sentence begins. */
function paramOf({ code, sentences: [first = ''] }: HttpError): string | null {
  if (code === 'model_unknown') return 'model';
  if (code === 'language_unsupported') return 'language';
  if (FROM_URL.has(code)) return 'url';
  if (code.startsWith('audio_') && code !== 'audio_unknown') return 'file';
  const [, field] = /^([\w.]+) (?:must|is|needs|cannot|has)\b/.exec(first) ?? [];
  return field === undefined || field === 'request' || field === 'body' ? null : field;
}
