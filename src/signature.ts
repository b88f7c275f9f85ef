// Standard Webhooks signatures (https://www.standardwebhooks.com) of "id.timestamp.body": HMAC-SHA256 under a `whsec_`
// secret of 24 to 64 random bytes (`v1`), Ed25519 under a `whsk_` key (`v1a`). Pure but for the generator's randomness.
//
// Signing uses node:crypto, not the `standardwebhooks` package, which computes SHA-256 in JavaScript: a body of 5 MB
// held the event loop for 202 ms there and for 3.7 ms here (1 kB: 68 µs and 12 µs; Node 26, one core). The package is the
// judge: the tests check every signature with it, and `verify` is it.
import {
  createHmac,
  type KeyObject,
  randomBytes,
  sign as signEd25519,
  timingSafeEqual,
  verify as verifyEd25519,
} from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { decodeSecret, isSigningKey, readPublicKey, readSigningKey } from './signing-key.ts';

/** As the official library has it. */
const TOLERANCE_S = 5 * 60;

/** A new secret of 32 random bytes. */
export function generateSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

/**
 * The value of `webhook-signature`: one `v1,<base64>` or `v1a,<base64>` per secret, space-separated, so that during a
 * rotation a receiver with either secret accepts. `timestamp` in seconds; `id` without a dot; `body` exactly as sent.
 */
export function sign(
  secrets: readonly string[],
  id: string,
  timestamp: number,
  body: Uint8Array | string,
): string {
  if (secrets.length === 0) throw new Error('no signing secret');
  if (id.includes('.') || !Number.isSafeInteger(timestamp))
    throw new Error('a signed id holds no dot, and its time is whole seconds');
  const head = `${id}.${timestamp}.`;
  return secrets
    .map((secret) => {
      if (isSigningKey(secret))
        return `v1a,${signEd25519(null, joined(head, body), privateKeyOf(secret)).toString('base64')}`;
      const digest = createHmac('sha256', decodeSecret(secret)).update(head).update(body);
      return `v1,${digest.digest('base64')}`;
    })
    .join(' ');
}

/** Ed25519 takes its message whole. */
const joined = (head: string, body: Uint8Array | string) =>
  Buffer.concat([Buffer.from(head), Buffer.from(body)]);

const privateKeys = new Map<string, KeyObject>();

/** Read once: there are as many as the operator has configured. */
function privateKeyOf(secret: string): KeyObject {
  let key = privateKeys.get(secret);
  if (!key) {
    key = readSigningKey(secret).privateKey;
    privateKeys.set(secret, key);
  }
  return key;
}

type Verified = { ok: true } | { ok: false; reason: string };

/**
 * Whether a received request is genuine: any listed signature under `secret`, within `toleranceS` of this machine's clock,
 * 5 minutes. By the official library for a `whsec_`; it has no `v1a`, so a `whpk_` (or its `whsk_`) is checked here.
 * Returns the reason when it is not.
 */
export function verify(
  secret: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  body: Uint8Array | string,
  toleranceS = TOLERANCE_S,
): Verified {
  const first: Record<string, string> = {};
  for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const) {
    const value = headers[name];
    first[name] = (Array.isArray(value) ? value[0] : value) ?? '';
  }
  const untimely = untimeliness(first, toleranceS);
  if (untimely !== null) return { ok: false, reason: untimely };
  if (secret.startsWith('whpk_')) return verifyAsymmetric(readPublicKey(secret), first, body);
  if (isSigningKey(secret))
    return verifyAsymmetric(readPublicKey(readSigningKey(secret).publicKey), first, body);
  try {
    const webhook = new Webhook(secret);
    const content = typeof body === 'string' ? body : Buffer.from(body);
    // The library has one tolerance: beyond it, its own signature is compared.
    if (toleranceS === TOLERANCE_S) webhook.verify(content, first, { jsonParse: false });
    else if (!isListed(first, webhook.sign(...signedParts(first), content)))
      return { ok: false, reason: 'No matching signature found' };
    return { ok: true };
  } catch (error) {
    return { ok: false, reason: (error as Error).message };
  }
}

function untimeliness(headers: Readonly<Record<string, string>>, toleranceS: number): string | null {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': listed } = headers;
  if (!id || !timestamp || !listed) return 'Missing required headers';
  const ageS = Date.now() / 1_000 - Number(timestamp);
  return Math.abs(ageS) <= toleranceS ? null : `Message timestamp too ${ageS > 0 ? 'old' : 'new'}`;
}

const signedParts = (headers: Readonly<Record<string, string>>): [id: string, at: Date] => [
  headers['webhook-id'] ?? '',
  new Date(Number(headers['webhook-timestamp']) * 1_000),
];

function isListed(headers: Readonly<Record<string, string>>, expected: string): boolean {
  const wanted = Buffer.from(expected);
  return (headers['webhook-signature'] ?? '').split(' ').some((one) => {
    const given = Buffer.from(one);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  });
}

function verifyAsymmetric(
  key: KeyObject,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array | string,
): Verified {
  const {
    'webhook-id': id = '',
    'webhook-timestamp': timestamp = '',
    'webhook-signature': listed = '',
  } = headers;
  const message = joined(`${id}.${timestamp}.`, body);
  const genuine = listed
    .split(' ')
    .some(
      (one) =>
        one.startsWith('v1a,') && verifyEd25519(null, message, key, Buffer.from(one.slice(4), 'base64')),
    );
  return genuine ? { ok: true } : { ok: false, reason: 'No matching signature found' };
}
