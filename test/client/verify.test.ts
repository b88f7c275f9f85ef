// The check of a callback on the receiving side: packed bodies, rotation, clocks that are apart.
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { verifyCallback } from '../../src/client/verify.ts';
import { generateSecret, sign } from '../../src/signature.ts';

const [secret, other] = [generateSecret(), generateSecret()];
const json = '{"id":"é"}';

function signed(secrets: string[], secondsAgo = 0): Record<string, string> {
  const at = Math.floor(Date.now() / 1_000) - secondsAgo;
  return {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(at),
    'webhook-signature': sign(secrets, 'msg_1', at, json),
  };
}
const genuine = { ok: true, json };
const refused = (reason: RegExp) => ({ ok: false, reason: expect.stringMatching(reason) });

test('in a rotation the old and the new secret do, in any order', () => {
  expect(verifyCallback(signed([secret, other]), json, secret)).toEqual(genuine);
  expect(verifyCallback(signed([other]), json, [secret, other])).toEqual(genuine);
  expect(verifyCallback(signed([other]), json, secret)).toEqual(refused(/No matching signature/));
  expect(verifyCallback(signed([other]), json, [])).toEqual(refused(/no signing secret/));
});

test('gzip is unpacked first, or was by a framework that left the header', () => {
  const headers = { ...signed([secret]), 'content-encoding': 'gzip' };
  const packed = gzipSync(json);
  expect(verifyCallback(headers, packed, secret)).toEqual(genuine);
  expect(verifyCallback(headers, Buffer.from(json), secret)).toEqual(genuine);
  expect(verifyCallback(headers, packed.subarray(0, -6), secret)).toEqual(refused(/cannot be unpacked/));
  expect(verifyCallback(headers, gzipSync(Buffer.alloc(65_000_000)), secret)).toEqual(refused(/too large/));
  expect(verifyCallback(headers, gzipSync(`${json} `), secret)).toEqual(refused(/No matching signature/));
  expect(verifyCallback({ ...headers, 'content-encoding': 'br' }, packed, secret)).toEqual(
    refused(/packed with br/),
  );
});

test('a tolerance of its own is kept both ways, with every kind of signature compared', () => {
  expect(verifyCallback(signed([secret], 400), json, secret)).toEqual(refused(/too old/));
  expect(verifyCallback(signed([secret], -400), json, secret)).toEqual(refused(/too new/));
  expect(verifyCallback(signed([secret], 400), json, secret, { toleranceSeconds: 500 })).toEqual(genuine);
  expect(verifyCallback(signed([secret], 60), json, secret, { toleranceSeconds: 30 })).toEqual(
    refused(/too old/),
  );
  expect(verifyCallback(signed([other], 400), json, secret, { toleranceSeconds: 500 })).toEqual(
    refused(/No matching signature/),
  );
  const timeless = { ...signed([secret]), 'webhook-timestamp': 'today' };
  expect(verifyCallback(timeless, json, secret, { toleranceSeconds: 500 }).ok).toBe(false);
  expect(verifyCallback({}, json, secret)).toEqual(refused(/Missing required headers/));
});
