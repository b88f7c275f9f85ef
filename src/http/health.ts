// Live and ready. Neither needs a key.
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import { SHORT_OF, type Shortage } from '../shortage.ts';
import { type Db, serverVersion } from '../store/database.ts';
import { getHealth, getLiveness, getReadiness } from './schemas/server.ts';

export type HealthDeps = {
  db: Db;
  version: string;
  draining: () => boolean;
  /** The speech model is not loaded yet. */
  loading: () => boolean;
  /** What of this machine is nearly used up. */
  shortNow: () => Promise<readonly Shortage[]>;
};

export function healthRoutes(
  server: FastifyInstance,
  { db, version, draining, loading, shortNow }: HealthDeps,
): void {
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
    if (loading()) throw new HttpError('not_ready', { message: 'Ringback loads its speech model.' });
    const short = await shortNow();
    if (short.length > 0)
      throw new HttpError('not_ready', {
        message: `Ringback is short of ${short.map((one) => SHORT_OF[one]).join(' and of ')}.`,
      });
    return { status: 'ready', version };
  });
}
