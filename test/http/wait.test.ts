// Waiting for a job's end, on real sockets: woken by the database, by the clock, by a look of its own when nothing was
// heard, and let go when nobody waits any more.
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Listeners } from '../../src/http/listeners.ts';
import { finishJob, startJob, unfinishedAmong } from '../../src/store/jobs.ts';
import { type Api, startApi } from '../rig/api.ts';
import { eventually } from '../rig/eventually.ts';
import { insertAnyJob } from '../rig/job.ts';

let api: Api;
let url: string;
beforeAll(async () => {
  api = await startApi();
  url = await api.server.listen({ port: 0 });
});
afterAll(() => api.stop());

const insert = () => insertAnyJob(api.db, api.account);

async function finish(id: string): Promise<void> {
  const started = await startJob(api.db, id, 60_000);
  await finishJob(api.db, id, started?.run ?? 0, {
    ending: { filename: 'a.mp3', duration: 1, channels: 1, result: Buffer.from('{}') },
    delivery: null,
  });
}

const look = (id: string, wait: string, init: RequestInit & { key?: string } = {}) =>
  fetch(`${url}/v2/pre-recorded/${id}?wait=${wait}`, {
    ...init,
    headers: { 'x-gladia-key': init.key ?? api.key },
  });
const waiting = (count: number) =>
  eventually(
    () => api.listeners.waiting,
    (now) => now === count,
  );

test('a hundred requests wait for one job, and its end answers all of them, at once', async () => {
  const id = await insert();
  const asked = Array.from({ length: 100 }, () => look(id, '60'));
  await waiting(100);
  const ended = performance.now();
  await finish(id);
  const answers = await Promise.all(
    asked.map(async (one) => (await (await one).json()) as { status: string }),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set(['done']));
  // Far sooner than the 5 s after which waiting requests look for themselves.
  expect(performance.now() - ended).toBeLessThan(4_000);
  await waiting(0);
});

test('a job that has ended, one that is unknown and one of somebody else are answered without waiting', async () => {
  const id = await insert();
  expect((await look(id, '60', { key: api.stranger })).status).toBe(404);
  await finish(id);
  expect(await (await look(id, '60')).json()).toMatchObject({ status: 'done' });
  expect((await look(randomUUID(), '60')).status).toBe(404);
  expect((await look('nonsense', '60')).status).toBe(404);
});

test('when the time is up the record is shown as it is', async () => {
  const id = await insert();
  const started = performance.now();
  expect(await (await look(id, '1')).json()).toMatchObject({ status: 'queued' });
  expect(performance.now() - started).toBeGreaterThan(990);
  expect(await (await look(id, '0')).json()).toMatchObject({ status: 'queued' });
});

test.each([
  ['61', 'wait must not be greater than 60'],
  ['-1', 'wait must not be less than 0'],
  ['1.5', 'wait must be an integer number of seconds'],
  ['true', 'wait must be an integer number of seconds'],
])('wait=%s is refused', async (wait, sentence) => {
  const response = await look(randomUUID(), wait);
  expect([response.status, await response.json()]).toMatchObject([400, { validation_errors: [sentence] }]);
});

test('a client that goes away frees its place', async () => {
  const id = await insert();
  const gone = new AbortController();
  const asked = look(id, '60', { signal: gone.signal }).catch((error: Error) => error.name);
  await waiting(1);
  gone.abort();
  expect(await asked).toBe('AbortError');
  await waiting(0);
});

test('what was not heard is found by looking: for all who wait in one query', async () => {
  const id = await insert();
  const other = await insert();
  const looks: (readonly string[])[] = [];
  // Deaf: nothing calls heard().
  const listeners = new Listeners({
    unfinishedAmong: (ids) => {
      looks.push(ids);
      return unfinishedAmong(api.db, ids);
    },
    streamsPerAccount: null,
    log: pino({ level: 'silent' }),
    pollMs: 20,
  });
  const gone = new AbortController();
  const wait = (job: string) =>
    listeners.untilEnded(job, { ms: 30_000, gone: gone.signal, isUnfinished: async () => true });
  const both = [wait(id), wait(id), wait(other)];
  await eventually(
    () => looks.length,
    (count) => count >= 2,
  );
  expect(new Set(looks[0])).toEqual(new Set([id, other]));
  expect(listeners.waiting).toBe(3);
  await finish(id);
  await Promise.all(both.slice(0, 2));
  expect(listeners.waiting).toBe(1);
  // The connection was away: the job may have ended meanwhile.
  await finish(other);
  listeners.heard({ kind: 'missed' });
  await both[2];
  expect(listeners.waiting).toBe(0);
});

test('a server that stops answers those who wait at once, and later ones without waiting', async () => {
  const stopping = await startApi();
  const address = await stopping.server.listen({ port: 0 });
  const id = await insertAnyJob(stopping.db, stopping.account);
  const headers = { 'x-gladia-key': stopping.key };
  const asked = fetch(`${address}/v2/pre-recorded/${id}?wait=60`, { headers });
  await eventually(
    () => stopping.listeners.waiting,
    (now) => now === 1,
  );
  stopping.listeners.drain();
  expect(await (await asked).json()).toMatchObject({ status: 'queued' });
  const later = await fetch(`${address}/v2/pre-recorded/${id}?wait=60`, { headers });
  expect(await later.json()).toMatchObject({ status: 'queued' });
  await stopping.stop();
});
