// Live and ready. Neither needs a key.
import type { FastifyInstance } from 'fastify';
import { sql } from 'kysely';
import { HttpError } from '../errors.ts';
import type { Db } from '../store/database.ts';

export type HealthDeps = { db: Db; version: string; draining: () => boolean };

export function healthRoutes(server: FastifyInstance, { db, version, draining }: HealthDeps): void {
  // The hosted service's own; some clients try it.
  server.get('/health', async () => ({ health: 'OK' }));
  server.get('/healthz', async () => ({ status: 'ok', version }));
  server.get('/readyz', async () => {
    if (draining()) throw new HttpError('not_ready', { message: 'Ringback is shutting down.' });
    try {
      await sql`SELECT 1`.execute(db);
    } catch (cause) {
      throw new HttpError('not_ready', { cause });
    }
    return { status: 'ready', version };
  });
}
