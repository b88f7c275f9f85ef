// This account's API keys.
import type { AuditEntry } from '../http/schemas/audit.ts';
import type { CreatedKey, Key, KeyRequest } from '../http/schemas/key.ts';
import type { CallOptions, Connection } from './connection.ts';

export function keysOf(connection: Connection) {
  return {
    /** Revoked ones too. */
    list: async (call: CallOptions = {}): Promise<Key[]> =>
      (await connection.json<{ items: Key[] }>('GET', '/api/keys', { ...call, has: 'items' })).items,
    /** The key itself is in `key`, this once. */
    create: (request: KeyRequest, call: CallOptions = {}) =>
      connection.json<CreatedKey>('POST', '/api/keys', { ...call, json: request }),
    /** Refused from now on. */
    revoke: (id: string, call: CallOptions = {}) =>
      connection.json<Key>('DELETE', `/api/keys/${encodeURIComponent(id)}`, call),
  };
}

/** Who made and revoked keys, and rotated the signing secret: the last 200, newest first. */
export function auditOf(connection: Connection) {
  return async (call: CallOptions = {}): Promise<AuditEntry[]> =>
    (await connection.json<{ items: AuditEntry[] }>('GET', '/api/audit', { ...call, has: 'items' })).items;
}
