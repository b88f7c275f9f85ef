// Several processes on one database: the request comes to one, its forwarder is at another, and a third sends.
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { createClient, type InboxRequest } from '../../src/client/client.ts';
import { createLog } from '../../src/log.ts';
import { type Ringback, startRingback } from '../../src/main.ts';
import { readSettings } from '../../src/settings.ts';
import { removeOldInboxRequests } from '../../src/store/inbox-retention.ts';
import { API_KEY } from '../rig/app.ts';
import { eventually } from '../rig/eventually.ts';
import { migratedDatabase } from '../rig/postgres.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
/** Named by RINGBACK_PUBLIC_URL; and another. */
let front: Ringback;
let other: Ringback;
const OTHER_KEY = 'rb_other_0123456789abcdef';

beforeAll(async () => {
  database = await migratedDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'ringback-inboxes-'));
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  const start = (role: string, listen: number) =>
    startRingback(
      readSettings({
        RINGBACK_DATA_DIR: folder,
        DATABASE_URL: database.url,
        RINGBACK_API_KEYS: `${API_KEY},${OTHER_KEY}`,
        RINGBACK_PUBLIC_URL: `http://127.0.0.1:${port}`,
        RINGBACK_PORT: String(listen),
        RINGBACK_ROLE: role,
        RINGBACK_RETRY_SCHEDULE: Array.from({ length: 40 }, () => '100ms').join(','),
        RINGBACK_CALLBACK_TIMEOUT: '2s',
        RINGBACK_LOG_LEVEL: 'silent',
      }),
      createLog('silent'),
    );
  front = await start('api', port);
  other = await start('api', 0);
  const sender = await start('deliver', 0);
  return async () => {
    await sender.stop();
    await other.stop();
    await front.stop();
    await database.drop();
    await rm(folder, { recursive: true });
  };
});

const at = (server: Ringback, key = API_KEY) => createClient({ url: server.url as string, key });

/** A forwarder that answers as `answer` says; null: it does not. */
async function forwarder(server: Ringback, id: string, answer: (request: InboxRequest) => number | null) {
  const leaving = new AbortController();
  const opened = Promise.withResolvers<void>();
  const seen: InboxRequest[] = [];
  const reading = (async () => {
    for await (const { event, data } of at(server).inboxes.stream(id, {
      forward: true,
      signal: leaving.signal,
      onOpen: opened.resolve,
    })) {
      if (event === 'gone') break;
      seen.push(data);
      const status = answer(data);
      const headers = {
        'set-cookie': 'a=b',
        'Transfer-Encoding': 'chunked',
        'content-length': '99',
        'x-mine': 'yes',
      };
      if (status !== null && data.state === 'waiting')
        await at(server).inboxes.answer(id, data.number, { status, headers, body_base64: 'b2s=' });
    }
  })().catch((error: unknown) => {
    if (!leaving.signal.aborted) throw error;
  });
  await opened.promise;
  return {
    seen,
    ended: reading,
    async leave() {
      leaving.abort();
      await reading;
    },
  };
}

test('made at one, called at another by a third, answered by a forwarder at the first', async () => {
  const inbox = await at(other).inboxes.create({ name: 'apart' });
  expect(inbox.address.startsWith(front.url as string)).toBe(true);
  const here = await forwarder(other, inbox.id, () => 207);
  expect((await at(front).inboxes.get(inbox.id)).forwarder_connected).toBe(true);
  const sent = await at(other).callbacks.test({ event: 'success', url: inbox.address });
  const { attempts } = await eventually(
    () => at(front).callbacks.get(sent.id),
    ({ state }) => state === 'delivered',
  );
  expect(attempts).toMatchObject([{ status: 207, answer: { text: 'ok' } }]);
  await here.leave();
  await eventually(
    () => at(front).inboxes.get(inbox.id),
    ({ forwarder_connected }) => !forwarder_connected,
  );
  // Without it, the answer told.
  expect((await fetch(inbox.address)).status).toBe(200);
  await here.ended;
});

test('a forwarder that says nothing: 503 with Retry-After before the sender loses patience; late answers are told so', async () => {
  const inbox = await at(other).inboxes.create({ name: 'silent', forward: true });
  const silent = await forwarder(other, inbox.id, () => null);
  const started = performance.now();
  const response = await fetch(inbox.address, { method: 'POST', body: 'x' });
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
  expect(performance.now() - started).toBeLessThan(1_900);
  await expect(at(other).inboxes.answer(inbox.id, 1, { status: 200 })).rejects.toMatchObject({
    reason: 'inbox_request_over',
  });
  await expect(at(other).inboxes.answer(inbox.id, 9, {})).rejects.toMatchObject({
    reason: 'inbox_request_unknown',
  });
  // One whose sender goes is no longer to be answered either.
  await expect(fetch(inbox.address, { signal: AbortSignal.timeout(200) })).rejects.toThrow();
  await eventually(
    async () => {
      for await (const request of at(front).inboxes.requests(inbox.id)) return request.state;
    },
    (state) => state === 'left',
  );
  await silent.leave();
  await eventually(
    () => at(front).inboxes.get(inbox.id),
    ({ forwarder_connected }) => !forwarder_connected,
  );
  const alone = await fetch(inbox.address);
  expect([alone.status, await alone.text()]).toEqual([503, expect.stringContaining('Nobody is connected')]);
});

test('who connects gets those that wait already; who reads on from a number misses none, and no stranger sees any', async () => {
  const inbox = await at(front).inboxes.create({ name: 'waiting' });
  const mute = await forwarder(other, inbox.id, () => null);
  const waiting = Array.from({ length: 3 }, (_, index) =>
    fetch(inbox.address, { method: 'POST', body: String(index) }),
  );
  await eventually(
    () => mute.seen.length,
    (count) => count === 3,
  );
  await expect(
    at(front).inboxes.answer(inbox.id, 1, { headers: { 'x-a': 'b\r\nset-cookie: c=d' } }),
  ).rejects.toMatchObject({
    reason: 'request_invalid',
    sentences: [expect.stringMatching(/^headers must have names/)],
  });
  await expect(at(front).inboxes.answer(inbox.id, 1, { body_base64: 'no base64!' })).rejects.toMatchObject({
    sentences: ['body_base64 must be base64'],
  });
  const late = await forwarder(front, inbox.id, () => 201);
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([201, 201, 201]);
  await late.leave();
  await mute.leave();
  for (let sent = 0; sent < 60; sent++)
    await fetch(inbox.address, { method: 'POST', body: 'y'.repeat(12_000) });
  const numbers: number[] = [];
  for await (const { event, data } of at(other).inboxes.stream(inbox.id, { after: 3 })) {
    if (event === 'request') numbers.push(data.number);
    if (numbers.length === 60) break;
  }
  expect(numbers).toEqual(Array.from({ length: 60 }, (_, index) => index + 4));
  const stranger = at(front, OTHER_KEY).inboxes;
  for (const work of [
    () => stranger.get(inbox.id),
    () => stranger.update(inbox.id, { forward: true }),
    () => stranger.delete(inbox.id),
    () => stranger.body(inbox.id, 1),
    () => stranger.answer(inbox.id, 1, {}),
    () => stranger.stream(inbox.id).next(),
    () => stranger.requests(inbox.id).next(),
    () => at(front, OTHER_KEY).callbacks.test({ event: 'success', inbox: inbox.name }),
  ])
    await expect(work()).rejects.toMatchObject({ reason: 'inbox_unknown' });
});

test('deleted at one, its streams at the other end; what is a day old goes', async () => {
  const inbox = await at(front).inboxes.create({ name: 'gone' });
  for (let sent = 0; sent < 3; sent++) await fetch(inbox.address);
  await database.db
    .updateTable('inbox_request')
    .set({ received_at: new Date(Date.now() - 25 * 3_600_000) })
    .where('inbox_id', '=', inbox.id)
    .where('number', '<', 3)
    .execute();
  expect(await removeOldInboxRequests(database.db, 24 * 3_600_000, AbortSignal.timeout(60_000))).toBe(2);
  expect((await at(other).inboxes.get(inbox.id)).requests).toBe(1);
  const reader = await forwarder(other, inbox.id, () => 200);
  await at(front).inboxes.delete(inbox.id);
  await reader.ended;
  expect((await fetch(inbox.address)).status).toBe(404);
});
