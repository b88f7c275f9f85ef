// `/api/replays`: many deliveries sent again, by filter, at a rate; watched and called off.
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import type { Db } from '../store/database.ts';
import { previewReplay } from '../store/replay-preview.ts';
import { cancelReplay, createReplay, findReplay, listReplays, type ReplayRow } from '../store/replays.ts';
import { readFilter } from './callback-filter.ts';
import { listed } from './page.ts';
import { isUuid } from './params.ts';
import * as schemas from './schemas/replay.ts';

/** Deliveries a second, where none is asked for. */
const USUAL_RATE = 50;

export function replayRoutes(server: FastifyInstance, { db }: { db: Db }): void {
  server.post('/api/replays', { schema: schemas.createReplay }, async (request, reply) => {
    const { filter, rate } = request.body as schemas.ReplayRequest;
    const read = await readFilter(db, request.account, filter);
    const { matched, at_least } = await previewReplay(db, request.account, read);
    const row = await createReplay(db, request.account, read, {
      rate: rate ?? USUAL_RATE,
      expected: at_least ? null : matched,
    });
    if (!row) throw new HttpError('replays_too_many', { retryAfterSeconds: 30 });
    return reply.code(201).send(showReplay(row));
  });

  server.post('/api/replays/preview', { schema: schemas.previewReplay }, async (request) => {
    const { filter, rate = USUAL_RATE } = request.body as schemas.ReplayRequest;
    const read = await readFilter(db, request.account, filter);
    const { in_flight, body_gone, ...counts } = await previewReplay(db, request.account, read);
    const resendable = counts.matched - in_flight - body_gone;
    return {
      ...counts,
      resendable,
      skipped: { in_flight, body_gone },
      seconds: Math.ceil(resendable / rate),
    };
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

function showReplay(row: ReplayRow): schemas.Replay {
  return {
    id: row.id,
    state: row.state,
    filter: row.filter,
    rate: row.rate,
    // So far; `resent` and the skipped add up to it.
    matched: row.matched,
    expected: row.expected,
    resent: row.resent,
    skipped: { in_flight: row.in_flight, body_gone: row.body_gone },
    created_at: row.created_at.toISOString(),
    completed_at: row.finished_at?.toISOString() ?? null,
  };
}
