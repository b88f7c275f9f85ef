// Endpoints as their owner sees them: health, what waits, how it has answered; enabling and disabling.
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import type { TellingDb } from '../store/database.ts';
import { disableEndpoint, type EndpointRow, enableEndpoint, listEndpoints } from '../store/endpoints.ts';
import { isUuid } from './params.ts';
import * as schemas from './schemas/endpoint.ts';

export function endpointRoutes(server: FastifyInstance, { db }: { db: TellingDb }): void {
  const show = async (account: string, id: string) => {
    const [row] = isUuid(id) ? await listEndpoints(db, account, id) : [];
    if (!row) throw new HttpError('endpoint_unknown');
    return showEndpoint(row, new Date());
  };

  server.get('/api/endpoints', { schema: schemas.listEndpoints }, async (request) => {
    const now = new Date();
    return { items: (await listEndpoints(db, request.account)).map((row) => showEndpoint(row, now)) };
  });

  server.get<{ Params: { id: string } }>('/api/endpoints/:id', { schema: schemas.getEndpoint }, (request) =>
    show(request.account, request.params.id),
  );

  server.post<{ Params: { id: string } }>(
    '/api/endpoints/:id/disable',
    { schema: schemas.disableEndpoint },
    async (request) => {
      const { id } = request.params;
      if (isUuid(id)) await disableEndpoint(db, request.account, id, 'disabled by its owner');
      return show(request.account, id);
    },
  );

  server.post<{ Params: { id: string } }>(
    '/api/endpoints/:id/enable',
    { schema: schemas.enableEndpoint },
    async (request) => {
      const { id } = request.params;
      if (isUuid(id)) await enableEndpoint(db, request.account, id);
      return show(request.account, id);
    },
  );
}

function showEndpoint(row: EndpointRow, now: Date): schemas.Endpoint {
  const attempts = row.succeeded + row.failed;
  return {
    id: row.id,
    url: row.url,
    state: row.disabled_at === null ? row.breaker : 'disabled',
    disabled_at: row.disabled_at?.toISOString() ?? null,
    disabled_reason: row.disabled_reason,
    open_until: row.open_until?.toISOString() ?? null,
    paused_until: row.paused_until && row.paused_until > now ? row.paused_until.toISOString() : null,
    failures_in_a_row: row.failures,
    failing_since: row.failing_since?.toISOString() ?? null,
    attempts_24h: attempts,
    success_rate_24h: attempts === 0 ? null : Math.round((row.succeeded / attempts) * 1_000) / 1_000,
    undelivered: row.undelivered,
    oldest_undelivered_at: row.oldest_undelivered?.toISOString() ?? null,
    oldest_undelivered_age_s:
      row.oldest_undelivered &&
      Math.max(0, Math.round((now.getTime() - row.oldest_undelivered.getTime()) / 1_000)),
    next_attempt_at: row.next_due?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
  };
}
