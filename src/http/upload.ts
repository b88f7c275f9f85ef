// `POST /v2/upload`: a multipart part named `audio`, the file as the body, or JSON `{audio_url}`. Streamed to disk, never held in memory.
import { createHash, type Hash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HttpError, JobError } from '../errors.ts';
import { shortageOf } from '../shortage.ts';
import { type AudioFolder, insertAudio, type NewAudio } from '../store/audio.ts';
import type { Db } from '../store/database.ts';
import { formatBytes } from '../units.ts';
import { answerOnce, earlierAnswer, hashJson, idempotencyKey, sendAnswer } from './idempotency.ts';
import type { JudgeUrl } from './job-request.ts';
import { type Limits, Places } from './limits.ts';
import { isRaw, rawName } from './raw-body.ts';
import { type Upload, uploadAudio } from './schemas/audio.ts';

export type UploadDeps = {
  db: Db;
  audio: AudioFolder;
  maxBytes: number;
  judge: { audio: JudgeUrl };
  /** Downloads to a file; throws JobError. */
  fetchAudio: (
    url: string,
    path: string,
    signal: AbortSignal,
    account: string,
  ) => Promise<{ bytes: number; filename: string }>;
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
  limits: Pick<Limits, 'uploads'>;
};

/** An upload is kept once it is measured. */
type Measured = NewAudio & { duration: number; channels: number };
type Received = {
  filename: string;
  sourceUrl: string | null;
  /** Of a file. */
  bodyHash: Buffer | null;
};

const ROUTE = '/v2/upload';
/** Kept of a text field, which nothing here reads; the parser holds all of them until the upload has ended. */
const FIELD_BYTES = 1_000;
/** Read by nobody but the log. */
const LEFT = 'the client hung up before its upload was answered';

export function uploadRoutes(server: FastifyInstance, deps: UploadDeps): void {
  const { db, audio, publicUrl, room } = deps;
  const places = new Places(deps.limits.uploads, 'uploads_too_many');
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
function goneSignal(request: FastifyRequest, reply: FastifyReply): AbortSignal {
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
function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject);
  });
}

/** Measures what was received and makes it durable. */
async function keep(
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

/** Not JSON: of it, nothing is known before it is here. */
const isFile = (request: FastifyRequest) => request.isMultipart() || isRaw(request);

function receiveAny(
  request: FastifyRequest,
  path: string,
  hashed: boolean,
  deps: UploadDeps,
  signal: AbortSignal,
): Promise<Received> {
  if (request.isMultipart()) return receivePart(request, path, hashed, deps, signal);
  if (isRaw(request)) return receiveRaw(request, path, deps, signal);
  return receiveUrl(request, path, deps, signal);
}

/** The body is the file. Its name is in a header or in the query, or it has none. */
async function receiveRaw(
  request: FastifyRequest,
  path: string,
  { maxBytes }: UploadDeps,
  signal: AbortSignal,
): Promise<Received> {
  if (Number(request.headers['content-length']) > maxBytes) throw tooLarge(maxBytes);
  const filename = nameOnly(rawName(request)) || 'audio';
  const hash = createHash('sha256').update(`file\0${filename}\0`);
  // What is too much stays unread; the connection is needed for the answer.
  const body = request.raw.iterator({ destroyOnReturn: false });
  const bytes = await writeHashed(body, path, { hash, most: maxBytes, signal });
  if (bytes > maxBytes) throw tooLarge(maxBytes);
  return { filename, sourceUrl: null, bodyHash: hash.digest() };
}

function tooLarge(maxBytes: number): JobError {
  return new JobError(
    'audio_too_large',
    `The file has more than ${formatBytes(maxBytes)}: send a smaller or compressed one.`,
  );
}

/** How many bytes came; one more than `most` ends it. */
async function writeHashed(
  from: AsyncIterable<Buffer>,
  path: string,
  { hash, most, signal }: { hash: Hash; most: number; signal: AbortSignal },
): Promise<number> {
  let bytes = 0;
  await pipeline(
    from,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        if (bytes > most) return;
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(path, { mode: 0o600 }),
    { signal },
  );
  return bytes;
}

async function receivePart(
  request: FastifyRequest,
  path: string,
  hashed: boolean,
  { maxBytes }: UploadDeps,
  signal: AbortSignal,
): Promise<Received> {
  // +1: a file of exactly the limit is still allowed, and one byte more is seen.
  const part = await asMultipart(() =>
    request.file({
      // Some send the part without a file name, which would make it text of a form.
      isPartAFile: (name, type, filename) =>
        filename !== undefined || name === 'audio' || type === 'application/octet-stream',
      limits: { fileSize: maxBytes + 1, files: 1, fields: 20, fieldSize: FIELD_BYTES },
      throwFileSizeLimit: false,
    }),
  );
  if (part?.fieldname !== 'audio') {
    part?.file.resume();
    throw new HttpError('request_invalid', {
      sentences: ['audio is required: send the file in a multipart part named audio'],
    });
  }
  const filename = nameOnly(part.filename ?? '') || 'audio';
  const hash = createHash('sha256').update(`file\0${filename}\0`);
  await asMultipart(() =>
    pipeline(
      part.file,
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          if (hashed) hash.update(chunk);
          yield chunk;
        }
      },
      createWriteStream(path, { mode: 0o600 }),
      { signal },
    ),
  );
  if (part.file.truncated || part.file.bytesRead > maxBytes) throw tooLarge(maxBytes);
  return { filename, sourceUrl: null, bodyHash: hash.digest() };
}

/** The parser's own errors have no code, unlike those of the system and of Node: the body is no multipart/form-data. */
async function asMultipart<T>(parse: () => Promise<T>): Promise<T> {
  try {
    return await parse();
  } catch (error) {
    if (!(error instanceof Error) || 'code' in error) throw error;
    throw new HttpError('request_invalid', {
      sentences: [`body must be multipart/form-data (RFC 7578): ${error.message}`],
      cause: error,
    });
  }
}

async function receiveUrl(
  request: FastifyRequest,
  path: string,
  { judge, fetchAudio }: UploadDeps,
  signal: AbortSignal,
): Promise<Received> {
  const url = (request.body as { audio_url?: unknown } | undefined)?.audio_url;
  if (typeof url !== 'string')
    throw new HttpError('request_invalid', {
      sentences: [
        'audio_url is required: send JSON with a URL, a multipart part named audio, or the file as the body with its own media type',
      ],
    });
  const trouble = judge.audio(url);
  if (trouble !== null)
    throw new HttpError('request_invalid', { sentences: [`audio_url must be a URL address: ${trouble}`] });
  const { filename } = await fetchAudio(url, path, signal, request.account);
  return { filename: nameOnly(filename) || 'audio', sourceUrl: url, bodyHash: null };
}

/** A name to show, never a path to use. */
function nameOnly(filename: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to go
  return (filename.split(/[\\/]/).at(-1) ?? '').replaceAll(/[\u0000-\u001f\u007f]/g, '').slice(0, 255);
}
