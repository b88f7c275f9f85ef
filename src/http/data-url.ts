// Short audio in the request itself: `data:audio/wav;base64,…` (RFC 2397). Pure.
import { createHash } from 'node:crypto';

/** Bytes once decoded; a request has room for little more. */
export const MOST_DATA_BYTES = 700_000;

export type DataAudio = {
  bytes: Buffer;
  filename: string;
  /** Stands for it where the whole would be too long: the type, and a hash. */
  short: string;
};

const FORM = /^data:([\w.+-]+\/[\w.+-]+)?((?:;[\w.+-]+=[^;,]*)*)(;base64)?,(.*)$/is;

export const isDataUrl = (text: unknown): text is string =>
  typeof text === 'string' && /^data:/i.test(text.slice(0, 5));

/** What is in it, or what is wrong with it: what comes after the name of the field. */
export function readDataUrl(text: string): DataAudio | { problem: string } {
  const [, type = 'audio/wav', , isBase64, content = ''] = FORM.exec(text) ?? [];
  if (isBase64 === undefined || !/^[\w+/-]+={0,2}$/.test(content))
    return { problem: 'must be a data: URI like data:audio/wav;base64,… with base64 after the comma' };
  const bytes = Buffer.from(content, 'base64');
  if (bytes.length > MOST_DATA_BYTES)
    return {
      problem: `must be shorter than or equal to ${MOST_DATA_BYTES} bytes as a data: URI (it has ${bytes.length}): send the file to POST /v2/upload`,
    };
  const hash = createHash('sha256').update(bytes).digest('hex');
  const [, subtype = 'wav'] = /\/(?:x-)?([\w]{1,10})/.exec(type) ?? [];
  return {
    bytes,
    filename: `audio.${subtype.toLowerCase()}`,
    short: `data:${type.slice(0, 60)};sha256=${hash}`,
  };
}
