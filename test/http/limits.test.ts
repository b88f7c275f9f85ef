// What one account may have: refused with 429 and Retry-After, before anything is read, and nobody else notices.
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { Limits } from '../../src/http/limits.ts';
import { readSettings } from '../../src/settings.ts';
import { type Api, NO_LIMITS, startApi } from '../rig/api.ts';
import { eventually } from '../rig/eventually.ts';

let api: Api | undefined;
afterEach(async () => {
  await api?.stop();
  api = undefined;
});
afterAll(() => api?.stop());

const start = async (limits: Partial<Limits>, more = {}) => {
  api = await startApi({ limits: { ...NO_LIMITS, ...limits }, ...more });
  return api;
};
const AUDIO = { audio_url: 'https://cdn.example.org/a.mp3' };

test('requests within a minute', async () => {
  const { call, stranger } = await start({ requestsPerMinute: 5 });
  const urls = ['/v2/pre-recorded', '/v2/transcription/', '/api/callbacks', '/api/keys', '/api/endpoints'];
  for (const url of urls) expect((await call({ url })).status).toBe(200);
  const refused = await call({ url: '/v2/pre-recorded' });
  expect(refused).toMatchObject({
    status: 429,
    json: { statusCode: 429, error: { code: 429, reason: 'requests_too_many' } },
  });
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
  expect((await call({ url: '/v2/pre-recorded', as: stranger })).status).toBe(200);
  expect((await call({ url: '/healthz' })).status).toBe(200);
});

test('jobs that wait: exactly as many as allowed, however close together they come', async () => {
  const { call, stranger, db } = await start({ queuedJobs: 7 });
  const create = (as?: string) =>
    call({ method: 'POST', url: '/v2/pre-recorded', body: AUDIO, ...(as && { as }) });
  const answers = await Promise.all(Array.from({ length: 30 }, () => create()));
  const refused = answers.filter(({ status }) => status !== 201);
  expect(refused).toHaveLength(23);
  expect(refused[0]).toMatchObject({
    status: 429,
    headers: { 'retry-after': '10' },
    json: { error: { reason: 'queue_full', message: expect.stringContaining('7 transcriptions waiting') } },
  });
  expect((await create(stranger)).status).toBe(201);
  // One of them starts: there is room for one more, as soon as it is counted again.
  const { id } = await db.selectFrom('job').select('id').limit(1).executeTakeFirstOrThrow();
  await db
    .updateTable('job')
    .set({ state: 'processing', lease_until: new Date() })
    .where('id', '=', id)
    .execute();
  await eventually(create, ({ status }) => status === 201);
  expect((await create()).status).toBe(429);
});

test('uploads under way; the refused one is answered before its body is sent', async () => {
  const held = Promise.withResolvers<void>();
  let probing = 0;
  const { server, key, stranger } = await start(
    { uploads: 2 },
    {
      probe: async () => {
        probing++;
        await held.promise;
        return { durationSeconds: 1, channels: 1 };
      },
    },
  );
  const url = await server.listen({ port: 0 });
  const upload = (as: string) => {
    const form = new FormData();
    form.set('audio', new Blob(['bytes']), 'a.wav');
    return fetch(`${url}/v2/upload`, { method: 'POST', headers: { 'x-gladia-key': as }, body: form });
  };
  const two = [upload(key), upload(key)];
  await eventually(
    () => probing,
    (count) => count === 2,
  );
  // Its body never comes: the answer does not wait for it.
  const third = request(`${url}/v2/upload`, {
    method: 'POST',
    headers: {
      'x-gladia-key': key,
      'content-type': 'multipart/form-data; boundary=x',
      'content-length': 1_000_000,
    },
  });
  third.on('error', () => {});
  third.flushHeaders();
  const [answer] = await once(third, 'response');
  expect([answer.statusCode, answer.headers['retry-after'], answer.headers.connection]).toEqual([
    429,
    '5',
    'close',
  ]);
  third.destroy();
  const theirs = upload(stranger);
  await eventually(
    () => probing,
    (count) => count === 3,
  );
  held.resolve();
  for (const one of [...two, theirs]) expect((await one).status).toBe(200);
  expect((await upload(key)).status).toBe(200);
});

/** Sends a whole upload and hangs up when told to. */
function sender(url: string, key: string) {
  const body = [
    '--b',
    'content-disposition: form-data; name="audio"; filename="a.wav"',
    '',
    'bytes',
    '--b--',
    '',
  ].join('\r\n');
  const sent = request(`${url}/v2/upload`, {
    method: 'POST',
    headers: { 'x-gladia-key': key, 'content-type': 'multipart/form-data; boundary=b' },
  });
  sent.on('error', () => {});
  sent.end(body);
  return sent;
}

test('an upload whose client left holds no place, whatever its measuring is busy with', async () => {
  let probing = 0;
  const { server, key, call } = await start(
    { uploads: 2 },
    {
      probe: async (_path: string, signal: AbortSignal) => {
        probing++;
        // What it left behind takes longer to stop than this test.
        await new Promise((_, reject) => setTimeout(reject, 60_000, signal.reason).unref());
        return { durationSeconds: 1, channels: 1 };
      },
    },
  );
  const url = await server.listen({ port: 0 });
  const two = [sender(url, key), sender(url, key)];
  await eventually(
    () => probing,
    (count) => count === 2,
  );
  for (const one of two) one.destroy();
  // Refused for what it is, and no longer for its number.
  await eventually(
    () => call({ method: 'POST', url: '/v2/upload', body: {} }),
    ({ status }) => status === 400,
    2_000,
  );
});

test('an upload whose client left before anything was looked at is not measured, and leaves no file', async () => {
  const looked = Promise.withResolvers<void>();
  let [asked, probed] = [0, 0];
  const { server, key, call, folder } = await start(
    { uploads: 1 },
    {
      room: async () => {
        if (asked++ === 0) await looked.promise;
      },
      probe: async () => {
        probed++;
        return { durationSeconds: 1, channels: 1 };
      },
    },
  );
  const url = await server.listen({ port: 0 });
  const before = await readdir(folder, { recursive: true });
  const one = sender(url, key);
  await eventually(
    () => asked,
    (count) => count === 1,
  );
  one.destroy();
  await eventually(
    () => call({ method: 'POST', url: '/v2/upload', body: {} }),
    ({ status }) => status === 400,
    2_000,
  );
  looked.resolve();
  await wait(100);
  expect([probed, await readdir(folder, { recursive: true })]).toEqual([0, before]);
});

test('bytes of a body', async () => {
  const { call } = await start({ requestBytes: 2_000 });
  const create = (length: number) =>
    call({ method: 'POST', url: '/v2/pre-recorded', body: { ...AUDIO, context_prompt: 'x'.repeat(length) } });
  expect((await create(1_000)).status).toBe(201);
  expect(await create(2_000)).toMatchObject({
    status: 413,
    json: { error: { reason: 'request_too_large' } },
  });
});

test('each limit has a setting; 0 and off mean none', () => {
  const limits = (value: string) => {
    const settings = readSettings({
      RINGBACK_MAX_CONCURRENT_JOBS: value,
      RINGBACK_MAX_QUEUED_JOBS: value,
      RINGBACK_MAX_REQUESTS_PER_MINUTE: value,
      RINGBACK_MAX_UPLOADS: value,
      RINGBACK_MAX_EVENT_STREAMS: value,
    });
    const { maxConcurrentJobs, maxQueuedJobs, maxRequestsPerMinute, maxUploads, maxEventStreams } = settings;
    return [maxConcurrentJobs, maxQueuedJobs, maxRequestsPerMinute, maxUploads, maxEventStreams];
  };
  expect(limits('12')).toEqual(Array(5).fill(12));
  expect(limits('off')).toEqual(Array(5).fill(null));
  expect(limits('0')).toEqual(Array(5).fill(null));
  expect(limits('').every((limit) => Number.isInteger(limit))).toBe(true);
  expect(() => limits('-1')).toThrow(/RINGBACK_MAX_UPLOADS/);
});
