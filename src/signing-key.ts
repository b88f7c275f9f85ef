// The secrets of Standard Webhooks. Symmetric (`v1`): `whsec_` and the base64 of 24 to 64 bytes. Asymmetric (`v1a`,
// Ed25519): `whsk_` and the base64 of 64 bytes, seed and then public key, signs; `whpk_` and the base64 of the public
// key's 32 verifies. A receiver that holds a `whpk_` can check callbacks and forge none. Pure.
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

const PRIVATE = 'whsk_';
const PUBLIC = 'whpk_';
const HALF = 32;
/** What stands before the seed in PKCS #8 and before the key in SPKI (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

const SYMMETRIC = 'whsec_';
const MIN_BYTES = 24;
const MAX_BYTES = 64;

export type SigningKey = { privateKey: KeyObject; publicKey: string };

/** Whether a secret is of this kind; the symmetric ones begin with `whsec_`. */
export const isSigningKey = (secret: string): boolean => secret.startsWith(PRIVATE);

/** Throws a sentence that does not repeat the secret. */
export function readSigningKey(secret: string): SigningKey {
  const bytes = decoded(secret, PRIVATE, 2 * HALF);
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8, bytes.subarray(0, HALF)]),
    format: 'der',
    type: 'pkcs8',
  });
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  if (!spki.subarray(-HALF).equals(bytes.subarray(HALF)))
    throw new Error('the second half of this whsk_ signing key is not the public key of its first');
  return { privateKey, publicKey: PUBLIC + bytes.subarray(HALF).toString('base64') };
}

/** `whpk_…` as a key to verify with. */
export function readPublicKey(text: string): KeyObject {
  const key = Buffer.concat([SPKI, decoded(text, PUBLIC, HALF)]);
  return createPublicKey({ key, format: 'der', type: 'spki' });
}

function decoded(text: string, prefix: string, length: number): Buffer {
  const encoded = text.startsWith(prefix) ? text.slice(prefix.length) : '';
  const bytes = Buffer.from(encoded, 'base64');
  const whole = bytes.toString('base64').replace(/=+$/, '') === encoded.replace(/=+$/, '');
  if (!whole || bytes.length !== length)
    throw new Error(`a ${prefix} key is ${prefix} followed by the base64 of ${length} bytes`);
  return bytes;
}

/** The key bytes of `whsec_<base64>`. Throws a sentence that does not repeat the secret. */
export function decodeSecret(secret: string): Buffer {
  const encoded = secret.startsWith(SYMMETRIC) ? secret.slice(SYMMETRIC.length) : '';
  const key = Buffer.from(encoded, 'base64');
  // Buffer.from skips what is not base64; a secret that lost a character must not pass as a shorter one.
  const whole = key.toString('base64').replace(/=+$/, '') === encoded.replace(/=+$/, '');
  if (!whole || key.length < MIN_BYTES || key.length > MAX_BYTES)
    throw new Error('a signing secret is whsec_ followed by the base64 of 24 to 64 bytes');
  return key;
}
