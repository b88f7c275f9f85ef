// Standard Webhooks signatures, checked in the browser by WebCrypto: HMAC-SHA256 under `whsec_…` (`v1`), Ed25519 under a
// public key `whpk_…` (`v1a`). The same as a receiver does.

export type Signed = { id: string; timestamp: string; signature: string; body: Uint8Array };

export type Checked =
  | { ok: true; by: string }
  /** `computed`: what the secret makes of it, to compare with what was sent. */
  | { ok: false; why: string; computed: string | null };

/** Browsers have WebCrypto on https and localhost only. */
export const canCheck = (): boolean => globalThis.crypto?.subtle !== undefined;

/** The bytes that are signed begin with this; the body follows. */
export const signedHead = ({ id, timestamp }: Pick<Signed, 'id' | 'timestamp'>): string =>
  `${id}.${timestamp}.`;

export async function checkSignature(signed: Signed, secret: string): Promise<Checked> {
  const sent = signed.signature.split(/\s+/).filter(Boolean);
  if (sent.length === 0) return { ok: false, why: 'webhook-signature is empty.', computed: null };
  const key = bytesOf(secret.trim());
  if (key === null)
    return {
      ok: false,
      why: 'The secret is none: it is whsec_ (or whpk_, a public key) and base64 after it.',
      computed: null,
    };
  const message = joined(signedHead(signed), signed.body);
  return key.kind === 'whpk' ? checkPublic(sent, key.bytes, message) : checkSecret(sent, key.bytes, message);
}

type Bytes = Uint8Array<ArrayBuffer>;

async function checkSecret(sent: readonly string[], key: Bytes, message: Bytes): Promise<Checked> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['sign']);
  const digest = await crypto.subtle.sign('HMAC', imported, message);
  const computed = `v1,${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
  if (sent.includes(computed)) return { ok: true, by: computed };
  return {
    ok: false,
    why: 'This secret does not make any of the signatures that were sent: another secret, or other bytes.',
    computed,
  };
}

async function checkPublic(sent: readonly string[], key: Bytes, message: Bytes): Promise<Checked> {
  const imported = await crypto.subtle.importKey('raw', key, 'Ed25519', false, ['verify']);
  for (const one of sent.filter((one) => one.startsWith('v1a,'))) {
    const signature = decoded(one.slice('v1a,'.length));
    if (signature && (await crypto.subtle.verify('Ed25519', imported, signature, message)))
      return { ok: true, by: one };
  }
  return { ok: false, why: 'No v1a signature that was sent is of this public key.', computed: null };
}

function bytesOf(secret: string): { kind: 'whsec' | 'whpk'; bytes: Bytes } | null {
  const kind = secret.startsWith('whpk_') ? 'whpk' : 'whsec';
  const bytes = decoded(secret.replace(/^(whsec_|whpk_)/, ''));
  return bytes === null || bytes.length === 0 ? null : { kind, bytes };
}

function decoded(base64: string): Bytes | null {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

function joined(head: string, body: Uint8Array): Bytes {
  const start = new TextEncoder().encode(head);
  const all = new Uint8Array(start.length + body.length);
  all.set(start);
  all.set(body, start.length);
  return all;
}
