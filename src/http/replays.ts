// `/api/replays`: many deliveries sent again, by filter, at a rate; watched and called off.
import type { FastifyInstance } from 'fastify';
import type { ReplayFilter } from '../delivery.ts';
import { HttpError } from '../errors.ts';
import type { Db } from '../store/database.ts';
import {
  cancelReplay,
  createReplay,
  findReplay,
  listReplays,
  ownsEndpoint,
  type ReplayRow,
} from '../store/replays.ts';
import { isInstant } from './dates.ts';
import { listed } from './page.ts';
import { isUuid } from './params.ts';
import * as schemas from './schemas/replay.ts';

/** Deliveries a second, where none is asked for. */
const USUAL_RATE = 50;

export function replayRoutes(server: FastifyInstance, { db }: { db: Db }): void {
  server.post('/api/replays', { schema: schemas.createReplay }, async (request, reply) => {
    const { filter, rate } = request.body as schemas.ReplayRequest;
    const problems = judgeFilter(filter);
    if (
      problems.length === 0 &&
      filter.endpoint &&
      !(await ownsEndpoint(db, request.account, filter.endpoint))
    )
      problems.push('filter.endpoint must be the id of one of your endpoints: there is none with this id');
    if (problems.length > 0) throw new HttpError('request_invalid', { sentences: problems });
    const row = await createReplay(db, request.account, plainTimes(filter), rate ?? USUAL_RATE);
    if (!row) throw new HttpError('replays_too_many', { retryAfterSeconds: 30 });
    return reply.code(201).send(showReplay(row));
  });

  server.get('/api/replays', { schema: schemas.listReplays }, (request) =>
    listed(request.query, (asked) => listReplays(db, request.account, asked), showReplay),
  );

  server.get<{ Params: { id: string } }>('/api/replays/:id', { schema: schemas.getReplay }, async (request) =>
    showReplay(await find(db, request.account, request.params.id)),
  );

  server.delete<{ Params: { id: string } }>(
    '/api/replays/:id',
    { schema: schemas.cancelReplay },
    async (request) => {
      const { id } = await find(db, request.account, request.params.id);
      await cancelReplay(db, request.account, id);
      return showReplay(await find(db, request.account, id));
    },
  );
}

async function find(db: Db, account: string, id: string): Promise<ReplayRow> {
  const row = isUuid(id) ? await findReplay(db, account, id) : undefined;
  if (!row) throw new HttpError('replay_unknown');
  return row;
}

/** What the schema cannot say: sentences about what is wrong. Pure. */
export function judgeFilter(filter: ReplayFilter): string[] {
  const problems: string[] = [];
  if (Object.keys(filter).length === 0)
    problems.push('filter.state is required when nothing else narrows the filter: name at least the states');
  for (const name of ['endpoint', 'transcription_id'] as const)
    if (filter[name] !== undefined && !isUuid(filter[name]))
      problems.push(`filter.${name} must be an id (UUID)`);
  for (const name of ['created_after', 'created_before'] as const)
    if (filter[name] !== undefined && !isInstant(filter[name]))
      problems.push(`filter.${name} must be a date and time with its zone, such as 2026-11-22T09:30:00Z`);
  const { created_after, created_before } = filter;
  if (
    problems.length === 0 &&
    created_after !== undefined &&
    created_before !== undefined &&
    Date.parse(created_after) >= Date.parse(created_before)
  )
    problems.push('filter.created_before must be later than filter.created_after');
  return problems;
}

/** In one spelling, which every reader takes the same way. */
function plainTimes(filter: ReplayFilter): ReplayFilter {
  const { created_after, created_before } = filter;
  return {
    ...filter,
    ...(created_after !== undefined && { created_after: new Date(created_after).toISOString() }),
    ...(created_before !== undefined && { created_before: new Date(created_before).toISOString() }),
  };
}

function showReplay(row: ReplayRow): schemas.Replay {
  return {
    id: row.id,
    state: row.state,
    filter: row.filter,
    rate: row.rate,
    // So far; `resent` and the skipped add up to it.
    matched: row.matched,
    resent: row.resent,
    skipped: { in_flight: row.in_flight, body_gone: row.body_gone },
    created_at: row.created_at.toISOString(),
    completed_at: row.finished_at?.toISOString() ?? null,
  };
}
