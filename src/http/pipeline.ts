// One request of a connection at a time. A client may write its next requests before it has read the answers ("HTTP
// pipelining"), and Node makes a request of each of them at once: one read of 64 kB holds 1,600, and nobody need read an
// answer. Here what was read is cut where a request ends, the next one is parsed when the answer before it is written, and
// as long as something waits, the connection is not read from. So what is no request at all, or asks for another protocol,
// comes after the answers that were owed before it.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { isUnread, mayBeLarge } from './patience.ts';

/** Of a request's first line and headers, up to their end. */
const PIECE = 2_048;
/** Of the body of a request that is being handled: so that uploads are not chopped. */
const BODY_PIECE = 16_384;

const NOTHING = Buffer.alloc(0);
const HEADERS_END = '\r\n\r\n';

type Exchange = [request: IncomingMessage, response: ServerResponse];

type Line = {
  /** Being answered; null: nothing is. */
  current: IncomingMessage | null;
  /** Parsed, and waiting for its turn: what came in one piece with the end of a body in chunks. */
  waiting: Exchange[];
  /** Read, and not parsed yet. */
  rest: Buffer | null;
  /** Bytes of a body that are still to come, where its headers said how many. */
  left: number;
  /** The last bytes of headers that have begun and not ended: their end may be cut anywhere. */
  begun: Buffer;
  /** Done when nothing is owed any more. */
  last: (() => void) | null;
  /** Node's own listener to what was read. */
  parse: (piece: Buffer) => void;
};

export class Pipeline {
  readonly #handle: RequestListener;
  readonly #lines = new WeakMap<Socket, Line>();

  constructor(handle: RequestListener) {
    this.#handle = handle;
  }

  /** A new connection, to which Node listens already. */
  connect(socket: Socket): void {
    const [listener] = socket.listeners('data');
    if (listener === undefined) throw new Error('Node does not listen to a new connection');
    const parse = listener.bind(socket) as Line['parse'];
    const line: Line = {
      current: null,
      waiting: [],
      rest: null,
      left: 0,
      begun: NOTHING,
      last: null,
      parse,
    };
    this.#lines.set(socket, line);
    socket.off('data', listener as Line['parse']);
    socket.on('data', (chunk: Buffer) => this.#parse(socket, line, chunk));
    // By us, or by Node when a slow answer was taken at last.
    socket.on('resume', () => {
      const { rest } = line;
      line.rest = null;
      if (rest) this.#parse(socket, line, rest);
    });
  }

  /** Nothing that comes on this connection is a request any more. */
  disconnect(socket: Socket): void {
    this.#lines.delete(socket);
  }

  /** The same, and `last` is done when all that was asked for before is answered. */
  finish(socket: Socket, last: () => void): void {
    const line = this.#lines.get(socket);
    this.#lines.delete(socket);
    if (!line || line.current === null) last();
    else {
      line.waiting = line.waiting.filter(([request]) => !isUnread(request));
      line.last = last;
    }
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    const line = this.#lines.get(request.socket);
    if (!line || request.socket.destroyed) return;
    if (line.current === null) {
      const { headers } = request;
      line.left = headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : 0;
      this.#begin(line, [request, response]);
    } else line.waiting.push([request, response]);
  }

  #parse(socket: Socket, line: Line, chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (socket.destroyed || this.#lines.get(socket) !== line) return;
      if (isBusy(line) || socket.isPaused()) {
        line.rest = chunk.subarray(at);
        socket.pause();
        return;
      }
      const piece = chunk.subarray(at, at + sizeOfNext(line, chunk, at));
      at += piece.length;
      line.parse(piece);
    }
  }

  #begin(line: Line, [request, response]: Exchange): void {
    line.current = request;
    // Emitted when all of it is written, and when the connection is gone.
    response.once('close', () => this.#next(request.socket, line));
    // Whoever reads the body resumes it.
    if (mayBeLarge(request.headers)) request.socket.pause();
    this.#handle(request, response);
  }

  #next(socket: Socket, line: Line): void {
    const exchange = socket.destroyed ? undefined : line.waiting.shift();
    if (exchange === undefined) {
      line.current = null;
      setImmediate(() => {
        if (line.last) line.last();
        else if (socket.isPaused()) socket.resume();
      });
      return;
    }
    // After everybody else's turn: one connection's 5,000 cheap answers in a row would hold up all others for seconds.
    setImmediate(() => {
      if (socket.destroyed) return;
      this.#begin(line, exchange);
      if (line.waiting.length === 0 && !mayBeLarge(exchange[0].headers)) socket.resume();
    });
  }
}

/** Whether an answer comes before what was read next. */
function isBusy({ current, waiting }: Line): boolean {
  return waiting.length > 0 || (current !== null && !isUnread(current));
}

/** How much of the chunk is parsed next: no more than belongs to one request, where that can be told. */
function sizeOfNext(line: Line, chunk: Buffer, at: number): number {
  if (line.left > 0) {
    const size = Math.min(line.left, BODY_PIECE, chunk.length - at);
    line.left -= size;
    return size;
  }
  return line.current === null ? sizeOfHeaders(line, chunk.subarray(at, at + PIECE)) : BODY_PIECE;
}

function sizeOfHeaders(line: Line, next: Buffer): number {
  const { begun } = line;
  const seen = begun.length === 0 ? next : Buffer.concat([begun, next]);
  // Empty lines before a request belong to it.
  let from = 0;
  if (begun.length === 0) while (seen[from] === 0x0d || seen[from] === 0x0a) from++;
  const end = seen.indexOf(HEADERS_END, from);
  const isOpen = end === -1 && from < seen.length;
  line.begun = isOpen ? Buffer.from(seen.subarray(-(HEADERS_END.length - 1))) : NOTHING;
  return end === -1 ? next.length : end + HEADERS_END.length - begun.length;
}
