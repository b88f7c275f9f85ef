// Hosts as their owner sees them: what endpoints of one scheme, name and port have in common.
import type { FastifyInstance } from 'fastify';
import type { Db } from '../store/database.ts';
import { type HostRow, listHosts } from '../store/hosts.ts';
import { listed } from './page.ts';
import * as schemas from './schemas/host.ts';

export function hostRoutes(server: FastifyInstance, { db }: { db: Db }): void {
  server.get('/api/hosts', { schema: schemas.listHosts }, (request) =>
    listed(request.query, (asked) => listHosts(db, request.account, asked), showHost),
  );
}

function showHost(row: HostRow): schemas.Host {
  return {
    id: row.id,
    origin: row.origin,
    state: row.breaker,
    silent_in_a_row: row.silent,
    open_until: row.breaker === 'closed' ? null : (row.open_until?.toISOString() ?? null),
    endpoints: row.endpoints,
    waiting_endpoints: row.waiting_endpoints,
    created_at: row.created_at.toISOString(),
  };
}
