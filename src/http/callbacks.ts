// Did they get it? Deliveries in pages or of a job, every attempt of each; sending again, and cancelling.
import type { FastifyInstance } from 'fastify';
import { DELIVERY_EVENTS, DELIVERY_STATES, type DeliveryEvent, type DeliveryState } from '../delivery.ts';
import { HttpError } from '../errors.ts';
import { cancelByFilter, cancelDelivery } from '../store/cancel-deliveries.ts';
import type { Db, TellingDb } from '../store/database.ts';
import {
  type DeliveryFilter,
  type DeliveryRow,
  findDelivery,
  listAttempts,
  listDeliveries,
  resend,
} from '../store/deliveries.ts';
import { findJob } from '../store/jobs.ts';
import { judgeTimes, plainTimes, readFilter } from './callback-filter.ts';
import type { JudgeUrl } from './job-request.ts';
import { page, type Query, readPage } from './page.ts';
import { isUuid, listOf } from './params.ts';
import * as schemas from './schemas/callback.ts';
import { showAttempts, showDelivery } from './show-callback.ts';

const JOB_DELIVERIES = 100;

/** Cancelling by filter ends with what it has done by then, below the patience of clients and proxies. */
const CANCELLING_MS = 20_000;
const CANCELLED = 'cancelled by its owner';

export type CallbackDeps = { db: TellingDb; judge: { callback: JudgeUrl } };

export function callbackRoutes(server: FastifyInstance, deps: CallbackDeps): void {
  const { db } = deps;
  for (const base of ['/v2/pre-recorded', '/v2/transcription'])
    server.get<{ Params: { id: string } }>(
      `${base}/:id/callbacks`,
      { schema: schemas.listJobCallbacks },
      async (request) => {
        const { id } = request.params;
        if (!isUuid(id) || !(await findJob(db, request.account, id)))
          throw new HttpError('transcription_unknown');
        const rows = await listDeliveries(db, request.account, { jobId: id, limit: JOB_DELIVERIES });
        return { items: await withAttempts(db, rows) };
      },
    );

  server.get('/api/callbacks', { schema: schemas.listCallbacks }, async (request) => {
    const { filter, limit, problems } = readCallbackQuery(request.query as Query);
    if (problems.length > 0) throw new HttpError('request_invalid', { sentences: problems });
    const found = await listDeliveries(db, request.account, { ...filter, limit: limit + 1 });
    const { rows, next } = page(found, limit);
    // Without attempts: twelve answers of 16 KiB each would make a page of hundreds of megabytes.
    return { items: rows.map(showDelivery), next };
  });

  server.get<{ Params: { id: string } }>(
    '/api/callbacks/:id',
    { schema: schemas.getCallback },
    async (request) => {
      const row = await find(db, request.account, request.params.id);
      return (await withAttempts(db, [row]))[0];
    },
  );

  changingRoutes(server, deps);
}

function changingRoutes(server: FastifyInstance, { db, judge }: CallbackDeps): void {
  server.post<{ Params: { id: string } }>(
    '/api/callbacks/:id/resend',
    { schema: schemas.resendCallback },
    async (request, reply) => {
      const { id } = request.params;
      const { url } = (request.body ?? {}) as schemas.ResendRequest;
      const trouble = url === undefined ? null : judge.callback(url);
      if (trouble !== null)
        throw new HttpError('request_invalid', { sentences: [`url must be a URL address: ${trouble}`] });
      const outcome = isUuid(id) ? await resend(db, request.account, id, url) : 'unknown';
      if (outcome === 'unknown') throw new HttpError('callback_unknown');
      if (outcome === 'in_flight') throw new HttpError('callback_in_flight');
      if (outcome === 'body_gone') throw new HttpError('callback_body_gone');
      reply.code(202);
      return (await withAttempts(db, [await find(db, request.account, id)]))[0];
    },
  );

  server.post<{ Params: { id: string } }>(
    '/api/callbacks/:id/cancel',
    { schema: schemas.cancelCallback },
    async (request, reply) => {
      const { id } = request.params;
      const outcome = isUuid(id) ? await cancelDelivery(db, request.account, id, CANCELLED) : 'unknown';
      if (outcome === 'unknown') throw new HttpError('callback_unknown');
      const row = await find(db, request.account, id);
      if (outcome === 'ended')
        throw new HttpError('callback_ended', {
          message: `This callback is ${row.state} already: there is nothing left to cancel.`,
        });
      reply.code(outcome === 'cancelled' ? 200 : 202);
      return (await withAttempts(db, [row]))[0];
    },
  );

  server.post(
    '/api/callbacks/cancel',
    { schema: schemas.cancelCallbacks },
    async (request): Promise<schemas.CancelledCallbacks> => {
      const { filter } = request.body as schemas.CancelRequest;
      const untilMs = performance.now() + CANCELLING_MS;
      const { cancelled, inFlight, done } = await cancelByFilter(
        db,
        request.account,
        await readFilter(db, request.account, filter),
        { reason: CANCELLED, untilMs },
      );
      return { cancelled, in_flight: inFlight, done };
    },
  );
}

function readCallbackQuery(query: Query): {
  filter: Omit<DeliveryFilter, 'limit'>;
  limit: number;
  problems: string[];
} {
  const problems: string[] = [];
  const { limit, after } = readPage(query, problems);
  const states = listOf(query, 'state');
  if (states.some((state) => !DELIVERY_STATES.includes(state as DeliveryState)))
    problems.push(`state must be one of the following values: ${DELIVERY_STATES.join(', ')}`);
  const text = (name: string): string | undefined => {
    const value = query[name];
    return value === undefined || value === '' ? undefined : String(value);
  };
  const id = (name: string): string | undefined => {
    const value = text(name);
    if (value !== undefined && !isUuid(value)) problems.push(`${name} must be an id (UUID)`);
    return value;
  };
  const endpointId = id('endpoint');
  const jobId = id('transcription_id');
  const webhookId = id('webhook_id');
  const event = text('event');
  if (event !== undefined && !DELIVERY_EVENTS.includes(event as DeliveryEvent))
    problems.push(`event must be one of the following values: ${DELIVERY_EVENTS.join(', ')}`);
  const [created_after, created_before] = [text('created_after'), text('created_before')];
  const times = { ...(created_after && { created_after }), ...(created_before && { created_before }) };
  const wrong = judgeTimes(times, '');
  problems.push(...wrong);
  const plain = wrong.length > 0 ? {} : plainTimes(times);
  return {
    filter: {
      ...(states.length > 0 && { states: states as DeliveryState[] }),
      ...(endpointId !== undefined && { endpointId }),
      ...(jobId !== undefined && { jobId }),
      ...(webhookId !== undefined && { webhookId }),
      ...(event !== undefined && { event: event as DeliveryEvent }),
      ...(plain.created_after !== undefined && { createdAfter: plain.created_after }),
      ...(plain.created_before !== undefined && { createdBefore: plain.created_before }),
      ...(after && { after }),
    },
    limit,
    problems,
  };
}

async function find(db: Db, account: string, id: string): Promise<DeliveryRow> {
  const row = isUuid(id) ? await findDelivery(db, account, id) : undefined;
  if (!row) throw new HttpError('callback_unknown');
  return row;
}

async function withAttempts(db: Db, rows: readonly DeliveryRow[]): Promise<schemas.CallbackWithAttempts[]> {
  const attempts = await listAttempts(
    db,
    rows.map((row) => row.id),
  );
  const byDelivery = Map.groupBy(attempts, (attempt) => attempt.delivery_id);
  const shown: schemas.CallbackWithAttempts[] = [];
  for (const row of rows)
    shown.push({
      ...showDelivery(row),
      attempts: await showAttempts(byDelivery.get(row.id) ?? [], row),
    });
  return shown;
}
