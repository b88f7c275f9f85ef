// The bytes of an upload, in each of the ways in which clients send them: written to a file, never held in memory.
import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { MultipartFile } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { HttpError, JobError } from '../errors.ts';
import { formatBytes } from '../units.ts';
import { isDataUrl, readDataUrl } from './data-url.ts';
import type { JudgeUrl } from './job-request.ts';
import { isRaw, rawName } from './raw-body.ts';

export type ReceiveDeps = {
  maxBytes: number;
  judge: { audio: JudgeUrl };
  /** Downloads to a file; throws JobError. */
  fetchAudio: (
    url: string,
    path: string,
    signal: AbortSignal,
    account: string,
  ) => Promise<{ bytes: number; filename: string }>;
};

export type Received = {
  filename: string;
  sourceUrl: string | null;
  /** Of a file, where the request has a key that it is compared under. */
  bodyHash: Buffer | null;
};

/** Kept of a text field, which nothing here reads; the parser holds all of them until the upload has ended. */
const FIELD_BYTES = 1_000;

/** Not JSON: of it, nothing is known before it is here. */
export const isFile = (request: FastifyRequest) => request.isMultipart() || isRaw(request);

export function receiveAny(
  request: FastifyRequest,
  path: string,
  hashed: boolean,
  deps: ReceiveDeps,
  signal: AbortSignal,
): Promise<Received> {
  if (request.isMultipart()) return receivePart(request, path, hashed, deps, signal);
  if (isRaw(request)) return receiveRaw(request, path, hashed, deps, signal);
  return receiveUrl(request, path, deps, signal);
}

/** The body is the file. Its name is in a header or in the query, or it has none. */
async function receiveRaw(
  request: FastifyRequest,
  path: string,
  hashed: boolean,
  { maxBytes }: ReceiveDeps,
  signal: AbortSignal,
): Promise<Received> {
  if (Number(request.headers['content-length']) > maxBytes) throw tooLarge(maxBytes);
  const filename = nameOnly(rawName(request)) || 'audio';
  const hash = hashed ? hashOf(filename) : null;
  // What is too much stays unread; the connection is needed for the answer.
  const body = request.raw.iterator({ destroyOnReturn: false });
  const bytes = await writeHashed(body, path, { hash, most: maxBytes, signal });
  if (bytes > maxBytes) throw tooLarge(maxBytes);
  return { filename, sourceUrl: null, bodyHash: hash?.digest() ?? null };
}

const hashOf = (filename: string): Hash => createHash('sha256').update(`file\0${filename}\0`);

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
  { hash, most, signal }: { hash: Hash | null; most: number; signal: AbortSignal },
): Promise<number> {
  let bytes = 0;
  await pipeline(
    from,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        if (bytes > most) return;
        hash?.update(chunk);
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
  { maxBytes }: ReceiveDeps,
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
  return asMultipart(() => writePart(part, path, { hashed, maxBytes, signal }));
}

/** The file of a form, under the name that it came with. */
export async function writePart(
  part: MultipartFile,
  path: string,
  { hashed, maxBytes, signal }: { hashed: boolean; maxBytes: number; signal: AbortSignal },
): Promise<Received> {
  const filename = nameOnly(part.filename ?? '') || 'audio';
  const hash = hashed ? hashOf(filename) : null;
  // The parser itself stops at the limit, and takes the rest of the body.
  const bytes = await writeHashed(part.file, path, { hash, most: Number.POSITIVE_INFINITY, signal });
  if (bytes > maxBytes) throw tooLarge(maxBytes);
  return { filename, sourceUrl: null, bodyHash: hash?.digest() ?? null };
}

/** The parser's own errors have no code, unlike those of the system and of Node: the body is no multipart/form-data. */
export async function asMultipart<T>(parse: () => Promise<T>): Promise<T> {
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
  { judge, fetchAudio }: ReceiveDeps,
  signal: AbortSignal,
): Promise<Received> {
  const url = (request.body as { audio_url?: unknown } | undefined)?.audio_url;
  if (isDataUrl(url)) {
    const data = readDataUrl(url);
    if ('problem' in data)
      throw new HttpError('request_invalid', { sentences: [`audio_url ${data.problem}`] });
    await writeFile(path, data.bytes, { mode: 0o600 });
    return { filename: data.filename, sourceUrl: null, bodyHash: null };
  }
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
