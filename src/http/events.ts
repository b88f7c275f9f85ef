// `GET /api/events`: changes of the account's jobs and deliveries, as they happen.
import type { FastifyInstance } from 'fastify';
import type { Changes } from './changes.ts';
import { streamEvents } from './schemas/event.ts';

export function eventRoutes(server: FastifyInstance, { changes }: { changes: Changes }): void {
  // HEAD would open a stream that nobody reads.
  server.get('/api/events', { exposeHeadRoute: false, schema: streamEvents }, async (request, reply) => {
    const last = request.headers['last-event-id'];
    const stream = changes.open(request.account, typeof last === 'string' ? last : undefined);
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
