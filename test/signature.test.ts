import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { prepare } from '../src/deliver/prepare.ts';
import { generateSecret, sign, verify } from '../src/signature.ts';
import { decodeSecret } from '../src/signing-key.ts';

// Vectors checked in two languages apart from this code.
const OLD = 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=';
const NEW = 'whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=';
const BODY = '{"id":"transcription_12345","event":"success","payload":{}}';

describe('vectors', () => {
  it.each([
    [OLD, 'v1,EVmeih97Hq0a29IMHYpzGQ1m5bAXiga/cDfFyp/Nz+E='],
    [NEW, 'v1,Byld5hGhbQZgbSSHWBe7Op4wVsSIa6+FjdtE7ai31sU='],
  ])('%s', (secret, signature) => {
    expect(sign([secret], 'msg_rb0001', 1_767_225_600, BODY)).toBe(signature);
    expect(sign([secret], 'msg_rb0001', 1_767_225_600, Buffer.from(BODY))).toBe(signature);
    expect(new Webhook(secret).sign('msg_rb0001', new Date(1_767_225_600_000), BODY)).toBe(signature);
  });
  it('rotation lists both', () => {
    expect(sign([NEW, OLD], 'msg_rb0001', 1_767_225_600, BODY)).toBe(
      'v1,Byld5hGhbQZgbSSHWBe7Op4wVsSIa6+FjdtE7ai31sU= v1,EVmeih97Hq0a29IMHYpzGQ1m5bAXiga/cDfFyp/Nz+E=',
    );
  });
});

describe('secrets', () => {
  it('made ones are valid and differ', () => {
    expect(decodeSecret(generateSecret())).toHaveLength(32);
    expect(generateSecret()).not.toBe(generateSecret());
  });
  it.each([
    '',
    'whsec_',
    OLD.slice('whsec_'.length),
    `whsec_${Buffer.alloc(23).toString('base64')}`,
    `whsec_${Buffer.alloc(65).toString('base64')}`,
    `whsec_!${'A'.repeat(42)}=`,
    `WHSEC_${'A'.repeat(43)}=`,
  ])('"%s" is refused without being repeated', (secret) => {
    expect(() => decodeSecret(secret)).toThrow(
      /^a signing secret is whsec_ followed by the base64 of 24 to 64/,
    );
  });
  it.each([24, 64])('%i bytes are taken, padded or not', (length) => {
    const secret = `whsec_${Buffer.alloc(length, 1).toString('base64')}`;
    expect(decodeSecret(secret)).toHaveLength(length);
    expect(decodeSecret(secret.replace(/=+$/, ''))).toHaveLength(length);
  });
});

it('refuses to sign what could be read in two ways', () => {
  expect(() => sign([OLD], 'a.b', 1, BODY)).toThrow(/dot/);
  expect(() => sign([OLD], 'a', 1.5, BODY)).toThrow(/whole seconds/);
  expect(() => sign([], 'a', 1, BODY)).toThrow(/no signing secret/);
});

describe('prepared requests', () => {
  const delivery = {
    id: 'd-1',
    url: 'https://e.example/h?k=1',
    method: 'PUT' as const,
    body: Buffer.from(BODY),
  };
  const now = new Date(1_767_225_600_999);

  it('carry exactly these headers', () => {
    const request = prepare({ delivery, attempt: 3, secrets: [NEW, OLD], now, version: '0.1.0' });
    expect(request).toEqual({
      url: 'https://e.example/h?k=1',
      method: 'PUT',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Ringback/0.1.0',
        'webhook-id': 'd-1',
        'webhook-timestamp': '1767225600',
        'webhook-signature': sign([NEW, OLD], 'd-1', 1_767_225_600, BODY),
        'ringback-attempt': '3',
      },
      body: delivery.body,
    });
  });

  it('gzipped, the signature still covers the JSON', () => {
    const gzippedBody = Buffer.from([31, 139]);
    const request = prepare({
      delivery: { ...delivery, gzippedBody },
      attempt: 1,
      secrets: [OLD],
      now,
      version: '0',
    });
    expect(request.body).toBe(gzippedBody);
    expect(request.headers['content-encoding']).toBe('gzip');
    expect(request.headers['webhook-signature']).toBe(sign([OLD], 'd-1', 1_767_225_600, BODY));
  });

  it('verify under every secret that signed, by the official library, and under no other', () => {
    const secret = fc
      .uint8Array({ minLength: 24, maxLength: 64 })
      .map((bytes) => `whsec_${Buffer.from(bytes).toString('base64')}`);
    const id = fc.uuid();
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 3 }),
        secret,
        id,
        fc.json(),
        (secrets, other, id, json) => {
          const body = Buffer.from(json);
          const { headers } = prepare({
            delivery: { ...delivery, id, body },
            attempt: 1,
            secrets,
            now: new Date(),
            version: '0',
          });
          for (const each of secrets) expect(verify(each, headers, body)).toEqual({ ok: true });
          if (!secrets.includes(other)) expect(verify(other, headers, body).ok).toBe(false);
          expect(verify(secrets[0] ?? '', headers, Buffer.concat([body, Buffer.from(' ')])).ok).toBe(false);
          expect(verify(secrets[0] ?? '', { ...headers, 'webhook-id': `${id}x` }, body).ok).toBe(false);
        },
      ),
    );
  });

  it('expire after five minutes', () => {
    const old = prepare({ delivery, attempt: 1, secrets: [OLD], now, version: '0' });
    expect(verify(OLD, old.headers, BODY)).toEqual({ ok: false, reason: 'Message timestamp too old' });
    expect(verify(OLD, {}, BODY)).toEqual({ ok: false, reason: 'Missing required headers' });
  });
});
