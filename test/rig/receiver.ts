// A scriptable HTTP receiver on port 0 of loopback: the far end of every test that calls out. It records each request
// with its raw body, answers as told, and lets a test wait for requests instead of sleeping. Must never decide what a
// test expects.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';

export type ReceivedRequest = {
  method: string;
  /** Path and query exactly as they arrived. */
  path: string;
  headers: Record<string, string>;
  body: Buffer;
};

/** A fixed answer; anything not given is empty, `status` is 200. */
export type Answer = {
  status?: number;
  headers?: Record<string, string | string[]>;
  body?: string | Uint8Array;
};

/** A fixed answer, or a function that gives one, or that writes to `response` itself and returns nothing. */
export type Respond =
  | Answer
  | ((
      request: ReceivedRequest,
      response: ServerResponse,
      raw: IncomingMessage,
    ) => Answer | undefined | Promise<Answer | undefined>);

export type ReceiverOptions = {
  respond?: Respond;
  /** PEM key and certificate: the receiver then speaks https. */
  tls?: { key: string; cert: string };
  /** Loopback by default. */
  host?: string;
};

export type Receiver = {
  /** Without a trailing slash. */
  url: string;
  port: number;
  /** Every request so far, in order of arrival of the complete body. */
  requests: ReceivedRequest[];
  /** Connections accepted so far. */
  readonly connections: number;
  /** The next `count` requests not handed out by an earlier `next`; waits until they are there. */
  next(count?: number): Promise<ReceivedRequest[]>;
  setResponse(respond: Respond): void;
  /** Cuts every connection and stops listening. */
  close(): Promise<void>;
};

export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  let respond: Respond = options.respond ?? {};
  const requests: ReceivedRequest[] = [];
  let taken = 0;
  let waiting: { upTo: number; from: number; resolve: (requests: ReceivedRequest[]) => void }[] = [];
  let connections = 0;

  const serve = async (raw: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of raw) chunks.push(chunk as Buffer);
    const received: ReceivedRequest = {
      method: raw.method ?? '',
      path: raw.url ?? '',
      headers: raw.headers as Record<string, string>,
      body: Buffer.concat(chunks),
    };
    requests.push(received);
    waiting = waiting.filter((waiter) => {
      if (requests.length < waiter.upTo) return true;
      waiter.resolve(requests.slice(waiter.from, waiter.upTo));
      return false;
    });
    const answer = typeof respond === 'function' ? await respond(received, response, raw) : respond;
    if (!answer) return;
    response.writeHead(answer.status ?? 200, answer.headers);
    response.end(answer.body);
  };
  // A request cut off in mid-body is what several tests are about: nothing to answer, nothing to report.
  const handler = (raw: IncomingMessage, response: ServerResponse) => {
    serve(raw, response).catch(() => response.destroy());
  };

  const server = options.tls ? createTlsServer(options.tls, handler) : createServer(handler);
  const port = await listen(server, options.host ?? '127.0.0.1');
  server.on('connection', () => {
    connections += 1;
  });
  const host = options.host ?? '127.0.0.1';
  return {
    url: `${options.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    requests,
    get connections() {
      return connections;
    },
    next(count = 1) {
      const from = taken;
      taken += count;
      if (requests.length >= taken) return Promise.resolve(requests.slice(from, taken));
      return new Promise((resolve) => {
        waiting.push({ from, upTo: from + count, resolve });
      });
    },
    setResponse(next) {
      respond = next;
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

export type SocketServer = {
  url: string;
  port: number;
  /** Connections accepted so far. */
  readonly connections: number;
  close(): Promise<void>;
};

/** A bare TCP server for what no HTTP server would say: `onSocket` gets each connection and does as it likes. */
export async function startSocketServer(onSocket: (socket: Socket) => void): Promise<SocketServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createTcpServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // The sender is expected to cut the line on most of these.
    socket.on('error', () => {});
    onSocket(socket);
  });
  const port = await listen(server, '127.0.0.1');
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    get connections() {
      return connections;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

function listen(server: Server, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
