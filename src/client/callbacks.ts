// Callbacks and replays: did they get it, and sending again.
import type { Callback, CallbackQuery, CallbackWithAttempts } from '../http/schemas/callback.ts';
import type { Replay, ReplayRequest } from '../http/schemas/replay.ts';
import { type CallOptions, type Connection, pages } from './connection.ts';

export function callbacksOf(connection: Connection) {
  const at = (id: string) => `/api/callbacks/${encodeURIComponent(id)}`;
  return {
    /** Newest first, without attempts; `limit` is the size of a page. */
    list: (query: CallbackQuery = {}, call: CallOptions = {}) =>
      pages<Callback>(connection, '/api/callbacks', { ...call, query }),
    /** With every attempt. */
    get: (id: string, call: CallOptions = {}) => connection.json<CallbackWithAttempts>('GET', at(id), call),
    /** Due now, with a full schedule and the same `webhook-id`. */
    resend: (id: string, call: CallOptions = {}) =>
      connection.json<CallbackWithAttempts>('POST', `${at(id)}/resend`, call),
  };
}

export function replaysOf(connection: Connection) {
  const at = (id: string) => `/api/replays/${encodeURIComponent(id)}`;
  return {
    create: (request: ReplayRequest, call: CallOptions = {}) =>
      connection.json<Replay>('POST', '/api/replays', { ...call, json: request }),
    get: (id: string, call: CallOptions = {}) => connection.json<Replay>('GET', at(id), call),
    /** Newest first. */
    list: (query: { limit?: number } = {}, call: CallOptions = {}) =>
      pages<Replay>(connection, '/api/replays', { ...call, query }),
    /** Calls it off: what was made due stays due. */
    cancel: (id: string, call: CallOptions = {}) => connection.json<Replay>('DELETE', at(id), call),
  };
}
