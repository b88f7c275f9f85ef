// How long a connection may keep us waiting: for the rest of a request, for taking an answer, for going away. Each open
// connection costs a file descriptor and memory, and a caller who does nothing must not hold them for ever.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export type Patience = {
  /** For a request's first line and headers. */
  headersMs: number;
  /** In each such time of a body, at least `bodyRate` bytes a second come, or the rest of it. */
  bodyMs: number;
  bodyRate: number;
  /** A reader takes something of an answer within it. */
  answerMs: number;
  /** Who takes longer over answers without a pause may have to make room for others (connections.ts). */
  servedMs: number;
  /** After a refusal, the rest of a body is read and thrown away: for so long, and so many bytes. */
  lingerMs: number;
  lingerBytes: number;
  /** When the server closes, requests under way may end within it; then their connections are cut. */
  closeMs: number;
};

export const USUAL_PATIENCE: Patience = {
  headersMs: 60_000,
  bodyMs: 30_000,
  bodyRate: 1_000,
  answerMs: 60_000,
  servedMs: 20_000,
  lingerMs: 10_000,
  lingerBytes: 64_000_000,
  closeMs: 3_000,
};

export function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Bodies up to this size are read wherever they come from. */
const SMALL_BODY = 64_000;

/** Of what comes in chunks, nobody has said. */
export function mayBeLarge(headers: IncomingHttpHeaders): boolean {
  return hasBody(headers) && !(Number(headers['content-length']) <= SMALL_BODY);
}

/** Whether some of its body is still to come. */
export function isUnread(request: IncomingMessage): boolean {
  return !request.complete && hasBody(request.headers);
}

/** Calls `tooSlow` once, when less of the body came within `bodyMs` than has to. */
export function watchBody(
  request: IncomingMessage,
  response: ServerResponse,
  { bodyMs, bodyRate }: Patience,
  tooSlow: () => void,
): void {
  if (!isUnread(request)) return;
  const { socket } = request;
  let before = socket.bytesRead;
  const timer = setInterval(() => {
    if (request.complete) return stop();
    const { bytesRead } = socket;
    const came = bytesRead - before;
    before = bytesRead;
    // What lies here unread is waiting for us, for a slow disk for instance, and nothing can come while we do not read.
    if (request.readableLength > 0 || socket.isPaused() || came >= (bodyRate * bodyMs) / 1_000) return;
    stop();
    tooSlow();
  }, bodyMs);
  // From when we read again.
  const restart = () => {
    before = socket.bytesRead;
    timer.refresh();
  };
  socket.on('resume', restart);
  const stop = () => {
    clearInterval(timer);
    socket.off('resume', restart);
    response.off('close', stop);
  };
  request.once('end', stop);
  response.once('close', stop);
}

/** How often a connection that lingers is looked at. */
const LOOK_MS = 50;

/**
 * Ends a connection whose client may still be sending. Closed at once, the system would answer what arrives with a reset,
 * which makes the client's side forget an answer that it has not read yet. So: no more is written, what comes is thrown
 * away, and the client closes when it has read the answer.
 */
export function linger(socket: Socket, { lingerMs, lingerBytes }: Patience): void {
  if (socket.destroyed) return;
  socket.end();
  const from = { bytes: socket.bytesRead, at: performance.now() };
  const timer = setInterval(() => {
    const over = performance.now() - from.at > lingerMs || socket.bytesRead - from.bytes > lingerBytes;
    if (over) socket.destroy();
  }, LOOK_MS);
  socket.once('close', () => clearInterval(timer));
}
