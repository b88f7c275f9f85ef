// `GET /metrics`: true counts, no account in them, cheap however often it is asked.
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RunDurations } from '../../src/http/run-durations.ts';
import { addOutcomes, addRuns, readFigures } from '../../src/store/figures.ts';
import { finishJob, startJob } from '../../src/store/jobs.ts';
import { RunTally } from '../../src/transcribe/run-tally.ts';
import { type Api, startApi } from '../rig/api.ts';
import { anyDelivery } from '../rig/delivery.ts';
import { insertAnyJob } from '../rig/job.ts';

let api: Api;
let depth = 0;
let asked = 0;
beforeAll(async () => {
  api = await startApi({
    queueDepth: async () => {
      asked++;
      if (depth < 0) throw new Error('no database');
      return depth;
    },
  });
});
afterAll(() => api.stop());

const insert = () => insertAnyJob(api.db, api.account);

test('figures count every state, and know the age of the oldest undelivered callback', async () => {
  const { db } = api;
  for (const state of ['pending', 'delivering', 'delivered', 'failed', 'cancelled'] as const) {
    const id = await insert();
    await startJob(db, id, 60_000);
    await finishJob(db, id, 1, {
      ending: { filename: null, duration: null, channels: null, result: Buffer.from('{}') },
      delivery: anyDelivery(api.account, 'https://app.example.org/hooks?key=s3cret', { jobId: id }),
    });
    const final = state !== 'pending' && state !== 'delivering';
    await db
      .updateTable('delivery')
      .set({
        state,
        due_at: state === 'pending' ? new Date() : null,
        final_at: final ? new Date() : null,
        reason: state === 'failed' || state === 'cancelled' ? 'x' : null,
        token: state === 'delivering' ? 1 : null,
        claimed_at: state === 'delivering' ? new Date() : null,
        created_at: new Date(Date.now() - (state === 'delivering' ? 90_000 : 3_600_000)),
        ...(state === 'pending' && { created_at: new Date() }),
      })
      .where('job_id', '=', id)
      .execute();
  }
  await insert();
  await startJob(db, await insert(), 60_000);
  await addOutcomes(
    db,
    new Map([
      ['retry', 2],
      ['delivered', 5],
    ]),
  );
  await addOutcomes(db, new Map([['delivered', 1]]));
  const figures = await readFigures(db);
  expect(figures).toMatchObject({
    jobs: { queued: 1, processing: 1, done: 5, error: 0 },
    deliveries: { pending: 1, delivering: 1, delivered: 1, failed: 1, cancelled: 1 },
  });
  expect(figures.attempts.toSorted((a, b) => (a.outcome < b.outcome ? -1 : 1))).toEqual([
    { outcome: 'delivered', attempts: 6 },
    { outcome: 'retry', attempts: 2 },
  ]);
  expect(figures).toMatchObject({
    busy: { transcribe: 0, fetch: 1 },
    places: 0,
    processes: { api: 0, transcribe: 0, deliver: 0 },
    endpoints: { closed: 1, open: 0, half_open: 0, disabled: 0 },
    runs: [],
  });
  expect(figures.oldestUndelivered).toBeGreaterThan(85);
  expect(figures.oldestUndelivered).toBeLessThan(300);
});

test('what scales a fleet: how old the oldest that waits is, places and those in use, and who lives', async () => {
  const { db } = api;
  const audio = { id: randomUUID(), account_id: api.account, filename: 'a.wav', extension: 'wav', bytes: 1 };
  await db.insertInto('audio').values(audio).execute();
  const waiting = await insert();
  const running = await insert();
  await db
    .updateTable('job')
    .set({ created_at: new Date(Date.now() - 600_000) })
    .where('id', '=', waiting)
    .execute();
  await db.updateTable('job').set({ audio_id: audio.id }).where('id', '=', running).execute();
  await startJob(db, running, 60_000);
  const server = { roles: ['transcribe', 'deliver'], host: 'h', pid: 1, key_hashes: [], secret_prints: [] };
  const process = (beat_at: Date) => ({ ...server, id: randomUUID(), places: 3, beat_at });
  await db
    .insertInto('process')
    // The last has not been heard of for an hour.
    .values([process(new Date()), process(new Date()), process(new Date(Date.now() - 3_600_000))])
    .execute();
  const figures = await readFigures(db);
  expect(figures).toMatchObject({
    busy: { transcribe: 1, fetch: 1 },
    places: 6,
    processes: { api: 0, transcribe: 2, deliver: 2 },
  });
  expect(figures.oldestQueued).toBeGreaterThan(595);
  expect(figures.oldestQueued).toBeLessThan(700);
  // A parked download waits for a place as well, and longer.
  await db
    .updateTable('job')
    .set({ created_at: new Date(Date.now() - 1_200_000), lease_until: sql`'infinity'` })
    .where('id', '=', running)
    .execute();
  expect((await readFigures(db)).oldestQueued).toBeGreaterThan(1_195);
  await db.deleteFrom('job').where('id', 'in', [waiting, running]).execute();
  await db.deleteFrom('process').execute();
});

test('a callback is overdue where its endpoint may be called and nobody has it in hand', async () => {
  const { db } = api;
  const due = new Date(Date.now() - 300_000);
  const overdue = async () => Math.round((await readFigures(db)).oldestDue / 100);
  const set = (columns: object) => db.updateTable('endpoint').set(columns).execute();
  await set({ next_due: due });
  expect(await overdue()).toBe(3);
  await set({ leased_until: new Date(Date.now() + 60_000) });
  expect(await overdue()).toBe(0);
  await set({ leased_until: due, disabled_at: new Date(), disabled_reason: 'owner' });
  expect(await overdue()).toBe(0);
  await set({ disabled_at: null, disabled_reason: null, leased_until: null });
  await db
    .updateTable('host')
    .set({ breaker: 'open', open_until: new Date(Date.now() + 60_000) })
    .execute();
  expect(await overdue()).toBe(0);
  await db.updateTable('host').set({ open_until: due }).execute();
  expect(await overdue()).toBe(3);
  await set({ next_due: null });
});

test('runs of all processes add up to a histogram', async () => {
  const tally = new RunTally();
  for (const seconds of [0.5, 1, 3, 40, 90_000]) tally.add('done', seconds);
  tally.add('error', 2);
  await addRuns(api.db, tally.take());
  expect(tally.take()).toEqual([]);
  tally.add('done', 3);
  await addRuns(api.db, tally.take());
  const durations = new RunDurations([]);
  durations.told = (await readFigures(api.db)).runs;
  const { values } = await durations.get();
  const shown = (name: string, outcome: string) =>
    values.flatMap(({ metricName, labels, value }) =>
      metricName?.endsWith(name) && labels.outcome === outcome ? [value] : [],
    );
  expect(shown('_bucket', 'done')).toEqual([2, 2, 4, 4, 4, 5, 5, 5, 5, 6]);
  expect([shown('_sum', 'done'), shown('_count', 'done')]).toEqual([[90_047.5], [6]]);
  expect([shown('_sum', 'error'), shown('_count', 'error')]).toEqual([[2], [1]]);
});

test('in the Prometheus format, without a key, and with nothing of any account', async () => {
  depth = 4;
  await api.call({ url: '/v2/pre-recorded/' });
  await api.call({ url: '/v2/pre-recorded/nonsense' });
  await api.call({ url: '/nope/nothing' });
  await api.call({ url: `/v2/pre-recorded/${randomUUID()}?wait=1` });
  const response = await api.server.inject({ url: '/metrics' });
  expect([response.statusCode, response.headers['content-type']]).toEqual([
    200,
    expect.stringContaining('text/plain'),
  ]);
  const text = response.body;
  for (const line of [
    'ringback_database_up 1',
    'ringback_jobs{state="queued"} 1',
    'ringback_jobs{state="done"} 5',
    'ringback_queue_depth 4',
    'ringback_deliveries{state="failed"} 1',
    'ringback_delivery_attempts_total{outcome="delivered"} 6',
    'ringback_waiting_requests 0',
    'ringback_event_streams 0',
    'ringback_http_request_duration_seconds_count{method="GET",route="/v2/pre-recorded",status="2xx"} 1',
    'ringback_http_request_duration_seconds_count{method="GET",route="/v2/pre-recorded/:id",status="4xx"} 1',
    'ringback_http_request_duration_seconds_count{method="GET",route="none",status="4xx"} 1',
  ])
    expect(text.split('\n')).toContain(line);
  expect(text).toMatch(/^ringback_oldest_undelivered_seconds [1-9]/m);
  expect(text).toMatch(/^process_resident_memory_bytes [1-9]/m);
  expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
  for (const secret of [api.account, 'app.example.org', 's3cret', 'nonsense', '/nope'])
    expect(text).not.toContain(secret);
});

test('counting is shared and rests: a hundred scrapes count once', async () => {
  const before = asked;
  await Promise.all(Array.from({ length: 100 }, () => api.server.inject({ url: '/metrics' })));
  expect(asked).toBe(before);
});

test('without a database the process still tells of itself, and of nothing it cannot know', async () => {
  depth = -1;
  const blind = await startApi({
    queueDepth: async () => {
      throw new Error('no database');
    },
  });
  const { statusCode, body } = await blind.server.inject({ url: '/metrics' });
  expect(statusCode).toBe(200);
  expect(body).toContain('ringback_database_up 0');
  expect(body).not.toContain('ringback_jobs{');
  expect(body).toContain('ringback_queue_depth Nan');
  await blind.stop();
});
