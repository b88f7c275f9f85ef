// For a receiver: whether a callback is genuine (Standard Webhooks), and what it says.
import { gunzipSync } from 'node:zlib';
import { verify } from '../signature.ts';

/** Bytes of an unpacked callback; a few kilobytes of gzip may unpack to gigabytes. */
const MOST_UNPACKED = 64_000_000;

export type VerifyOptions = {
  /** How much older or newer than this machine's clock a callback may be; 300. */
  toleranceSeconds?: number;
};

/**
 * `body` as it arrived, before anything parsed it; where it came with `content-encoding: gzip` it is unpacked first, for
 * the signature is of the JSON in it. Genuine is what one of the secrets signed, near enough to this machine's clock: then
 * `json` is what to parse. Otherwise `reason` says why not.
 */
export function verifyCallback(
  headers: Headers | Readonly<Record<string, string | string[] | undefined>>,
  body: Uint8Array | string,
  secret: string | readonly string[],
  { toleranceSeconds }: VerifyOptions = {},
): { ok: true; json: string } | { ok: false; reason: string } {
  const plain = headers instanceof Headers ? Object.fromEntries(headers) : headers;
  const content = unpacked(body, String(plain['content-encoding'] ?? ''));
  if ('reason' in content) return { ok: false, ...content };
  let reason = 'no signing secret was given';
  for (const one of [secret].flat()) {
    const verdict = verify(one, plain, content.json, toleranceSeconds);
    if (verdict.ok) return { ok: true, json: Buffer.from(content.json).toString() };
    reason = verdict.reason;
  }
  return { ok: false, reason };
}

function unpacked(
  body: Uint8Array | string,
  encoding: string,
): { json: Uint8Array | string } | { reason: string } {
  const coding = encoding.trim().toLowerCase();
  // Express unpacks by itself and leaves the header.
  if (coding === '' || coding === 'identity' || (coding === 'gzip' && !isGzip(body))) return { json: body };
  if (coding !== 'gzip') return { reason: `the body is packed with ${coding}, and only gzip is sent` };
  try {
    return { json: gunzipSync(body, { maxOutputLength: MOST_UNPACKED }) };
  } catch (error) {
    return { reason: `the body cannot be unpacked, is cut off or too large: ${(error as Error).message}` };
  }
}

/** By its first bytes, which no JSON begins with (RFC 1952, 2.3.1). */
const isGzip = (body: Uint8Array | string): boolean =>
  typeof body !== 'string' && body[0] === 0x1f && body[1] === 0x8b;
