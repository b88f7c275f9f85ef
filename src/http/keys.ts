// An account's own API keys: listed, made, revoked.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpError } from '../errors.ts';
import type { Db } from '../store/database.ts';
import { createOwnKey, hashOfKey, type KeyRow, listKeys, revokeOwnKey } from '../store/keys.ts';
import { keyOf } from './auth.ts';
import { isUuid } from './params.ts';
import * as schemas from './schemas/key.ts';

export function keyRoutes(server: FastifyInstance, { db }: { db: Db }): void {
  server.get('/api/keys', { schema: schemas.listKeys }, async (request) => ({
    items: (await listKeys(db, request.account)).map(showKey),
  }));

  server.post('/api/keys', { schema: schemas.createKey }, async (request, reply) => {
    const { name } = request.body as schemas.KeyRequest;
    const made = await createOwnKey(db, request.account, name, askedBy(request));
    if (!made) throw new HttpError('api_keys_too_many');
    // The one time it is shown: no cache on the way may keep it.
    return reply
      .code(201)
      .header('cache-control', 'no-store')
      .send({ ...showKey(made.row), key: made.key });
  });

  server.delete<{ Params: { id: string } }>(
    '/api/keys/:id',
    { schema: schemas.revokeKey },
    async (request) => {
      const { id } = request.params;
      const outcome = isUuid(id) ? await revokeOwnKey(db, request.account, id, askedBy(request)) : 'unknown';
      if (outcome === 'unknown') throw new HttpError('api_key_unknown');
      if (outcome === 'last') throw new HttpError('api_key_last');
      if (outcome === 'configured') throw new HttpError('api_key_configured');
      return showKey(outcome);
    },
  );
}

/** SHA-256 of the key of a request that was let in. */
export const askedBy = (request: FastifyRequest): Buffer => hashOfKey(keyOf(request) ?? '');

function showKey(row: Omit<KeyRow, 'account'>): schemas.Key {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    source: row.source,
    created_at: row.created_at.toISOString(),
    last_used_at: row.last_used_at?.toISOString() ?? null,
    revoked_at: row.revoked_at?.toISOString() ?? null,
  };
}
