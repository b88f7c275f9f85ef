// `/v2/pre-recorded` and its older twin `/v2/transcription`: create, look up, delete, fetch the audio.
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { withoutSecrets } from '../callback-headers.ts';
import { HttpError } from '../errors.ts';
import { plainNumbers } from '../exact-json.ts';
import { withoutNulls } from '../nulls.ts';
import { type AudioFolder, findAudio } from '../store/audio.ts';
import type { TellingDb } from '../store/database.ts';
import type { Answer, KeyedRequest } from '../store/idempotency.ts';
import {
  BATCH_BYTES,
  findRecord,
  listJobs,
  type RecordRow,
  readListed,
  readResult,
} from '../store/job-list.ts';
import { jobRecord, ownFileId } from '../store/job-record.ts';
import { countQueued, deleteJob, findJob, isUnfinished, type JobRow } from '../store/jobs.ts';
import { metadataOf } from '../store/metadata.ts';
import type { Json } from '../store/schema.ts';
import type { Submit } from '../store/submissions.ts';
import { traceIdOf } from '../trace.ts';
import { AnswerRoom, SMALL_ANSWER } from './answer-room.ts';
import { isDataUrl, readDataUrl } from './data-url.ts';
import { sendAudio } from './files.ts';
import { answerOnce, hashJson, idempotencyKey, sendAnswer } from './idempotency.ts';
import { JobRequest, type JudgeUrl, readJobRequest } from './job-request.ts';
import { type Limits, QueueLimit } from './limits.ts';
import { readListQuery } from './list-query.ts';
import type { Listeners } from './listeners.ts';
import { isUuid } from './params.ts';
import { mayBeLarge } from './patience.ts';
import { getJobFile } from './schemas/audio.ts';
import * as schemas from './schemas/job.ts';
import { settle } from './tolerance.ts';
import { storeData, type UploadDeps } from './upload.ts';
import { readWait } from './wait.ts';

export type JobDeps = UploadDeps & {
  db: TellingDb;
  submit: Submit;
  /** The job as it is now, cancelled or ended before; undefined: there is no such job. */
  cancelJob: (accountId: string, id: string) => Promise<JobRow | undefined>;
  audio: AudioFolder;
  judge: { audio: JudgeUrl; callback: JudgeUrl };
  publicUrl: () => string;
  listeners: Listeners;
  limits: Pick<Limits, 'queuedJobs'>;
};

const NO_UPLOAD = 'audio_url must name an uploaded file: there is none with this id';

export function jobRoutes(server: FastifyInstance, deps: JobDeps): void {
  const queueLimit = new QueueLimit(deps.limits.queuedJobs, (accountId, most) =>
    countQueued(deps.db, accountId, most),
  );
  const answers = new AnswerRoom();
  for (const base of ['/v2/pre-recorded', '/v2/transcription'])
    server.register(async (routes) => family(routes, { ...deps, queueLimit, answers }), { prefix: base });
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

function family(
  routes: FastifyInstance,
  deps: JobDeps & { queueLimit: QueueLimit; answers: AnswerRoom },
): void {
  const { db, submit, queueLimit, answers, audio, judge, publicUrl, listeners } = deps;
  routes.post('/', { schema: schemas.createJob, preValidation: readAsMeant }, async (request, reply) => {
    const key = idempotencyKey(request, routes.prefix);
    const keyed = key && { ...key, bodyHash: await hashJson(request.sent) };
    // Before the rules: what the first request was measured by may have changed since.
    const answer = await answerOnce(db, keyed, () => create(request, keyed));
    return sendAnswer(reply, answer);
  });

  async function create(request: FastifyRequest, keyed: KeyedRequest | null): Promise<Answer> {
    const sent = request.sent as Record<string, Json>;
    const metadata = metadataOf(sent);
    // Measured as it is kept: a long number is a short one once JavaScript has read it.
    const body = { ...(request.body as JobRequest), ...(metadata && { custom_metadata: metadata }) };
    const uploadId = ownFileId(body.audio_url);
    const upload = uploadId === null ? undefined : await findAudio(db, request.account, uploadId);
    // Our own upload is read from the disk: its URL is never called, so it may name any host.
    const { callback, problems } = readJobRequest(
      body,
      upload || request.data ? { ...judge, audio: () => null } : judge,
    );
    if (uploadId !== null && !upload && new URL(body.audio_url).origin === new URL(publicUrl()).origin)
      problems.push(NO_UPLOAD);
    if (problems.length > 0) throw new HttpError('request_invalid', { sentences: problems });

    const dataId = request.data && (await storeData(request, request.data, deps));
    const audioUrl = dataId === null ? body.audio_url : `${publicUrl()}/file/${dataId}`;
    const id = randomUUID();
    const job = {
      id,
      accountId: request.account,
      audioUrl,
      audioId: dataId ?? upload?.id ?? null,
      // A copy of a hundred thousand fields takes 150 ms: only where one is changed.
      request: withoutSecrets(sent.audio_url === audioUrl ? sent : { ...sent, audio_url: audioUrl }),
      customMetadata: metadata,
      callback,
      trace: request.trace,
      notes:
        dataId === null ? request.notes : ['audio_url was stored as an upload', ...(request.notes ?? [])],
    };
    const result_url = `${publicUrl()}${routes.prefix}/${id}`;
    const answer = { status: 201, body: JSON.stringify({ id, result_url }) };
    try {
      await queueLimit.admit(request.account, () => submit({ job, keep: keyed && { keyed, answer } }));
    } catch (error) {
      if ((error as { code?: unknown }).code === 'audio_gone')
        throw new HttpError('request_invalid', { sentences: [NO_UPLOAD], cause: error });
      throw error;
    }
    request.log.info(
      { job: id, callback: callback !== null, account: request.account, trace: traceIdOf(request.trace) },
      'job accepted',
    );
    return answer;
  }

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
  request.notes = notes;
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
