// Inboxes: receivers of the server itself, what comes to them, and answering it.
import type {
  ForwardedAnswer,
  Inbox,
  InboxChange,
  InboxRequest,
  InboxRequestFields,
} from '../http/schemas/inbox.ts';
import { type CallOptions, type Connection, pages, TRANSFER_MS } from './connection.ts';
import { readEvents } from './event-source.ts';

export type InboxEvent =
  | { event: 'request'; data: InboxRequest }
  /** The inbox was deleted. */
  | { event: 'gone'; data: Record<string, never> };

export type InboxStreamOptions = {
  /** Requests wait for the answers that you give. */
  forward?: boolean;
  /** Number of the last request seen: goes on after it. Without it, from now on. */
  after?: number;
  signal?: AbortSignal;
  /** Hears that the stream is open. */
  onOpen?: () => void;
  /** Hears whatever comes: the server says something every 5 s, so that silence is told from a lost connection. */
  onAlive?: () => void;
};

export function inboxesOf(connection: Connection) {
  const at = (id: string) => `/api/inboxes/${encodeURIComponent(id)}`;
  return {
    create: (inbox: InboxRequestFields, call: CallOptions = {}) =>
      connection.json<Inbox>('POST', '/api/inboxes', { ...call, json: inbox }),
    /** Newest first, page after page; `limit` is the size of a page. */
    list: (query: { limit?: number } = {}, call: CallOptions = {}) =>
      pages<Inbox>(connection, '/api/inboxes', { ...call, query }),
    get: (id: string, call: CallOptions = {}) => connection.json<Inbox>('GET', at(id), call),
    update: (id: string, change: InboxChange, call: CallOptions = {}) =>
      connection.json<Inbox>('PATCH', at(id), { ...call, json: change }),
    delete: (id: string, call: CallOptions = {}) =>
      connection.json<void>('DELETE', at(id), { ...call, has: null }),
    /** What came, newest first, page after page. */
    requests: (id: string, query: { limit?: number } = {}, call: CallOptions = {}) =>
      pages<InboxRequest>(connection, `${at(id)}/requests`, { ...call, query }),
    /** The body of a request, byte for byte. */
    body: (id: string, number: number, call: CallOptions = {}) =>
      connection.stream(`${at(id)}/requests/${number}/body`, { timeoutMs: TRANSFER_MS, ...call }),
    /** Throws `inbox_request_over` when nobody waits for it any more. */
    answer: (id: string, number: number, answer: ForwardedAnswer, call: CallOptions = {}) =>
      connection.json<void>('POST', `${at(id)}/requests/${number}/answer`, {
        ...call,
        json: answer,
        has: null,
      }),
    /** Ends when the server ends the stream, or with `signal`; it is not opened again by itself. */
    stream: (id: string, options: InboxStreamOptions = {}) => streamOf(connection, at(id), options),
  };
}

async function* streamOf(
  connection: Connection,
  at: string,
  { forward = false, after, signal, onOpen, onAlive }: InboxStreamOptions,
): AsyncGenerator<InboxEvent, void, void> {
  const stream = await connection.stream(`${at}/stream`, {
    timeoutMs: Number.POSITIVE_INFINITY,
    type: 'text/event-stream',
    query: { forward },
    ...(signal && { signal }),
    ...(after !== undefined && { headers: { 'last-event-id': String(after) } }),
  });
  onOpen?.();
  for await (const { event, data } of readEvents(stream, onAlive))
    yield { event, data: JSON.parse(data) } as InboxEvent;
}
