// `GET /api/events` on real sockets: what is told to whom, going on after a break, and readers that do not read.
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { connect } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { endWithKey } from '../../src/http/key-watch.ts';
import { Listeners } from '../../src/http/listeners.ts';
import { type DeliveryChange, deliveryChange } from '../../src/store/changes.ts';
import { resend } from '../../src/store/deliveries.ts';
import { expireRuns, finishJob, handBackJob, startJob } from '../../src/store/jobs.ts';
import { type Api, startApi } from '../rig/api.ts';
import { anyDelivery } from '../rig/delivery.ts';
import { eventually } from '../rig/eventually.ts';
import { insertAnyJob } from '../rig/job.ts';

let api: Api;
let url: string;
beforeAll(async () => {
  api = await startApi();
  url = await api.server.listen({ port: 0 });
});
afterAll(() => api.stop());

type Told = { id?: string; event: string; data: Record<string, unknown> };

/** A reader of one stream: `next` waits for events one by one. */
async function open(headers: Record<string, string> = {}, base = url) {
  const closing = new AbortController();
  const response = await fetch(`${base}/api/events`, {
    headers: { 'x-gladia-key': api.key, ...headers },
    signal: closing.signal,
  });
  const events: Told[] = [];
  let ended = false;
  const reading = (async () => {
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
        const event = field('event');
        if (event !== undefined)
          events.push({ id: field('id') ?? '', event, data: JSON.parse(field('data') ?? '') });
      }
    }
    ended = true;
  })().catch(() => {});
  return {
    response,
    seen: (count: number) =>
      eventually(
        () => events.length,
        (now) => now >= count,
      ).then(() => events),
    whenEnded: () => eventually(() => ended, Boolean),
    async close() {
      closing.abort();
      await reading;
    },
  };
}

const insert = (accountId = api.account) => insertAnyJob(api.db, accountId);

const noStreams = () =>
  eventually(
    () => api.listeners.streams,
    (count) => count === 0,
  );

test('a job and its callback from beginning to end, told once each, to their account alone', async () => {
  const mine = await open();
  const theirs = await open({ 'x-gladia-key': api.stranger });
  expect(mine.response.headers.get('content-type')).toBe('text/event-stream');
  expect(mine.response.headers.get('access-control-allow-origin')).toBe('*');
  const id = await insert();
  await startJob(api.db, id, 60_000);
  await handBackJob(api.db, { id, run: 1 });
  await startJob(api.db, id, 0);
  await expireRuns(api.db, () => {
    throw new Error('this was its first run');
  });
  await startJob(api.db, id, 60_000);
  await finishJob(api.db, id, 3, {
    ending: { filename: 'a.mp3', duration: 1, channels: 1, result: Buffer.from('{}') },
    delivery: anyDelivery(api.account, 'https://app.example.org/hooks', { jobId: id }),
  });
  const events = await mine.seen(8);
  const told = events.map(({ event, data }) => [event, data]);
  const delivery = events[7]?.data.id as string;
  expect(told).toEqual([
    ['job', { id, status: 'queued' }],
    ['job', { id, status: 'processing' }],
    ['job', { id, status: 'queued' }],
    ['job', { id, status: 'processing' }],
    ['job', { id, status: 'queued' }],
    ['job', { id, status: 'processing' }],
    ['job', { id, status: 'done' }],
    ['delivery', { id: delivery, transcription_id: id, state: 'pending', attempt_count: 0 }],
  ]);
  // As the deliver role does after a batch of attempts.
  const { change } = await api.db
    .updateTable('delivery')
    .set({ state: 'delivered', attempts: 1, due_at: null, final_at: new Date() })
    .where('id', '=', delivery)
    .returning(deliveryChange)
    .executeTakeFirstOrThrow();
  api.db.teller.tell([change]);
  await resend(api.db, api.account, delivery);
  expect((await mine.seen(10)).slice(8).map(({ data }) => [data.state, data.attempt_count])).toEqual([
    ['delivered', 1],
    ['pending', 1],
  ]);
  const strangers = await insert(
    (await api.db.selectFrom('account').select('id').where('name', '=', 'theirs').executeTakeFirstOrThrow())
      .id,
  );
  expect(await theirs.seen(1)).toMatchObject([{ event: 'job', data: { id: strangers } }]);
  await mine.close();
  await theirs.close();
  await noStreams();
});

test('after a break a client goes on where it was; where that is forgotten, it is told to look at the lists', async () => {
  const first = await open();
  const [a, b] = [await insert(), await insert()];
  const events = await first.seen(2);
  await first.close();
  const c = await insert();
  const second = await open({ 'last-event-id': events[0]?.id as string });
  expect((await second.seen(2)).map(({ data }) => data.id)).toEqual([b, c]);
  await second.close();
  for (const unknown of ['0123abcd-7', 'nonsense']) {
    const third = await open({ 'last-event-id': unknown });
    expect((await third.seen(1))[0]).toMatchObject({ event: 'resync' });
    await third.close();
  }
  const fourth = await open();
  // The connection on which others tell was lost: something may have been missed, also by those who read all along.
  api.listeners.heard({ kind: 'missed' });
  expect((await fourth.seen(1))[0]).toMatchObject({ event: 'resync' });
  await fourth.close();
  expect(a).not.toBe(b);
  await noStreams();
});

test('an account has so many streams; the next is refused until one is closed', async () => {
  const two = [await open(), await open()];
  const third = await open();
  expect([third.response.status, third.response.headers.get('retry-after')]).toEqual([429, '10']);
  const theirs = await open({ 'x-gladia-key': api.stranger });
  expect(theirs.response.status).toBe(200);
  await two[0]?.close();
  await eventually(
    () => api.listeners.streams,
    (count) => count === 2,
  );
  const again = await open();
  expect(again.response.status).toBe(200);
  await Promise.all([two[1]?.close(), again.close(), third.close(), theirs.close()]);
  await noStreams();
});

test('a reader that does not read is cut off; one that reads gets everything', async () => {
  const reader = await open();
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.pause();
  const cut = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {});
  socket.write(`GET /api/events HTTP/1.1\r\nhost: x\r\nx-gladia-key: ${api.key}\r\n\r\n`);
  await eventually(
    () => api.listeners.streams,
    (count) => count === 2,
  );
  const before = 2;
  const deliveries = Array.from(
    { length: 500 },
    (): DeliveryChange => ({
      kind: 'delivery',
      accountId: api.account,
      id: randomUUID(),
      at: 1,
      jobId: randomUUID(),
      state: 'delivered',
      attempts: 1,
    }),
  );
  let told = 0;
  // Kernel buffers take several megabytes before anything is held here.
  while (api.listeners.streams === before && told < 200_000) {
    for (const one of deliveries) api.listeners.heard(one);
    told += deliveries.length;
    await reader.seen(told);
  }
  expect(api.listeners.streams).toBe(before - 1);
  socket.resume();
  await cut;
  await reader.close();
});

test('streams end when the server stops; HEAD opens none', async () => {
  const listeners = new Listeners({
    unfinishedAmong: async () => new Set(),
    streamsPerAccount: null,
    log: pino({ level: 'silent' }),
  });
  const stream = listeners.open('account', undefined);
  stream.resume();
  const over = new Promise((resolve) => stream.once('end', resolve));
  listeners.drain();
  await over;
  const late = listeners.open('account', undefined);
  late.resume();
  await new Promise((resolve) => late.once('end', resolve));
  const head = await fetch(`${url}/api/events`, { method: 'HEAD', headers: { 'x-gladia-key': api.key } });
  expect(head.status).toBe(404);
});

test('a stream ends with the key that opened it; the others go on', { timeout: 30_000 }, async () => {
  const { json: made } = await api.call({
    method: 'POST',
    url: '/api/keys',
    body: { name: 'to be revoked' },
  });
  const inbox = (await api.call({ method: 'POST', url: '/api/inboxes', body: { name: 'watched' } })).json;
  const headers = { 'x-gladia-key': made.key };
  const own = await open();
  const revoked = await open(headers);
  const ofInbox = await fetch(`${url}/api/inboxes/${inbox.id}/stream`, { headers });
  await api.call({ method: 'DELETE', url: `/api/keys/${made.id}` });
  await revoked.whenEnded();
  expect(await ofInbox.text()).toContain('retry');
  await insert();
  expect(await own.seen(1)).toMatchObject([{ event: 'job' }]);
  await own.close();
});

test('a database that is away for a moment ends no stream', async () => {
  vi.useFakeTimers();
  try {
    const stream = Object.assign(new EventEmitter(), { end: vi.fn() });
    const request = { headers: { 'x-gladia-key': 'rb_known' } } as unknown as FastifyRequest;
    const findAccount = vi
      .fn<(key: string) => Promise<string | undefined>>()
      .mockRejectedValueOnce(new Error('connection refused'))
      .mockResolvedValueOnce('account')
      .mockResolvedValue(undefined);
    endWithKey(stream, request, { findAccount });
    await vi.advanceTimersByTimeAsync(10_000);
    expect([findAccount.mock.calls.length, stream.end.mock.calls.length]).toEqual([2, 0]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(stream.end).toHaveBeenCalledOnce();
    stream.emit('close');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(findAccount).toHaveBeenCalledTimes(3);
  } finally {
    vi.useRealTimers();
  }
});
