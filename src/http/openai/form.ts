// A request in OpenAI's shape as it comes: a form with the file among its fields, in any order, which is written to the disk and
// never held in memory; or JSON with a short audio in it.
import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { HttpError } from '../../errors.ts';
import { clipped } from '../clip.ts';
import { type DataAudio, readDataUrl } from '../data-url.ts';
import { asMultipart, type Received, writePart } from '../receive-audio.ts';
import { unstorable } from '../validation.ts';
import { addField, type Fields, fieldsOf, textOf } from './fields.ts';

export type Form = {
  fields: Fields;
  /** Written to the path that was given. */
  file: Received | null;
  data: DataAudio | null;
};

/** The parser holds all of them until the form has ended: together no more than 1.2 MB. */
const MOST_FIELDS = 150;
/** Of one field: the longest that is read is the address of an audio. */
const FIELD_BYTES = 8_200;

export const NO_FILE =
  'file is required: send the audio in a multipart part named file, or its address in url';

type How = { hashed: boolean; maxBytes: number; signal: AbortSignal };

export function readForm(request: FastifyRequest, path: string, how: How): Promise<Form> {
  if (request.isMultipart()) return asMultipart(() => readParts(request, path, how)).catch(tooMany);
  return Promise.resolve(readJson(request.body));
}

function tooMany(error: unknown): never {
  const { code } = error as { code?: unknown };
  if (code === 'FST_FIELDS_LIMIT') throw invalid(`fields must be no more than ${MOST_FIELDS}`);
  if (code === 'FST_FILES_LIMIT') throw invalid('file must be given once');
  throw error;
}

async function readParts(request: FastifyRequest, path: string, how: How): Promise<Form> {
  const fields: Fields = new Map();
  let file: Received | null = null;
  const form = {
    // Some send the part without a file name, which would make it text of a form.
    isPartAFile: (name: string | undefined, type: string | undefined, filename: string | undefined) =>
      filename !== undefined || name === 'file' || type === 'application/octet-stream',
    // +1: a file of exactly the limit is still allowed, and one byte more is seen.
    limits: { fileSize: how.maxBytes + 1, files: 1, fields: MOST_FIELDS, fieldSize: FIELD_BYTES },
    throwFileSizeLimit: false,
  };
  for await (const part of request.parts(form)) {
    if (part.type === 'file' && part.fieldname !== 'file') {
      part.file.resume();
      throw invalid(NO_FILE);
    } else if (part.type === 'file') file = await writePart(part, path, how);
    // Samples of voices are refused by their name, however long.
    else if (part.valueTruncated && !part.fieldname.startsWith('known_speaker_'))
      throw invalid(`${clipped(part.fieldname)} must be shorter than ${FIELD_BYTES} bytes`);
    else addField(fields, part.fieldname, textOf(part.value));
  }
  const trouble = unstorable(
    Object.fromEntries([...fields].map(([name, all]) => [name, all.map(({ inner, text }) => inner + text)])),
  );
  if (trouble !== null) throw invalid(trouble);
  return { fields, file, data: null };
}

function readJson(body: unknown): Form {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalid(NO_FILE);
  const { input_audio: audio, ...others } = body as Record<string, unknown>;
  return { fields: fieldsOf(others), file: null, data: audio === undefined ? null : dataOf(audio) };
}

function dataOf(audio: unknown): DataAudio {
  const { data, format } = (audio ?? {}) as { data?: unknown; format?: unknown };
  if (typeof data !== 'string') throw invalid('input_audio.data is required: base64 of the audio');
  const type = typeof format === 'string' && /^\w{1,10}$/.test(format) ? format : 'wav';
  const read = readDataUrl(data.startsWith('data:') ? data : `data:audio/${type};base64,${data}`);
  if ('problem' in read)
    throw invalid('input_audio.data must be base64 of at most 700,000 bytes: send a larger file as a form');
  return read;
}

const invalid = (sentence: string) => new HttpError('request_invalid', { sentences: [sentence] });

/** What an `Idempotency-Key` stands for: the fields, in whatever order they came, and the audio. */
export function hashOf({ fields, file, data }: Form): Buffer {
  const sorted = [...fields].sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(`openai\0${JSON.stringify(sorted)}\0${data?.short ?? ''}\0`)
    .update(file?.bodyHash ?? '')
    .digest();
}
