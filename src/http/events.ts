// `GET /api/events`: changes of the account's jobs and deliveries, as they happen.
import type { FastifyInstance } from 'fastify';
import type { Listeners } from './listeners.ts';
import { streamEvents } from './schemas/event.ts';

/** The key is looked at when a stream opens: one that was revoked hears no longer than this. Readers come back by themselves. */
const LONGEST_MS = 15 * 60_000;

export function eventRoutes(server: FastifyInstance, { listeners }: { listeners: Listeners }): void {
  // HEAD would open a stream that nobody reads.
  server.get('/api/events', { exposeHeadRoute: false, schema: streamEvents }, async (request, reply) => {
    const last = request.headers['last-event-id'];
    const stream = listeners.open(request.account, typeof last === 'string' ? last : undefined);
    const end = setTimeout(() => stream.end(), LONGEST_MS);
    stream.once('close', () => clearTimeout(end));
    return (
      reply
        .type('text/event-stream')
        .header('cache-control', 'no-store')
        // NGINX would otherwise collect events before it passes them on.
        .header('x-accel-buffering', 'no')
        .send(stream)
    );
  });
}
