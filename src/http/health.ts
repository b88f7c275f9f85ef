// Live and ready. Neither needs a key.
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import { type Db, serverVersion } from '../store/database.ts';
import { getHealth, getLiveness, getReadiness } from './schemas/server.ts';

export type HealthDeps = { db: Db; version: string; draining: () => boolean };

export function healthRoutes(server: FastifyInstance, { db, version, draining }: HealthDeps): void {
  // The hosted service's own; some clients try it.
  server.get('/health', { schema: getHealth }, async () => ({ health: 'OK' }));
  server.get('/healthz', { schema: getLiveness }, async () => ({ status: 'ok', version }));
  server.get('/readyz', { schema: getReadiness }, async () => {
    if (draining()) throw new HttpError('not_ready', { message: 'Ringback is shutting down.' });
    try {
      await serverVersion(db);
    } catch (cause) {
      throw new HttpError('not_ready', { cause });
    }
    return { status: 'ready', version };
  });
}
