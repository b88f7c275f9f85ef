// Callbacks and replays: did they get it, sending again, and cancelling.
import type {
  Callback,
  CallbackQuery,
  CallbackWithAttempts,
  CancelledCallbacks,
  CancelRequest,
  ResendRequest,
  TestCallbackRequest,
} from '../http/schemas/callback.ts';
import type { Replay, ReplayPreview, ReplayRequest } from '../http/schemas/replay.ts';
import type { SentRequest } from '../http/schemas/sent-request.ts';
import { type CallOptions, type Connection, pages } from './connection.ts';

export function callbacksOf(connection: Connection) {
  const at = (id: string) => `/api/callbacks/${encodeURIComponent(id)}`;
  return {
    /** Newest first, without attempts; `limit` is the size of a page. */
    list: (query: CallbackQuery = {}, call: CallOptions = {}) =>
      pages<Callback>(connection, '/api/callbacks', { ...call, query }),
    /** With every attempt. */
    get: (id: string, call: CallOptions = {}) => connection.json<CallbackWithAttempts>('GET', at(id), call),
    /** The head of its request, as it was sent last. */
    request: (id: string, call: CallOptions = {}) =>
      connection.json<SentRequest>('GET', `${at(id)}/request`, { ...call, has: 'method' }),
    /** Its body byte for byte. */
    body: (id: string, call: CallOptions = {}) =>
      connection.stream(`${at(id)}/request/body`, { ...call, type: 'application/json' }),
    /** A sample callback, by the same engine as every other. */
    test: (request: TestCallbackRequest, call: CallOptions = {}) =>
      connection.json<CallbackWithAttempts>('POST', '/api/callbacks/test', { ...call, json: request }),
    /** Due now, with a full schedule and the same `webhook-id`; to `url`, if one is given, from now on. */
    resend: (id: string, { url, ...call }: CallOptions & ResendRequest = {}) =>
      connection.json<CallbackWithAttempts>('POST', `${at(id)}/resend`, {
        ...call,
        ...(url !== undefined && { json: { url } }),
      }),
    /** Cancelled; or `delivering` still, and nothing further is begun of it. */
    cancel: (id: string, call: CallOptions = {}) =>
      connection.json<CallbackWithAttempts>('POST', `${at(id)}/cancel`, call),
    /** All that fit and have not ended, however many: asks again until none is left. */
    async cancelMany(request: CancelRequest, call: CallOptions = {}): Promise<CancelledCallbacks> {
      const total = { cancelled: 0, in_flight: 0, done: false };
      while (!total.done) {
        const some = await connection.json<CancelledCallbacks>('POST', '/api/callbacks/cancel', {
          ...call,
          json: request,
          has: 'cancelled',
        });
        total.cancelled += some.cancelled;
        total.in_flight += some.in_flight;
        total.done = some.done;
      }
      return total;
    },
  };
}

export function replaysOf(connection: Connection) {
  const at = (id: string) => `/api/replays/${encodeURIComponent(id)}`;
  return {
    create: (request: ReplayRequest, call: CallOptions = {}) =>
      connection.json<Replay>('POST', '/api/replays', { ...call, json: request }),
    /** What it would send again; sends nothing. */
    preview: (request: ReplayRequest, call: CallOptions = {}) =>
      connection.json<ReplayPreview>('POST', '/api/replays/preview', {
        ...call,
        json: request,
        has: 'matched',
      }),
    get: (id: string, call: CallOptions = {}) => connection.json<Replay>('GET', at(id), call),
    /** Newest first. */
    list: (query: { limit?: number } = {}, call: CallOptions = {}) =>
      pages<Replay>(connection, '/api/replays', { ...call, query }),
    /** Calls it off: what was made due stays due. */
    cancel: (id: string, call: CallOptions = {}) => connection.json<Replay>('DELETE', at(id), call),
  };
}
