// For a receiver: whether a callback is genuine (Standard Webhooks).
import { verify } from '../signature.ts';

/**
 * `body` as it arrived, before anything parsed it. Genuine is what one of the secrets signed, within 5 minutes of this
 * machine's clock; otherwise `reason` says why not.
 */
export function verifyCallback(
  headers: Headers | Readonly<Record<string, string | string[] | undefined>>,
  body: Uint8Array | string,
  secret: string | readonly string[],
): { ok: true } | { ok: false; reason: string } {
  const plain = headers instanceof Headers ? Object.fromEntries(headers) : headers;
  let verdict: ReturnType<typeof verify> = { ok: false, reason: 'no signing secret was given' };
  for (const one of [secret].flat()) {
    verdict = verify(one, plain, body);
    if (verdict.ok) return verdict;
  }
  return verdict;
}
