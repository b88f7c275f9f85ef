// `/v2/pre-recorded` and its older twin `/v2/transcription`: create, look up, delete, fetch the audio.
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HttpError } from '../errors.ts';
import { plainNumbers } from '../exact-json.ts';
import { withoutNulls } from '../nulls.ts';
import type { AudioFolder } from '../store/audio.ts';
import type { TellingDb } from '../store/database.ts';
import {
  BATCH_BYTES,
  findRecord,
  listJobs,
  type RecordRow,
  readListed,
  readResult,
} from '../store/job-list.ts';
import { jobRecord } from '../store/job-record.ts';
import { deleteJob, findJob, isUnfinished, type JobRow } from '../store/jobs.ts';
import type { Json } from '../store/schema.ts';
import { type AnswerRoom, SMALL_ANSWER } from './answer-room.ts';
import { type CreateDeps, createJob } from './create-job.ts';
import { isDataUrl, readDataUrl } from './data-url.ts';
import { sendAudio } from './files.ts';
import { answerOnce, hashJson, idempotencyKey, sendAnswer } from './idempotency.ts';
import { JobRequest } from './job-request.ts';
import { readListQuery } from './list-query.ts';
import type { Listeners } from './listeners.ts';
import { isUuid } from './params.ts';
import { mayBeLarge } from './patience.ts';
import { getJobFile } from './schemas/audio.ts';
import * as schemas from './schemas/job.ts';
import { settle } from './tolerance.ts';
import { readWait } from './wait.ts';

export type JobDeps = CreateDeps & {
  db: TellingDb;
  /** The job as it is now, cancelled or ended before; undefined: there is no such job. */
  cancelJob: (accountId: string, id: string) => Promise<JobRow | undefined>;
  audio: AudioFolder;
  listeners: Listeners;
  answers: AnswerRoom;
};

export function jobRoutes(server: FastifyInstance, deps: JobDeps): void {
  for (const base of ['/v2/pre-recorded', '/v2/transcription'])
    server.register(async (routes) => family(routes, deps), { prefix: base });
  server.post<{ Params: { id: string } }>(
    '/api/transcriptions/:id/cancel',
    { schema: schemas.cancelJob },
    async (request, reply) => {
      const { id } = request.params;
      const job = isUuid(id) ? await deps.cancelJob(request.account, id) : undefined;
      if (!job) throw new HttpError('transcription_unknown');
      // Its upload is measured elsewhere than in its row.
      const shown = await findRecord(deps.db, request.account, id, SMALL_ANSWER);
      return reply.type('application/json').send(jobRecord({ ...job, ...shown, result: job.result }));
    },
  );
}

function family(routes: FastifyInstance, deps: JobDeps): void {
  const { db, answers, audio, publicUrl, listeners } = deps;
  routes.post('/', { schema: schemas.createJob, preValidation: readAsMeant }, async (request, reply) => {
    const key = idempotencyKey(request, routes.prefix);
    const keyed = key && { ...key, bodyHash: await hashJson(request.sent) };
    // Before the rules: what the first request was measured by may have changed since.
    const asked = {
      sent: request.sent as Record<string, Json>,
      body: request.body as JobRequest,
      prefix: routes.prefix,
    };
    const answer = await answerOnce(db, keyed, () => createJob(deps, request, asked, keyed));
    return sendAnswer(reply, answer);
  });

  routes.get('/', { schema: schemas.listJobs }, async (request, reply) => {
    const { filter, withResults, problems } = readListQuery(request.query as Record<string, unknown>);
    if (problems.length > 0) throw new HttpError('request_invalid', { sentences: problems });
    // One more than asked for tells whether a next page exists.
    const listed = await listJobs(db, request.account, { ...filter, limit: filter.limit + 1 });
    const page = (offset: number) => {
      const url = new URL(`${publicUrl()}${request.url}`);
      url.searchParams.set('offset', String(offset));
      url.searchParams.set('limit', String(filter.limit));
      return url.href;
    };
    const links = {
      first: page(0),
      current: page(filter.offset),
      next: listed.length > filter.limit ? page(filter.offset + filter.limit) : null,
    };
    const atOnce = withResults ? bytesAtOnce(listed.map(({ bytes }) => bytes)) : 0;
    if (!(await hasRoom(request, reply, atOnce))) return reply.hijack();
    const shown = { accountId: request.account, withResults };
    const body = listBody(links, readListed(db, shown, listed.slice(0, filter.limit)));
    return reply.type('application/json').send(Readable.from(body, { objectMode: false }));
  });

  routes.get<{ Params: { id: string } }>('/:id', { schema: schemas.getJob }, async (request, reply) => {
    const waitSeconds = readWait(request.query as Record<string, unknown>);
    if (waitSeconds > 0 && !(await waitForEnd(request, reply, waitSeconds))) return reply.hijack();
    const { id } = request.params;
    const job = isUuid(id) ? await findRecord(db, request.account, id, SMALL_ANSWER) : undefined;
    if (!job) throw new HttpError('transcription_unknown');
    if (!(await hasRoom(request, reply, job.result_bytes))) return reply.hijack();
    const result = job.result_bytes > SMALL_ANSWER ? await readResult(db, request.account, id) : job.result;
    if (result === undefined) throw new HttpError('transcription_unknown');
    return reply.type('application/json').send(jobRecord({ ...job, result }));
  });

  routes.delete<{ Params: { id: string } }>('/:id', { schema: schemas.deleteJob }, async (request, reply) => {
    const deleted = isUuid(request.params.id)
      ? await deleteJob(db, request.account, request.params.id)
      : ('unknown' as const);
    if (deleted === 'unknown') throw new HttpError('transcription_unknown');
    if (deleted === 'unfinished') throw new HttpError('job_unfinished');
    if (deleted.audioId !== null) await audio.remove(deleted.audioId);
    return reply.code(202).send();
  });

  routes.get<{ Params: { id: string } }>('/:id/file', { schema: getJobFile }, async (request, reply) => {
    const job = isUuid(request.params.id) ? await findJob(db, request.account, request.params.id) : undefined;
    if (!job) throw new HttpError('transcription_unknown');
    return sendAudio(reply, audio, job.audio_id);
  });

  /** False when nobody is there any more to be answered. */
  async function hasRoom(request: FastifyRequest, reply: FastifyReply, bytes: number): Promise<boolean> {
    return bytes <= SMALL_ANSWER || answers.enter(request.account, bytes, reply.raw);
  }

  /** False when nobody is there any more to be answered. */
  async function waitForEnd(
    request: FastifyRequest<{ Params: { id: string } }>,
    reply: FastifyReply,
    seconds: number,
  ): Promise<boolean> {
    const { id } = request.params;
    if (!isUuid(id)) return true;
    const gone = new AbortController();
    const close = () => gone.abort();
    reply.raw.once('close', close);
    await listeners.untilEnded(id.toLowerCase(), {
      ms: seconds * 1_000,
      gone: gone.signal,
      isUnfinished: () => isUnfinished(db, request.account, id),
    });
    reply.raw.off('close', close);
    return !gone.signal.aborted;
  }
}

/** Too long for a URL, it is taken out, and its hash stands for it. */
function takeData(request: FastifyRequest): void {
  const { audio_url } = request.sent as Record<string, unknown>;
  if (!isDataUrl(audio_url)) return;
  const data = readDataUrl(audio_url);
  if ('problem' in data) throw new HttpError('request_invalid', { sentences: [`audio_url ${data.problem}`] });
  request.data = data;
  request.sent = { ...(request.sent as object), audio_url: data.short };
  request.body = { ...(request.body as object), audio_url: data.short };
}

/** Before the schema: what is clear is read as it is meant. */
async function readAsMeant(request: FastifyRequest): Promise<void> {
  if (typeof request.sent !== 'object' || request.sent === null || Array.isArray(request.sent)) return;
  takeData(request);
  const { sent } = request;
  // Of 1 MB of small fields this is one long step among several: others have their turns in between.
  const turn = mayBeLarge(request.headers) ? () => setImmediate() : async () => {};
  await turn();
  const { request: meant, unread, notes } = settle(sent as Record<string, unknown>, JobRequest);
  request.notes = request.data ? ['audio_url was stored as an upload', ...notes] : notes;
  await turn();
  if (meant !== sent) request.body = withoutNulls(plainNumbers(meant));
  request.sent = meant;
  if (unread.length === 0) return;
  const judged = { ...(request.body as Record<string, unknown>) };
  for (const config of unread) delete judged[config];
  request.body = judged;
}

/** Of a list's records, two batches are in memory at a time; a single one may be larger than a batch. */
function bytesAtOnce(sizes: readonly number[]): number {
  const all = sizes.reduce((sum, bytes) => sum + bytes, 0);
  return Math.min(all, Math.max(2 * BATCH_BYTES, ...sizes));
}

async function* listBody(links: object, batches: AsyncIterable<RecordRow[]>): AsyncGenerator<string> {
  yield `${JSON.stringify(links).slice(0, -1)},"items":[`;
  let between = '';
  for await (const rows of batches) {
    if (rows.length === 0) continue;
    yield between + rows.map(jobRecord).join(',');
    between = ',';
  }
  yield ']}';
}
