// Live and ready. Neither needs a key.
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import { type Db, serverVersion } from '../store/database.ts';

export type HealthDeps = { db: Db; version: string; draining: () => boolean };

export function healthRoutes(server: FastifyInstance, { db, version, draining }: HealthDeps): void {
  // The hosted service's own; some clients try it.
  server.get('/health', async () => ({ health: 'OK' }));
  server.get('/healthz', async () => ({ status: 'ok', version }));
  server.get('/readyz', async () => {
    if (draining()) throw new HttpError('not_ready', { message: 'Ringback is shutting down.' });
    try {
      await serverVersion(db);
    } catch (cause) {
      throw new HttpError('not_ready', { cause });
    }
    return { status: 'ready', version };
  });
}
