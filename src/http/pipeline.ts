// One request of a connection at a time. A client may write its next requests before it has read the answers ("HTTP
// pipelining"), and Node makes a request of each of them at once: one read of 64 kB holds 1,600, and nobody need read an
// answer. Here what was read is parsed piece by piece, the next request is handled when the answer before it is written,
// and as long as one waits, the connection is not read from.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { isUnread } from './patience.ts';

/** Holds some 50 of the shortest requests. */
const PIECE = 2_048;
/** Of the body of a request that is being handled: so that uploads are not chopped. */
const BODY_PIECE = 16_384;

type Exchange = [request: IncomingMessage, response: ServerResponse];

type Line = {
  /** Being answered; null: nothing is. */
  current: IncomingMessage | null;
  /** Parsed, and waiting for its turn. */
  waiting: Exchange[];
  /** Read, and not parsed yet. */
  rest: Buffer | null;
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
    const line: Line = { current: null, waiting: [], rest: null, parse };
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

  take(request: IncomingMessage, response: ServerResponse): void {
    const line = this.#lines.get(request.socket);
    if (!line || request.socket.destroyed) return;
    if (line.current === null) this.#begin(line, [request, response]);
    else line.waiting.push([request, response]);
  }

  #parse(socket: Socket, line: Line, chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (socket.destroyed || this.#lines.get(socket) !== line) return;
      if (line.waiting.length > 0 || socket.isPaused()) {
        line.rest = chunk.subarray(at);
        socket.pause();
        return;
      }
      const size = line.current !== null && isUnread(line.current) ? BODY_PIECE : PIECE;
      const piece = chunk.subarray(at, at + size);
      at += piece.length;
      line.parse(piece);
    }
  }

  #begin(line: Line, [request, response]: Exchange): void {
    line.current = request;
    // Emitted when all of it is written, and when the connection is gone.
    response.once('close', () => this.#next(request.socket, line));
    this.#handle(request, response);
  }

  #next(socket: Socket, line: Line): void {
    const exchange = socket.destroyed ? undefined : line.waiting.shift();
    if (exchange === undefined) {
      line.current = null;
      return;
    }
    // After everybody else's turn: one connection's 5,000 cheap answers in a row would hold up all others for seconds.
    setImmediate(() => {
      if (socket.destroyed) return;
      this.#begin(line, exchange);
      if (line.waiting.length === 0) socket.resume();
    });
  }
}
