// Takes a request in OpenAI's shape: its file becomes an upload, and what it asks for a job, by the same ways as everywhere.
import { randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { HttpError } from '../../errors.ts';
import { shortageOf } from '../../shortage.ts';
import { insertAudio, removeUnused } from '../../store/audio.ts';
import { type CreateDeps, createJob } from '../create-job.ts';
import { answerOnce, idempotencyKey } from '../idempotency.ts';
import { keep } from '../upload.ts';
import { type Form, hashOf, NO_FILE, readForm } from './form.ts';
import { jobOf } from './job.ts';
import { type Options, readOptions } from './options.ts';

export type AcceptDeps = CreateDeps & {
  /** This server's own: a name, or a folder. */
  model: string;
};

export type Accepted = {
  /** Of the job. */
  id: string;
  options: Options;
  /** What is answered to a client that does not wait. */
  answer: { status: number; body: string; repeated: boolean };
  /** Whether its client can come back for this very job. */
  keyed: boolean;
};

export const ROUTE = '/v1/audio/transcriptions';

/** `gone`: aborted when the client is. Throws HttpError and JobError; then nothing of the request is kept. */
export async function accept(
  deps: AcceptDeps,
  request: FastifyRequest,
  gone: AbortSignal,
): Promise<Accepted> {
  const { db, audio, room, maxBytes, publicUrl } = deps;
  const key = idempotencyKey(request, ROUTE);
  await room();
  gone.throwIfAborted();
  const uploadId = randomUUID();
  let isInserted = false;
  const discard = async () => {
    if (!isInserted || (await removeUnused(db, uploadId))) await audio.remove(uploadId);
  };
  try {
    const how = { hashed: key !== null, maxBytes, signal: gone };
    const form = await readForm(request, audio.incoming(uploadId), how);
    const options = judged(request, form, deps);
    const keyed = key && { ...key, bodyHash: hashOf(form) };
    request.data = form.data;
    const answer = await answerOnce(db, keyed, async () => {
      if (form.file && !isInserted) {
        const row = await keep(request, uploadId, form.file, deps, gone);
        await insertAudio(db, row);
        isInserted = true;
      }
      gone.throwIfAborted();
      const audioUrl = form.data?.short ?? options.url ?? `${publicUrl()}/file/${uploadId}`;
      return createJob(deps, request, jobOf(options, audioUrl), keyed).catch(inOtherWords);
    });
    if (answer.repeated) await discard();
    const { id } = JSON.parse(answer.body) as { id: string };
    return { id, options, answer, keyed: keyed !== null };
  } catch (error) {
    // A database that went away may have committed what it was asked for: retention and the sweep of orphans then take
    // what nobody uses.
    if (shortageOf(error) !== 'database') await discard();
    throw error;
  }
}

/** The address has another name here. */
function inOtherWords(error: unknown): never {
  if (!(error instanceof HttpError) || error.code !== 'request_invalid') throw error;
  const sentences = error.sentences.map((one) => one.replace(/^audio_url /, 'url '));
  throw new HttpError('request_invalid', { sentences, cause: error });
}

/** What is asked for, and what is wrong with it: known before anything is stored. */
function judged(request: FastifyRequest, { fields, file, data }: Form, deps: AcceptDeps): Options {
  const { options, problems, notes, modelUnknown } = readOptions(fields, deps.model);
  if (modelUnknown) throw new HttpError('model_unknown');
  if (options.url !== null) {
    if (file || data) problems.push('url cannot be given beside a file');
    const trouble = deps.judge.audio(options.url);
    if (trouble !== null) problems.push(`url must be a URL address: ${trouble}`);
  } else if (!file && !data) problems.push(NO_FILE);
  if (problems.length > 0) throw new HttpError('request_invalid', { sentences: problems });
  request.notes = notes;
  return options;
}
