// Refusals of what never comes as far as a route: no HTTP at all, or a body that does not come. The same body as every
// other error answer, written straight to the response or, where there is none, to the connection.
import { randomBytes } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ERRORS, HttpError, type HttpErrorCode } from '../errors.ts';
import { isOpenai, openaiRefusal } from './openai/refusal.ts';
import { problem } from './problem.ts';

export const newRequestId = (): string => `G-${randomBytes(4).toString('hex')}`;

/** As Node's parser names what it refuses; the rest is `request_invalid`. */
const REASONS: Readonly<Record<string, HttpErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_too_slow',
};

/** Nothing of an answer has been written yet. */
export function refuseSlow(request: IncomingMessage, response: ServerResponse): void {
  const { status, headers, body } = refusal(new HttpError('request_too_slow'), request.url ?? '');
  response.writeHead(status, headers).end(body);
}

/** What an error of Node's HTTP parser is answered with. */
export function refuseMalformed(error: Error & { code?: string }, socket: Socket): void {
  const code = REASONS[error.code ?? ''] ?? 'request_invalid';
  const sentences = code === 'request_invalid' ? [`request is malformed: ${error.message}`] : [];
  const { status, headers, body } = refusal(new HttpError(code, { sentences }), '');
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
}

function refusal(error: HttpError, url: string) {
  const { status, body: shown } = isOpenai(url)
    ? openaiRefusal(error)
    : { status: ERRORS[error.code].status, body: problem(error, { url, id: newRequestId() }, new Date()) };
  const body = JSON.stringify(shown);
  const headers = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'access-control-allow-origin': '*',
    connection: 'close',
  };
  return { status, headers, body };
}
