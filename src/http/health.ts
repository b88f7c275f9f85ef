// Live and ready. Neither needs a key.
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import type { DatabaseProbe } from './database-probe.ts';
import { getHealth, getLiveness, getReadiness } from './schemas/server.ts';

export type HealthDeps = { version: string; draining: () => boolean };

/** Those who ask give up after a few seconds, and take silence for a dead process: 2 s are promised. */
const READY_MS = 1_500;

export function healthRoutes(
  server: FastifyInstance,
  { database, version, draining }: HealthDeps & { database: DatabaseProbe },
): void {
  // The hosted service's own; some clients try it.
  server.get('/health', { schema: getHealth }, async () => ({ health: 'OK' }));
  server.get('/healthz', { schema: getLiveness }, async () => ({ status: 'ok', version }));
  server.get('/readyz', { schema: getReadiness }, async () => {
    if (draining()) throw new HttpError('not_ready', { message: 'Ringback is shutting down.' });
    await database.answers(READY_MS);
    return { status: 'ready', version };
  });
}
