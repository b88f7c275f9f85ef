// Ten kinds of receivers on real sockets of loopback, as an operator meets them: each has an address of its own, since
// one that does not answer slows down its host.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Kind = {
  name: string;
  /** Of the customer who has it. */
  customer: string;
  path: string;
  /** How many of a hundred callbacks go there. */
  share: number;
  answer: (response: ServerResponse) => void;
};

const say =
  (status: number, body: string, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(body);

/** Nobody listens on its port. */
export const CLOSED = 'closed';

export const KINDS: readonly Kind[] = [
  {
    name: 'fast',
    customer: 'acme',
    path: '/shop/hooks/stt',
    share: 38,
    answer: say(200, '{"ok":true}'),
  },
  {
    name: 'slow',
    customer: 'northwind',
    path: '/crm/v2/transcripts',
    share: 20,
    answer: (response) => setTimeout(() => say(202, 'queued')(response), 350 + 500 * Math.random()),
  },
  {
    name: 'flaky',
    customer: 'globex',
    path: '/callcenter/events',
    share: 16,
    answer: (response) => (Math.random() < 0.2 ? say(503, 'warming up') : say(204, ''))(response),
  },
  {
    name: 'broken',
    customer: 'initech',
    path: '/api/webhooks',
    share: 6,
    answer: say(500, '{"error":"NullPointerException at HookController.java:117"}'),
  },
  {
    name: 'unauthorized',
    customer: 'umbrella',
    path: '/ingest',
    share: 4,
    answer: say(401, '{"message":"signature mismatch"}', { 'www-authenticate': 'Bearer' }),
  },
  {
    name: 'moved',
    customer: 'hooli',
    path: '/old/hooks',
    share: 4,
    answer: say(302, '', { location: 'https://hooks.hooli.example/new' }),
  },
  { name: 'gone', customer: 'stark', path: '/legacy', share: 3, answer: say(410, 'no longer here') },
  {
    name: 'busy',
    customer: 'wayne',
    path: '/queue/in',
    share: 3,
    answer: say(429, 'slow down', { 'retry-after': '1800' }),
  },
  {
    name: 'hung up',
    customer: 'wonka',
    path: '/notify',
    share: 3,
    answer: (response) => response.socket?.resetAndDestroy(),
  },
  { name: CLOSED, customer: 'cyberdyne', path: '/hooks', share: 3, answer: () => {} },
];

export type Receivers = { urlOf: (kind: Kind) => string; close: () => Promise<void> };

export async function startReceivers(): Promise<Receivers> {
  const urls = new Map<Kind, string>();
  const servers = await Promise.all(
    KINDS.map(async (kind, index) => {
      const server = createServer((request, response) => {
        request.resume();
        request.on('end', () => kind.answer(response));
      });
      const host = `127.0.0.${index + 10}`;
      await new Promise<void>((resolve) => server.listen(0, host, resolve));
      const { port } = server.address() as AddressInfo;
      urls.set(kind, `http://${host}:${port}${kind.path}`);
      if (kind.name === CLOSED) server.close();
      return server;
    }),
  );
  return {
    urlOf: (kind) => urls.get(kind) ?? '',
    async close() {
      for (const server of servers) server.closeAllConnections();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}
