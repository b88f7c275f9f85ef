// `GET /api/events`: changes of the account's jobs and deliveries, as they happen.
import type { FastifyInstance } from 'fastify';
import type { FindAccount } from './auth.ts';
import { endWithKey } from './key-watch.ts';
import type { Listeners } from './listeners.ts';
import { streamEvents } from './schemas/event.ts';

type Deps = { listeners: Listeners; findAccount: FindAccount };

export function eventRoutes(server: FastifyInstance, { listeners, findAccount }: Deps): void {
  // HEAD would open a stream that nobody reads.
  server.get('/api/events', { exposeHeadRoute: false, schema: streamEvents }, async (request, reply) => {
    const last = request.headers['last-event-id'];
    const stream = listeners.open(request.account, typeof last === 'string' ? last : undefined);
    endWithKey(stream, request, { findAccount });
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
