// `POST /v2/upload`: a multipart part named `audio`, the file as the body, or JSON `{audio_url}`. Streamed to disk, never held in memory.
import { randomUUID } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HttpError, JobError } from '../errors.ts';
import { shortageOf } from '../shortage.ts';
import { type AudioFolder, insertAudio, type NewAudio } from '../store/audio.ts';
import type { Db } from '../store/database.ts';
import type { DataAudio } from './data-url.ts';
import { answerOnce, earlierAnswer, hashJson, idempotencyKey, sendAnswer } from './idempotency.ts';
import type { Places } from './limits.ts';
import { isFile, type ReceiveDeps, type Received, receiveAny } from './receive-audio.ts';
import { type Upload, uploadAudio } from './schemas/audio.ts';

export type UploadDeps = ReceiveDeps & {
  db: Db;
  audio: AudioFolder;
  /** Rejects while there is too little free space for new audio. */
  room: () => Promise<void>;
  /** Seconds and channels of a media file; throws JobError when it is none. */
  probe: (
    path: string,
    signal: AbortSignal,
    account: string,
  ) => Promise<{ durationSeconds: number; channels: number }>;
  /** Of a file, as its bytes say, beside what its name says. */
  extension: (path: string, named: string) => Promise<string>;
  publicUrl: () => string;
  places: Places;
};

/** An upload is kept once it is measured. */
export type Measured = NewAudio & { duration: number; channels: number };

const ROUTE = '/v2/upload';
/** To measure a file of less than a megabyte. */
const DATA_MS = 60_000;
/** Read by nobody but the log. */
const LEFT = 'the client hung up before its upload was answered';

export function uploadRoutes(server: FastifyInstance, deps: UploadDeps): void {
  const { db, audio, publicUrl, room, places } = deps;
  server.post(ROUTE, { schema: uploadAudio }, (request, reply) => {
    const gone = goneSignal(request, reply);
    return places
      .during(request.account, () => unlessAborted(gone, receive(request, reply, gone)))
      .catch((error: unknown) => {
        // The rest of the file is not waited for.
        if ((error as { code?: unknown }).code === 'uploads_too_many') reply.header('connection', 'close');
        throw error;
      });
  });

  async function receive(
    request: FastifyRequest,
    reply: FastifyReply,
    gone: AbortSignal,
  ): Promise<FastifyReply> {
    const key = idempotencyKey(request, ROUTE);
    // Of a file it is known when the file is here.
    const keyedJson =
      isFile(request) || key === null ? null : { ...key, bodyHash: await hashJson(request.sent) };
    // Nothing is downloaded again for a request that was answered before.
    const earlier = await earlierAnswer(db, keyedJson);
    if (earlier) return sendAnswer(reply, { ...earlier, repeated: true });
    await room();
    gone.throwIfAborted();
    const id = randomUUID();
    const path = audio.incoming(id);
    let row: Measured | undefined;
    let isStored = false;
    try {
      const received = await receiveAny(request, path, key !== null, deps, gone);
      const keyed = keyedJson ?? (key && received.bodyHash && { ...key, bodyHash: received.bodyHash });
      const answer = await answerOnce(db, keyed, async () => {
        row ??= await keep(request, id, received, deps, gone);
        const given = { status: 200, body: JSON.stringify(showUpload(row, publicUrl())) };
        await insertAudio(db, row, keyed && { keyed, answer: given });
        isStored = true;
        return given;
      });
      if (answer.repeated) await audio.remove(id);
      // Of a client that left meanwhile, the refusal is written down already.
      return gone.aborted ? reply : sendAnswer(reply, answer);
    } catch (error) {
      // A database that went away under the insertion may have committed the row: the file then waits for the sweep of
      // orphans, which removes what has no row.
      const isUnknown = row !== undefined && shortageOf(error) === 'database';
      if (!isStored && !isUnknown) await audio.remove(id);
      throw error;
    }
  }
}

/**
 * Aborted when the client hangs up before it is answered, also one that has sent everything while its file is fetched or
 * measured, and one that was gone before we looked. Whoever ends only their own direction of the connection is gone as
 * well: Node closes it then, and nothing tells such a client from one that left.
 */
export function goneSignal(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  const leave = () => gone.abort(new HttpError('request_invalid', { sentences: [LEFT] }));
  if (reply.raw.destroyed || request.raw.socket.destroyed) leave();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) leave();
  });
  return gone.signal;
}

/**
 * What `work` gives, or at once the reason of the signal: a place ends with its client, while the work that the signal
 * ends as well may take a while to stop.
 */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject);
  });
}

/** Audio that came with the request of its transcription, as an upload of its own; throws JobError. */
export async function storeData(
  request: FastifyRequest,
  { bytes, filename }: DataAudio,
  deps: UploadDeps,
): Promise<string> {
  await deps.room();
  const id = randomUUID();
  let isStored = false;
  try {
    await writeFile(deps.audio.incoming(id), bytes, { mode: 0o600 });
    const received = { filename, sourceUrl: null, bodyHash: null };
    await insertAudio(deps.db, await keep(request, id, received, deps, AbortSignal.timeout(DATA_MS)), null);
    isStored = true;
    return id;
  } finally {
    if (!isStored) await deps.audio.remove(id);
  }
}

/** Measures what was received and makes it durable. */
export async function keep(
  request: FastifyRequest,
  id: string,
  { filename, sourceUrl }: Received,
  { audio, probe, extension }: UploadDeps,
  signal: AbortSignal,
): Promise<Measured> {
  const { size } = await stat(audio.incoming(id));
  if (size === 0)
    throw new JobError(
      'audio_empty',
      'The uploaded file has no bytes: send the audio itself, in the part named audio or as the body.',
    );
  const { durationSeconds, channels } = await probe(audio.incoming(id), signal, request.account);
  const named = extname(filename).slice(1).toLowerCase();
  const told = await extension(audio.incoming(id), named);
  await audio.keep(id);
  return {
    id,
    account_id: request.account,
    filename,
    extension: told,
    bytes: size,
    source_url: sourceUrl,
    duration: durationSeconds,
    channels,
  };
}

function showUpload(row: Measured, publicUrl: string): Upload {
  return {
    audio_url: `${publicUrl}/file/${row.id}`,
    audio_metadata: {
      id: row.id,
      filename: row.filename,
      ...(row.source_url !== null && { source: row.source_url }),
      extension: row.extension,
      size: row.bytes,
      audio_duration: row.duration,
      number_of_channels: row.channels,
    },
  };
}
