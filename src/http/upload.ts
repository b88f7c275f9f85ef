// `POST /v2/upload`: a multipart part named `audio`, or JSON `{audio_url}`. Streamed to disk, never held in memory.
import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpError, JobError } from '../errors.ts';
import { type AudioFolder, insertAudio } from '../store/audio.ts';
import type { Db } from '../store/database.ts';
import { formatBytes } from '../units.ts';
import type { JudgeUrl } from './job-request.ts';

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
  ) => Promise<{ bytes: number; filename: string }>;
  /** Seconds and channels of a media file; throws JobError when it is none. */
  probe: (path: string, signal: AbortSignal) => Promise<{ durationSeconds: number; channels: number }>;
  publicUrl: () => string;
};

type Received = { filename: string; sourceUrl: string | null };

export function uploadRoutes(server: FastifyInstance, deps: UploadDeps): void {
  const { db, audio, probe, publicUrl } = deps;
  server.post('/v2/upload', async (request, reply) => {
    const id = randomUUID();
    const path = audio.incoming(id);
    const gone = new AbortController();
    request.raw.once('close', () => {
      if (!request.raw.complete) gone.abort();
    });
    try {
      const { filename, sourceUrl } = request.isMultipart()
        ? await receivePart(request, path, deps)
        : await receiveUrl(request, path, deps, gone.signal);
      const { size } = await stat(path);
      if (size === 0)
        throw new JobError(
          'audio_empty',
          'The uploaded file has no bytes: send the audio itself in the part named audio.',
        );
      const { durationSeconds, channels } = await probe(path, gone.signal);
      await audio.keep(id);
      const extension = extname(filename).slice(1).toLowerCase();
      await insertAudio(db, {
        id,
        account_id: request.account,
        filename,
        extension,
        bytes: size,
        source_url: sourceUrl,
        duration: durationSeconds,
        channels,
      });
      return await reply.code(200).send({
        audio_url: `${publicUrl()}/file/${id}`,
        audio_metadata: {
          id,
          filename,
          ...(sourceUrl !== null && { source: sourceUrl }),
          extension,
          size,
          audio_duration: durationSeconds,
          number_of_channels: channels,
        },
      });
    } catch (error) {
      await audio.remove(id);
      throw error;
    }
  });
}

async function receivePart(
  request: FastifyRequest,
  path: string,
  { maxBytes }: UploadDeps,
): Promise<Received> {
  // +1: a file of exactly the limit is still allowed, and one byte more is seen.
  const part = await request.file({
    limits: { fileSize: maxBytes + 1, files: 1, fields: 20 },
    throwFileSizeLimit: false,
  });
  if (part?.fieldname !== 'audio') {
    part?.file.resume();
    throw new HttpError('request_invalid', {
      sentences: ['audio is required: send the file in a multipart part named audio'],
    });
  }
  await pipeline(part.file, createWriteStream(path, { mode: 0o600 }));
  if (part.file.truncated || part.file.bytesRead > maxBytes)
    throw new JobError(
      'audio_too_large',
      `The file has more than ${formatBytes(maxBytes)}: send a smaller or compressed one.`,
    );
  return { filename: nameOnly(part.filename) || 'audio', sourceUrl: null };
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
      sentences: ['audio_url is required: send JSON with a URL, or a multipart part named audio'],
    });
  const trouble = judge.audio(url);
  if (trouble !== null)
    throw new HttpError('request_invalid', { sentences: [`audio_url must be a URL address: ${trouble}`] });
  const { filename } = await fetchAudio(url, path, signal);
  return { filename: nameOnly(filename) || 'audio', sourceUrl: url };
}

/** A name to show, never a path to use. */
function nameOnly(filename: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to go
  return (filename.split(/[\\/]/).at(-1) ?? '').replaceAll(/[\u0000-\u001f\u007f]/g, '').slice(0, 255);
}
