// Which secrets a command checks signatures with: those it is given, or those of the account that its key opens.
import type { IncomingHttpHeaders } from 'node:http';
import type { Client } from '../client/client.ts';
import { verifyCallback } from '../client/verify.ts';

export type Signature = { ok: true } | { ok: false; reason: string };
export type CheckSignature = (headers: IncomingHttpHeaders, body: string | Buffer) => Promise<Signature>;

/** Within it, a signature that fails is not a reason to ask again: somebody may be sending us wrong ones. */
const ASK_AGAIN_MS = 1_000;

export function givenSecrets(secrets: readonly string[]): CheckSignature {
  return async (headers, body) => verifyCallback(headers, body, secrets);
}

/** Those of the account, asked for now, and again when one does not fit: it may have been rotated. Throws where it cannot be asked. */
export async function accountSecrets(client: Client): Promise<CheckSignature> {
  const ask = async () =>
    (await client.signingSecrets.list()).flatMap(({ secret, public_key }) => secret ?? public_key ?? []);
  let secrets = await ask();
  let askedAt = performance.now();
  return async (headers, body) => {
    const verdict = verifyCallback(headers, body, secrets);
    if (verdict.ok || performance.now() - askedAt < ASK_AGAIN_MS) return verdict;
    askedAt = performance.now();
    secrets = await ask().catch(() => secrets);
    return verifyCallback(headers, body, secrets);
  };
}
