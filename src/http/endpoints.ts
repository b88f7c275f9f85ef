// Endpoints as their owner sees them: health, what waits, how it has answered; enabling and disabling.
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import type { TellingDb } from '../store/database.ts';
import { type EndpointRow, findEndpoint, listEndpoints } from '../store/endpoint-list.ts';
import { removeEndpoint } from '../store/endpoint-removal.ts';
import { disableEndpoint, enableEndpoint } from '../store/endpoints.ts';
import { cursorOf, readEndpointQuery } from './endpoint-query.ts';
import type { Query } from './page.ts';
import { isUuid } from './params.ts';
import * as schemas from './schemas/endpoint.ts';

/** Of what waits there, what is not cancelled by then is cancelled after the answer; its sender hears of the removal at once. */
const REMOVAL_MS = 20_000;

export function endpointRoutes(server: FastifyInstance, { db }: { db: TellingDb }): void {
  const show = async (account: string, id: string) => {
    const row = isUuid(id) ? await findEndpoint(db, account, id) : undefined;
    if (!row) throw new HttpError('endpoint_unknown');
    return showEndpoint(row, new Date());
  };

  server.get('/api/endpoints', { schema: schemas.listEndpoints }, async (request) => {
    const { filter, problems } = readEndpointQuery(request.query as Query);
    if (problems.length > 0) throw new HttpError('request_invalid', { sentences: problems });
    const { sort, limit } = filter;
    // One more than asked for tells whether a next page exists.
    const found = await listEndpoints(db, request.account, { ...filter, limit: limit + 1 });
    const now = new Date();
    const last = found.length > limit ? found[limit - 1] : undefined;
    return {
      items: found.slice(0, limit).map((row) => showEndpoint(row, now)),
      next: last ? cursorOf(sort, { key: last.sort_key, id: last.id }) : null,
    };
  });

  server.get<{ Params: { id: string } }>('/api/endpoints/:id', { schema: schemas.getEndpoint }, (request) =>
    show(request.account, request.params.id),
  );

  server.delete<{ Params: { id: string } }>(
    '/api/endpoints/:id',
    { schema: schemas.removeEndpoint },
    async (request): Promise<schemas.RemovedEndpoint> => {
      const id = request.params.id.toLowerCase();
      const untilMs = performance.now() + REMOVAL_MS;
      const removed = isUuid(id) ? await removeEndpoint(db, request.account, id, untilMs) : undefined;
      if (!removed) throw new HttpError('endpoint_unknown');
      return { id, url: removed.url, cancelled: removed.cancelled, in_flight: removed.inFlight };
    },
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
    health: row.health,
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
    next_attempt_at: row.next_attempt?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
  };
}
