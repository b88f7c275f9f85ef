// Whether what came to an inbox is signed by its account, or by one of the account's webhooks. By node:crypto, like the signing itself: the official library
// would hold the event loop for a fifth of a second over 5 MB.
import type { IncomingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { INBOX_LIMITS } from '../inbox.ts';
import { sign } from '../signature.ts';
import type { Db } from '../store/database.ts';
import { secretsInForceOf } from '../store/signing-secrets.ts';
import { webhookSecretsOf } from '../store/webhook-secrets.ts';

const TOLERANCE_S = 5 * 60;
const unpack = promisify(gunzip);

/** Null: there is no signature, or nothing that it could be of. */
export function signatureChecker(db: Db, serverSecrets: readonly string[]) {
  return async (
    accountId: string,
    headers: IncomingHttpHeaders,
    body: Buffer,
  ): Promise<'valid' | 'invalid' | null> => {
    const [id, timestamp, listed] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
      String(headers[name] ?? ''),
    ) as [string, string, string];
    if (listed === '') return null;
    const seconds = Number(timestamp);
    if (id === '' || id.includes('.') || !/^\d{1,12}$/.test(timestamp)) return 'invalid';
    if (Math.abs(Date.now() / 1_000 - seconds) > TOLERANCE_S) return 'invalid';
    const json = await unpacked(headers['content-encoding'], body);
    if (json === null) return null;
    const own = (await secretsInForceOf(db, [accountId], serverSecrets.length > 0)).get(accountId) ?? [];
    const secrets = [
      ...own.map(({ secret }) => secret),
      ...serverSecrets,
      ...(await webhookSecretsOf(db, accountId)),
    ];
    const genuine = new Set(sign(secrets, id, seconds, json).split(' '));
    return listed.split(' ').some((one) => genuine.has(one)) ? 'valid' : 'invalid';
  };
}

async function unpacked(encoding: string | undefined, body: Buffer): Promise<Buffer | null> {
  if (encoding === undefined || encoding === 'identity') return body;
  if (encoding !== 'gzip') return null;
  // What is no gzip, or unpacks to more than an inbox takes, is nothing that we sent.
  return unpack(body, { maxOutputLength: INBOX_LIMITS.mostBytes }).catch(() => null);
}
