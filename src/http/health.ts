// Live and ready. Neither needs a key.
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import { SHORT_OF, type Shortage } from '../shortage.ts';
import type { DatabaseProbe } from './database-probe.ts';
import { getHealth, getLiveness, getReadiness } from './schemas/server.ts';

export type HealthDeps = {
  version: string;
  draining: () => boolean;
  /** The speech model is not loaded yet. */
  loading: () => boolean;
  /** What of this machine is nearly used up. */
  shortNow: () => Promise<readonly Shortage[]>;
};

/** As all other routes say of what passes in seconds. */
const notReady = (message: string) => new HttpError('not_ready', { message, retryAfterSeconds: 5 });

/** Those who ask give up after a few seconds, and take silence for a dead process: 2 s are promised. */
const READY_MS = 1_500;

export function healthRoutes(
  server: FastifyInstance,
  { database, version, draining, loading, shortNow }: HealthDeps & { database: DatabaseProbe },
): void {
  // The hosted service's own; some clients try it.
  server.get('/health', { schema: getHealth }, async () => ({ health: 'OK' }));
  server.get('/healthz', { schema: getLiveness }, async () => ({ status: 'ok', version }));
  server.get('/readyz', { schema: getReadiness }, async () => {
    if (draining()) throw notReady('Ringback is shutting down.');
    await database.answers(READY_MS);
    if (loading()) throw notReady('Ringback loads its speech model.');
    const short = await shortNow();
    if (short.length > 0)
      throw notReady(`Ringback is short of ${short.map((one) => SHORT_OF[one]).join(' and of ')}.`);
    return { status: 'ready', version };
  });
}
