// The HTTP server in front of the routes: what a stranger may do with a connection before anybody asks for a key. Every
// connection and every request passes here.
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { Connections } from './connections.ts';
import { isUnread, linger, type Patience, USUAL_PATIENCE, watchBody } from './patience.ts';
import { Pipeline } from './pipeline.ts';
import { refuseMalformed, refuseSlow } from './raw-refusal.ts';

export type FrontLimits = {
  /** Callers connected at a time. */
  connections: number;
  patience?: Patience;
};

const KEEP_ALIVE_MS = 72_000;
/** In the time a request's headers may take, Node looks so many times whose time is over. */
const LOOKS = 10;

/** What a connection is busy with. */
type UnderWay = WeakMap<Socket, { request: IncomingMessage; response: ServerResponse }>;

export function createFront(handle: RequestListener, limits: FrontLimits): Server {
  const { patience = USUAL_PATIENCE } = limits;
  const connections = new Connections(limits.connections, patience.servedMs);
  const underWay: UnderWay = new WeakMap();
  const pipeline = new Pipeline((request, response) => {
    const { socket } = request;
    underWay.set(socket, { request, response });
    connections.busy(socket);
    response.once('close', () => {
      underWay.delete(socket);
      connections.idle(socket);
    });
    watchBody(request, response, patience, () => {
      if (response.headersSent) socket.destroy();
      else refuseSlow(request, response);
    });
    // Where a body in chunks ends is known to Node alone, which then throws away what comes after it.
    if (request.headers.upgrade !== undefined && request.headers['transfer-encoding'] !== undefined)
      response.shouldKeepAlive = false;
    if (isExpectingMore(request)) response.writeHead(417, { connection: 'close', 'content-length': 0 }).end();
    else handle(request, response);
  });
  const server = createServer(
    {
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: patience.headersMs,
      // A whole request may take long: its body is asked for progress instead.
      requestTimeout: 0,
      connectionsCheckingInterval: patience.headersMs / LOOKS,
    },
    (request, response) => pipeline.take(request, response),
  );
  // Node would answer by itself, before those who came first, and wait for the body.
  server.on('checkExpectation', (request, response) => pipeline.take(request, response));
  server.on('connection', (socket) => {
    lingerWhenUnread(socket, underWay, patience);
    pipeline.connect(socket);
    connections.admit(socket);
  });
  // Emitted when nothing was read and nothing written for so long.
  server.setTimeout(patience.answerMs, (socket) => {
    const idle = !underWay.has(socket);
    // Otherwise it is waiting for us.
    if (idle || socket.writableLength > 0) socket.destroy();
  });
  server.on('clientError', (error, socket) =>
    answerMalformed(error, socket as Socket, pipeline, underWay, patience),
  );
  // We are no proxy. Node has given up the connection to whoever listens: us.
  server.on('connect', (_request, socket) => {
    pipeline.disconnect(socket as Socket);
    socket.on('error', () => socket.destroy());
    socket.end('HTTP/1.1 405 Method Not Allowed\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    (socket as Socket).destroySoon();
  });
  return server;
}

/** Node closes a connection by `destroySoon` when its last answer is written, whatever is still coming. */
function lingerWhenUnread(socket: Socket, underWay: UnderWay, patience: Patience): void {
  const destroySoon = socket.destroySoon.bind(socket);
  socket.destroySoon = () => {
    const busy = underWay.get(socket);
    if (busy && isUnread(busy.request)) linger(socket, patience);
    else destroySoon();
  };
}

/** `Expect` knows one word, which Node keeps by itself. */
function isExpectingMore({ headers: { expect } }: IncomingMessage): boolean {
  return expect !== undefined && !/(?:^|\W)100-continue(?:$|\W)/i.test(expect);
}

function answerMalformed(
  error: Error,
  socket: Socket,
  pipeline: Pipeline,
  underWay: UnderWay,
  patience: Patience,
): void {
  // Of what comes after a refusal, nothing can be understood.
  if (socket.destroyed || socket.writableEnded) return;
  const busy = underWay.get(socket);
  if (socket.writable && busy && !isUnread(busy.request))
    pipeline.finish(socket, () => answerMalformed(error, socket, pipeline, underWay, patience));
  else if (!socket.writable || busy?.response.headersSent) socket.destroy();
  else {
    refuseMalformed(error, socket);
    linger(socket, patience);
  }
}
