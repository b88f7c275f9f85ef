// The one exception: an inbox of this server. By whoever may call it, at exactly its origin and path, and nothing beside it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post } from '../../src/deliver/post.ts';
import { parseNetworks } from '../../src/outbound/address.ts';
import { isInboxUrl } from '../../src/outbound/inbox-url.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { judgeUrl } from '../../src/outbound/url.ts';
import { fetchAudio } from '../../src/transcribe/fetch.ts';
import { MINIMUM_RATE } from '../../src/transcribe/slow-host.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const TOKEN = 'abcdefghijklmnopqrstuvwxyzABCD-_';
let server: Receiver;
beforeAll(async () => {
  server = await startReceiver();
});
afterAll(() => server.close());

/** Loopback is allowed, as for local work: what keeps us from ourselves is that it is us. */
const own = (inboxes: string[]) => ({
  allow: parseNetworks(['127.0.0.0/8']),
  own: [{ address: '127.0.0.1', port: server.port }],
  inboxes,
});
const call = async (outbound: Outbound, url: string) => {
  const seen = server.requests.length;
  const { status, errorClass } = await post(
    { url, method: 'POST', headers: {}, body: Buffer.from('{}') },
    { outbound, deadlineMs: 5_000 },
  );
  return { status, errorClass, arrived: server.requests.length - seen };
};
const BLOCKED = { status: null, errorClass: 'blocked_address', arrived: 0 };

test('a callback reaches the inbox of this very server, and no other path of it', async () => {
  const outbound = new Outbound({ policy: own([server.url]) });
  expect(await call(outbound, `${server.url}/inbox/${TOKEN}?a=1`)).toEqual({
    status: 200,
    errorClass: null,
    arrived: 1,
  });
  // Also not over the connection that is open by now.
  for (const path of ['/', '/api/keys', `/inbox/${TOKEN}/x`, '/inbox/', `/inbox/${TOKEN}x`])
    expect([path, await call(outbound, `${server.url}${path}`)]).toEqual([path, BLOCKED]);
  const off = new Outbound({ policy: own([]) });
  expect(await call(off, `${server.url}/inbox/${TOKEN}`)).toEqual(BLOCKED);
  for (const one of [outbound, off]) one.close();
});

test('a public URL whose name leads into a private network: its inboxes, and nothing else there', async () => {
  const base = `http://stt.corp.example:${server.port}/stt`;
  const outbound = new Outbound({
    policy: { allow: [], own: [], inboxes: [base] },
    resolve: async () => ['127.0.0.1'],
  });
  expect(await call(outbound, `${base}/inbox/${TOKEN}`)).toMatchObject({ status: 200, arrived: 1 });
  for (const url of [
    `http://stt.corp.example:${server.port}/inbox/${TOKEN}`,
    `${base}/api`,
    `http://other.example:${server.port}/stt/inbox/${TOKEN}`,
  ])
    expect([url, await call(outbound, url)]).toEqual([url, BLOCKED]);
  outbound.close();
});

test('audio_url does not lead to an inbox, neither directly nor by a redirect', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-inbox-'));
  const outbound = new Outbound({ policy: own([server.url]) });
  const inbox = `${server.url}/inbox/${TOKEN}`;
  const host = await startReceiver({ respond: { status: 302, headers: { location: inbox } } });
  const seen = server.requests.length;
  for (const url of [inbox, `${host.url}/a.wav`])
    await expect(
      fetchAudio({
        outbound,
        url,
        path: join(folder, 'audio'),
        maxBytes: 1_000,
        totalMs: 5_000,
        idleMs: 5_000,
        minimumRate: MINIMUM_RATE,
        version: '0.1.0',
      }),
    ).rejects.toMatchObject({ code: 'audio_blocked_address' });
  expect(server.requests.length).toBe(seen);
  await host.close();
  outbound.close();
  await rm(folder, { recursive: true });
});

test.each([
  ['http://127.0.0.1:4747', `http://127.0.0.1:4747/inbox/${TOKEN}`, true],
  ['http://127.0.0.1:4747', `http://127.1:4747/inbox/${TOKEN}#x`, true],
  ['https://stt.example.org', `https://STT.example.org:443/inbox/${TOKEN}`, true],
  ['https://stt.example.org', `https://stt.example.org./inbox/${TOKEN}`, false],
  ['https://stt.example.org', `http://stt.example.org/inbox/${TOKEN}`, false],
  ['https://stt.example.org', `https://stt.example.org/inbox/${TOKEN}/`, false],
  ['https://stt.example.org', `https://stt.example.org/inbox/${TOKEN.slice(1)}`, false],
  ['https://stt.example.org', `https://stt.example.org/inbox/${'%61'.repeat(32)}`, false],
  ['https://stt.example.org', `https://stt.example.org/inbox\\${TOKEN}`, true],
  ['https://stt.example.org/x', `https://stt.example.org/inbox/${TOKEN}`, false],
  ['https://stt.example.org', `https://user@stt.example.org/inbox/${TOKEN}`, false],
])('under %s, %s: %s', (base, url, is) => {
  const policy = { allow: [], own: [], inboxes: [base] };
  const verdict = judgeUrl(url, policy);
  expect(verdict.ok && verdict.target.inbox).toBe(is);
  if (is) expect(isInboxUrl(new URL(url), [base])).toBe(true);
});
