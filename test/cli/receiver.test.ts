// What `listen` makes of a callback: packed or not, what it cannot read, and numbers as they came.
import { gzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { formatCallback, type ReceivedCallback, startReceiver } from '../../src/cli/receiver.ts';
import { generateSecret, sign } from '../../src/signature.ts';

const secret = generateSecret();
const BODY = '{"id":"x","event":"success","custom_metadata":{"order":9007199254740993,"price":1.0}}';
let stop: () => Promise<void> = async () => {};
afterEach(() => stop());

async function send(body: Buffer | string, headers: Record<string, string> = {}) {
  const heard = Promise.withResolvers<ReceivedCallback>();
  const receiver = await startReceiver({ port: 0, secret, status: 204, onCallback: heard.resolve });
  stop = () => receiver.close();
  const now = Math.floor(Date.now() / 1_000);
  const { status } = await fetch(receiver.url, {
    method: 'POST',
    body: typeof body === 'string' ? body : new Uint8Array(body),
    headers: {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(now),
      'webhook-signature': sign([secret], 'msg_1', now, BODY),
      ...headers,
    },
  });
  return { status, shown: formatCallback(await heard.promise) };
}

test.each([
  ['as it is', BODY, {}],
  ['packed', gzipSync(BODY), { 'content-encoding': 'gzip' }],
])('a body %s is verified and shown, numbers to the letter', async (_what, body, headers) => {
  const { status, shown } = await send(body, headers);
  expect(status).toBe(204);
  expect(shown).toContain('"order": 9007199254740993,\n    "price": 1.0\n');
  expect(shown).toMatch(/signature valid$/);
});

test.each([
  [415, 'br', gzipSync(BODY), /REFUSED: content-encoding br is not known here: gzip is$/],
  [400, 'gzip', Buffer.from(BODY), /REFUSED: the body is no gzip: /],
  [400, 'gzip', gzipSync(BODY).subarray(0, -9), /REFUSED: the body is no gzip: /],
  [413, 'gzip', gzipSync(Buffer.alloc(210 * 1024 * 1024)), /REFUSED: the body has more than 200 MiB$/],
])(
  '%i to content-encoding %s that cannot be read, and it is shown why',
  async (expected, encoding, body, why) => {
    const { status, shown } = await send(body, { 'content-encoding': encoding });
    expect(status).toBe(expected);
    expect(shown).toMatch(why);
  },
);
