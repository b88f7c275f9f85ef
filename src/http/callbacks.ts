// Did they get it? Deliveries in pages or of a job, every attempt of each, and sending again.
import type { FastifyInstance } from 'fastify';
import { DELIVERY_STATES, type DeliveryState } from '../delivery.ts';
import { HttpError } from '../errors.ts';
import type { Db, TellingDb } from '../store/database.ts';
import {
  type AttemptRow,
  type DeliveryFilter,
  type DeliveryRow,
  findDelivery,
  listAttempts,
  listDeliveries,
  resend,
} from '../store/deliveries.ts';
import { endpointUrl } from '../store/endpoints.ts';
import { findJob } from '../store/jobs.ts';
import { page, type Query, readPage } from './page.ts';
import { isUuid } from './params.ts';
import * as schemas from './schemas/callback.ts';

const JOB_DELIVERIES = 100;

export function callbackRoutes(server: FastifyInstance, { db }: { db: TellingDb }): void {
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

  server.post<{ Params: { id: string } }>(
    '/api/callbacks/:id/resend',
    { schema: schemas.resendCallback },
    async (request, reply) => {
      const { id } = request.params;
      const outcome = isUuid(id) ? await resend(db, request.account, id) : 'unknown';
      if (outcome === 'unknown') throw new HttpError('callback_unknown');
      if (outcome === 'in_flight') throw new HttpError('callback_in_flight');
      if (outcome === 'body_gone') throw new HttpError('callback_body_gone');
      reply.code(202);
      return (await withAttempts(db, [await find(db, request.account, id)]))[0];
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
  const states = [query.state ?? []].flat().map(String);
  if (states.some((state) => !DELIVERY_STATES.includes(state as DeliveryState)))
    problems.push(`state must be one of the following values: ${DELIVERY_STATES.join(', ')}`);
  const id = (name: string): string | undefined => {
    const value = query[name];
    if (value === undefined || value === '') return undefined;
    if (!isUuid(String(value))) problems.push(`${name} must be an id (UUID)`);
    return String(value);
  };
  const endpointId = id('endpoint');
  const jobId = id('transcription_id');
  return {
    filter: {
      ...(states.length > 0 && { states: states as DeliveryState[] }),
      ...(endpointId !== undefined && { endpointId }),
      ...(jobId !== undefined && { jobId }),
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
  return rows.map((row) => ({
    ...showDelivery(row),
    attempts: attempts.filter((attempt) => attempt.delivery_id === row.id).map(showAttempt),
  }));
}

function showDelivery(row: DeliveryRow): schemas.Callback {
  return {
    id: row.id,
    transcription_id: row.job_id,
    endpoint_id: row.endpoint_id,
    // Secrets ride in query strings: shown is that there is one, not what it says.
    url: shownUrl(row.url),
    method: row.method,
    event: row.event,
    form: row.form,
    bytes: row.bytes,
    state: row.state,
    reason: row.reason ?? row.waits_for,
    attempt_count: row.attempts,
    next_attempt_at: row.due_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    completed_at: row.final_at?.toISOString() ?? null,
  };
}

function shownUrl(url: string): string {
  return `${endpointUrl(url)}${new URL(url).search === '' ? '' : '?…'}`;
}

function showAttempt(row: AttemptRow): schemas.Attempt {
  return {
    number: row.number,
    trigger: row.trigger,
    form: row.form,
    started_at: row.started_at.toISOString(),
    duration_ms: row.duration_ms,
    phases_ms: row.phases,
    address: row.address,
    outcome: row.outcome,
    status: row.status,
    location: row.location,
    answer: row.answer_head && {
      ...readable(row.answer_head),
      bytes: row.answer_bytes,
      truncated: row.answer_truncated,
    },
    error: row.error_class === null ? null : { class: row.error_class, message: row.error_message },
    next_attempt_at: row.next_at?.toISOString() ?? null,
  };
}

/** The answer as text where it is text; a cut may have split its last character. */
function readable(head: Buffer): { text: string } | { base64: string } {
  const text = new TextDecoder('utf-8').decode(head, { stream: true });
  return text.includes('\ufffd') ? { base64: head.toString('base64') } : { text };
}
