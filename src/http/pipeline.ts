// One request of a connection at a time. A client may write its next requests before it has read the answers ("HTTP
// pipelining"), and Node starts a handler for each at once: 64 kB hold 1,600 of them, and nobody need read an answer.
// Here the next is handled when the answer before it has been written; meanwhile the connection is not read from.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

type Exchange = [request: IncomingMessage, response: ServerResponse];

/** Requests that wait behind the one being answered: of one connection, and of all. One takes some 2 kB. */
export type PipelineLimits = { ofConnection: number; ofAll: number };

export const USUAL_PIPELINE: PipelineLimits = { ofConnection: 256, ofAll: 10_000 };

export class Pipeline {
  readonly #limits: PipelineLimits;
  readonly #handle: RequestListener;
  /** Of connections with an answer under way: what waits behind it. */
  readonly #waiting = new Map<Socket, Exchange[]>();
  #inAll = 0;

  constructor(limits: PipelineLimits, handle: RequestListener) {
    this.#limits = limits;
    this.#handle = handle;
  }

  /** A connection with more requests in one burst than the limits allow is closed. */
  take(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    if (socket.destroyed) return;
    const waiting = this.#waiting.get(socket);
    if (waiting === undefined) {
      this.#waiting.set(socket, []);
      this.#begin(socket, [request, response]);
    } else if (waiting.length >= this.#limits.ofConnection || this.#inAll >= this.#limits.ofAll) {
      this.#forget(socket);
      socket.destroy();
    } else {
      waiting.push([request, response]);
      this.#inAll++;
      // The request before is here to its last byte, or this one would not have come.
      socket.pause();
    }
  }

  #begin(socket: Socket, [request, response]: Exchange): void {
    // Emitted when all of it is written, and when the connection is gone.
    response.once('close', () => this.#next(socket));
    this.#handle(request, response);
  }

  #next(socket: Socket): void {
    const waiting = this.#waiting.get(socket);
    const exchange = socket.destroyed ? undefined : waiting?.shift();
    if (waiting === undefined || exchange === undefined) {
      this.#forget(socket);
      return;
    }
    this.#inAll--;
    if (waiting.length === 0) socket.resume();
    this.#begin(socket, exchange);
  }

  #forget(socket: Socket): void {
    this.#inAll -= this.#waiting.get(socket)?.length ?? 0;
    this.#waiting.delete(socket);
  }
}
