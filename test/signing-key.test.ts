// Ed25519 signatures (`v1a`): Svix's own key and signature as the fixed vector, then round trips through everything that
// signs and checks. The official JavaScript libraries know `v1` only, and must go on accepting beside it.
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { expect, test } from 'vitest';
import { accountSecrets } from '../src/deliver/account-secrets.ts';
import { prepare } from '../src/deliver/prepare.ts';
import { readSettings } from '../src/settings.ts';
import { generateSecret, sign, verify } from '../src/signature.ts';
import { readPublicKey, readSigningKey } from '../src/signing-key.ts';
import { startApi } from './rig/api.ts';

// The example of Svix's documentation and server tests.
const SECRET =
  'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==';
const PUBLIC = 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=';

function makeKey(): string {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return `whsk_${Buffer.concat([Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')]).toString('base64')}`;
}

test("signs as Svix's server does, and names the public key", () => {
  expect(sign([SECRET], 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, '{"test": 2432232314}')).toBe(
    'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==',
  );
  expect(readSigningKey(SECRET).publicKey).toBe(PUBLIC);
});

test('beside a whsec_ each receiver finds its own: the official verifiers, and the public key', () => {
  const secret = generateSecret();
  fc.assert(
    fc.property(fc.uuid(), fc.json(), (id, json) => {
      const { headers } = prepare({
        delivery: { id, url: 'https://e.example/', method: 'POST', body: Buffer.from(json) },
        attempt: 1,
        secrets: [SECRET, secret],
        now: new Date(),
        version: '0',
      });
      expect(headers['webhook-signature']).toMatch(/^v1a,\S+ v1,\S+$/);
      for (const key of [PUBLIC, SECRET, secret]) expect(verify(key, headers, json)).toEqual({ ok: true });
      new Webhook(secret).verify(json, headers, { jsonParse: false });
      new SvixWebhook(secret).verify(json, headers);
      for (const changed of [`${json} `, '']) expect(verify(PUBLIC, headers, changed).ok).toBe(false);
      expect(verify(readSigningKey(makeKey()).publicKey, headers, json).ok).toBe(false);
      expect(verify(PUBLIC, { ...headers, 'webhook-id': `${id}x` }, json).ok).toBe(false);
    }),
    { numRuns: 30 },
  );
});

test('an old or unsigned request is refused with the reason', () => {
  const old = Math.floor(Date.now() / 1_000) - 301;
  const headers = (timestamp: number) => ({
    'webhook-id': 'a',
    'webhook-timestamp': String(timestamp),
    'webhook-signature': sign([SECRET], 'a', timestamp, 'x'),
  });
  expect(verify(PUBLIC, headers(old), 'x')).toEqual({ ok: false, reason: 'Message timestamp too old' });
  expect(verify(PUBLIC, headers(old + 620), 'x')).toEqual({ ok: false, reason: 'Message timestamp too new' });
  expect(verify(PUBLIC, {}, 'x')).toEqual({ ok: false, reason: 'Missing required headers' });
});

test.each([
  ['too short', `${SECRET.slice(0, -8)}==`, /whsk_ followed by the base64 of 64 bytes/],
  ['a public key', PUBLIC, /not whsec_/],
  ['halves of two keys', `${makeKey().slice(0, 45)}${SECRET.slice(45)}`, /second half/],
])('as RINGBACK_SIGNING_SECRET, %s is refused without being repeated', (_, value, message) => {
  const read = () => readSettings({ RINGBACK_SIGNING_SECRET: value });
  expect(read).toThrow(message);
  expect(read).not.toThrow(value.slice(5, 30));
});

test('the list takes both kinds; a rotated account keeps the asymmetric one', async () => {
  const secret = generateSecret();
  const serverSecrets = readSettings({ RINGBACK_SIGNING_SECRET: `${secret},${SECRET}` }).signingSecrets;
  expect(serverSecrets).toEqual([secret, SECRET]);
  const own = { secret: generateSecret(), leftMs: null, ageMs: null };
  const secretsOf = (list: (typeof own)[]) =>
    accountSecrets({ serverSecrets, list: async () => new Map([['account', list]]), now: () => 0 })(
      'account',
    );
  expect(await secretsOf([])).toEqual(serverSecrets);
  expect(await secretsOf([own])).toEqual([own.secret, SECRET]);
});

test('the API shows the public key, never the other, before and after a rotation', async () => {
  const api = await startApi({ serverSecrets: ['whsec_server', SECRET] });
  try {
    const shown = { public_key: PUBLIC, source: 'server', created_at: null, expires_at: null };
    const before = await api.call({ url: '/api/signing-secrets' });
    expect(before.json.items).toMatchObject([{ secret: 'whsec_server' }, shown]);
    const after = await api.call({ method: 'POST', url: '/api/signing-secrets/rotate', body: {} });
    expect(after.json.items).toHaveLength(3);
    expect(after.json.items.at(-1)).toEqual(shown);
    expect(before.text + after.text).not.toContain(SECRET.slice(5, 30));
  } finally {
    await api.stop();
  }
});

test('the command in the docs makes a key', () => {
  const docs = readFileSync(new URL('../docs/callbacks.md', import.meta.url), 'utf8');
  const command = /^node -e '([^']+)'$/m.exec(docs)?.[1] ?? '';
  const made = execFileSync(process.execPath, ['-e', command], { encoding: 'utf8' }).trim();
  expect(() => readPublicKey(readSigningKey(made).publicKey)).not.toThrow();
});
