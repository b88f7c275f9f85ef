// Endpoints and what signs the callbacks they get.
import type { Endpoint, EndpointQuery, RemovedEndpoint } from '../http/schemas/endpoint.ts';
import type { Host } from '../http/schemas/host.ts';
import type { Rotation, SigningSecret } from '../http/schemas/signing-secret.ts';
import { type CallOptions, type Connection, pages } from './connection.ts';

export function endpointsOf(connection: Connection) {
  const at = (id: string) => `/api/endpoints/${encodeURIComponent(id)}`;
  return {
    /** With their health, page after page; `limit` is the size of a page. By URL unless asked otherwise. */
    list: (query: EndpointQuery = {}, call: CallOptions = {}) =>
      pages<Endpoint>(connection, '/api/endpoints', { ...call, query }),
    get: (id: string, call: CallOptions = {}) => connection.json<Endpoint>('GET', at(id), call),
    /** Nothing is sent there: what is due waits. */
    disable: (id: string, call: CallOptions = {}) =>
      connection.json<Endpoint>('POST', `${at(id)}/disable`, call),
    /** Sent there again, slowly at first. */
    enable: (id: string, call: CallOptions = {}) =>
      connection.json<Endpoint>('POST', `${at(id)}/enable`, call),
    /** What waits there is cancelled; a later callback to the same URL makes a new one. */
    remove: (id: string, call: CallOptions = {}) => connection.json<RemovedEndpoint>('DELETE', at(id), call),
  };
}

export function hostsOf(connection: Connection) {
  return {
    /** Newest first, page after page: whether they answer at all. */
    list: (query: { limit?: number } = {}, call: CallOptions = {}) =>
      pages<Host>(connection, '/api/hosts', { ...call, query }),
  };
}

export function signingSecretsOf(connection: Connection) {
  type Shown = { items: SigningSecret[] };
  return {
    /** All of them sign. */
    list: async (call: CallOptions = {}): Promise<SigningSecret[]> =>
      (await connection.json<Shown>('GET', '/api/signing-secrets', { ...call, has: 'items' })).items,
    /** A new one; the old sign along for `overlap_seconds`. */
    rotate: async (rotation: Rotation = {}, call: CallOptions = {}): Promise<SigningSecret[]> =>
      (
        await connection.json<Shown>('POST', '/api/signing-secrets/rotate', {
          ...call,
          json: rotation,
          has: 'items',
        })
      ).items,
  };
}
