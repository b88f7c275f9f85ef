// A request that was understood becomes a job: judged by the rules between its fields, and stored. Routes of every shape end
// here, so that a job is the same whoever asked for it.
import { randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { withoutSecrets } from '../callback-headers.ts';
import { HttpError } from '../errors.ts';
import { findAudio } from '../store/audio.ts';
import type { Db } from '../store/database.ts';
import type { Answer, KeyedRequest } from '../store/idempotency.ts';
import { ownFileId } from '../store/job-record.ts';
import { metadataOf } from '../store/metadata.ts';
import type { Json } from '../store/schema.ts';
import type { Submit } from '../store/submissions.ts';
import { traceIdOf } from '../trace.ts';
import { type JobRequest, type JudgeUrl, readJobRequest } from './job-request.ts';
import type { QueueLimit } from './limits.ts';
import { storeData, type UploadDeps } from './upload.ts';

export type CreateDeps = UploadDeps & {
  db: Db;
  submit: Submit;
  judge: { audio: JudgeUrl; callback: JudgeUrl };
  publicUrl: () => string;
  queueLimit: QueueLimit;
};

export type Asked = {
  /** To be stored and shown: its numbers to the letter. */
  sent: Record<string, Json>;
  /** The same, to be counted with. */
  body: JobRequest;
  /** Of the family whose record the answer points at. */
  prefix: string;
};

const NO_UPLOAD = 'audio_url must name an uploaded file: there is none with this id';

/** The 201 once it is committed, and kept under the request's key; throws `request_invalid`, `queue_full`. */
export async function createJob(
  deps: CreateDeps,
  request: FastifyRequest,
  { sent, body: given, prefix }: Asked,
  keyed: KeyedRequest | null,
): Promise<Answer> {
  const { db, submit, queueLimit, judge, publicUrl } = deps;
  const metadata = metadataOf(sent);
  // Measured as it is kept: a long number is a short one once JavaScript has read it.
  const body = { ...given, ...(metadata && { custom_metadata: metadata }) };
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
    notes: request.notes,
  };
  const result_url = `${publicUrl()}${prefix}/${id}`;
  const answer = { status: 201, body: JSON.stringify({ id, result_url }) };
  try {
    await queueLimit.admit(request.account, () => submit({ job, keep: keyed && { keyed, answer } }));
  } catch (error) {
    if ((error as { code?: unknown }).code === 'audio_gone')
      throw new HttpError('request_invalid', { sentences: [NO_UPLOAD], cause: error });
    throw error;
  }
  request.log.info(
    { job: id, callback: job.callback !== null, account: request.account, trace: traceIdOf(request.trace) },
    'job accepted',
  );
  return answer;
}
