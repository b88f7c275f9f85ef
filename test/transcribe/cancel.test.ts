// A job cancelled wherever it is: it ends at once with its error callback, and what worked on it stops within seconds.
// The whole program, one worker, the real model.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { cancelJob } from '../../src/store/cancel.ts';
import { finishJob, startJob } from '../../src/store/jobs.ts';
import { insertAccount } from '../rig/account.ts';
import { API_KEY, type App, startApp } from '../rig/app.ts';
import { anyDelivery } from '../rig/delivery.ts';
import { eventually } from '../rig/eventually.ts';
import { insertAnyJob } from '../rig/job.ts';
import { unmeasuredMp3 } from '../rig/mp3.ts';
import { migratedDatabase } from '../rig/postgres.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';
import { joined, samplesOf, wav } from '../rig/wav.ts';

const CLIP = new URL('../fixtures/jfk.wav', import.meta.url);

let app: App;
let receiver: Receiver;
/** Connections of the dripping host that are open. */
let dripping: number;
let long: string;
beforeAll(async () => {
  const speech = samplesOf(CLIP);
  const clip = await readFile(CLIP);
  // An hour, some seconds of decoding.
  const undecoded = unmeasuredMp3(330);
  dripping = 0;
  receiver = await startReceiver({
    respond({ path }, response, raw) {
      if (path.startsWith('/clip')) return { body: clip };
      if (path.startsWith('/undecoded')) return { body: undecoded };
      if (!path.startsWith('/drip')) return {};
      dripping++;
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'), 50);
      raw.socket.once('close', () => {
        clearInterval(timer);
        dripping--;
      });
      return undefined;
    },
  });
  app = await startApp({ RINGBACK_WORKERS: '1' });
  // 22 minutes: some two minutes of work.
  const { json } = await app.upload(wav(joined(...Array.from({ length: 120 }, () => speech))), 'long.wav');
  long = json.audio_url;
});
afterAll(async () => {
  await app.stop();
  await receiver.close();
});
beforeEach(() => {
  receiver.requests.length = 0;
});

async function submit(audio_url: string): Promise<string> {
  const { json } = await app.call('POST', '/v2/pre-recorded', {
    audio_url,
    callback: true,
    callback_config: { url: `${receiver.url}/hooks` },
  });
  return json.id;
}
const record = async (id: string) => (await app.call('GET', `/v2/pre-recorded/${id}`)).json;
const is = (id: string, status: string) =>
  eventually(
    () => record(id),
    (job) => job.status === status,
    30_000,
  );

async function cancelled(id: string): Promise<void> {
  const { status, json } = await app.call('POST', `/api/transcriptions/${id}/cancel`);
  expect(status).toBe(200);
  expect(json).toMatchObject({ id, status: 'error', error_reason: 'cancelled', result: null });
  // Again: nothing more happens.
  expect((await app.call('POST', `/api/transcriptions/${id}/cancel`)).json).toEqual(json);
  const told = await eventually(
    () => receiver.requests.filter(({ body }) => JSON.parse(body.toString() || '{}').id === id),
    (requests) => requests.length > 0,
    20_000,
  );
  expect(told).toHaveLength(1);
  expect(JSON.parse(String(told[0]?.body))).toMatchObject({
    event: 'error',
    error: { code: 'cancelled', message: 'The transcription was cancelled on request.' },
  });
}

test('queued behind another, while that one runs, which is cancelled after it: the place is free within seconds', async () => {
  const running = await submit(long);
  await is(running, 'processing');
  const queued = await submit(long);
  expect((await record(queued)).status).toBe('queued');
  await cancelled(queued);
  await cancelled(running);
  const started = performance.now();
  const next = await submit(`${receiver.url}/clip.wav`);
  expect((await app.ended(next)).status).toBe('done');
  expect(performance.now() - started).toBeLessThan(40_000);
  expect(await record(running)).toMatchObject({ status: 'error', error_reason: 'cancelled' });
});

test('while its audio drips in: the download ends', async () => {
  const id = await submit(`${receiver.url}/drip.wav`);
  await eventually(
    () => dripping,
    (count) => count === 1,
  );
  expect((await app.call('DELETE', `/v2/pre-recorded/${id}`)).status).toBe(403);
  await cancelled(id);
  await eventually(
    () => dripping,
    (count) => count === 0,
    8_000,
  );
});

/** Bytes of decoded sound that lie about. */
async function decodedBytes(): Promise<number> {
  const scratch = join(app.folder, 'scratch');
  const names = await readdir(scratch, { recursive: true });
  const sizes = names.map((name) =>
    stat(join(scratch, name)).then(
      (one) => (one.isFile() ? one.size : 0),
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

test.each([
  ['while it is decoded', '/undecoded.mp3', (bytes: number) => bytes > 0],
  // 22 minutes of 16,000 samples of two bytes: all of it is decoded.
  ['while its words are recognised', null, (bytes: number) => bytes >= 120 * 11 * 32_000],
])('%s: nothing of it is left within seconds', async (_when, path, reached) => {
  const id = await submit(path === null ? long : `${receiver.url}${path}`);
  await eventually(decodedBytes, reached, 60_000);
  await cancelled(id);
  await eventually(decodedBytes, (bytes) => bytes === 0, 10_000);
});

test('downloaded, and waiting for a place: its audio goes with it', async () => {
  const running = await submit(long);
  await is(running, 'processing');
  const id = await submit(`${receiver.url}/clip.wav?waiting`);
  const fetched = (job: string) =>
    eventually(
      async () => {
        const answer = await fetch(`${app.url}/v2/pre-recorded/${job}/file`, {
          headers: { 'x-gladia-key': API_KEY },
        });
        await answer.body?.cancel();
        return answer;
      },
      ({ status }) => status === 200,
      20_000,
    );
  await fetched(running);
  await fetched(id);
  const kept = async () =>
    (await readdir(app.folder, { recursive: true })).filter((name) => /audio.*[0-9a-f-]{36}$/.test(name))
      .length;
  const before = await kept();
  await cancelled(id);
  expect(await kept()).toBe(before - 1);
  await cancelled(running);
});

test('what has ended stays as it is, and what is not there is not found', async () => {
  const id = await submit(`${receiver.url}/clip.wav`);
  const done = await app.ended(id);
  const { status, json } = await app.call('POST', `/api/transcriptions/${id}/cancel`);
  expect([status, json]).toEqual([200, done]);
  const unknown = crypto.randomUUID();
  expect((await app.call('POST', `/api/transcriptions/${unknown}/cancel`)).status).toBe(404);
  expect((await app.call('POST', '/api/transcriptions/x/cancel')).status).toBe(404);
});

test('at the instant of its end: one of the two ends it, and there is one callback', async () => {
  const database = await migratedDatabase();
  const { db } = database;
  const account = await insertAccount(db);
  const outcomes = new Set<string>();
  for (let n = 0; n < 20; n++) {
    const id = await insertAnyJob(db, account);
    await startJob(db, id, 60_000);
    const delivery = anyDelivery(account, 'https://app.example.org/hooks', { jobId: id });
    const finish = () =>
      finishJob(db, id, 1, {
        ending: { filename: 'a', duration: 1, channels: 1, result: Buffer.from('{}') },
        delivery,
      });
    const cancel = () =>
      cancelJob(db, account, id, () => ({
        error: { code: 'cancelled', message: 'so' },
        delivery: { ...delivery, event: 'error' },
      }));
    const [first, second] = n % 2 === 0 ? [finish, cancel] : [cancel, finish];
    await Promise.all([first(), second()]);
    const job = await db.selectFrom('job').select('state').where('id', '=', id).executeTakeFirstOrThrow();
    const told = await db.selectFrom('delivery').select('event').where('job_id', '=', id).execute();
    expect(told).toEqual([{ event: job.state === 'done' ? 'success' : 'error' }]);
    outcomes.add(job.state);
  }
  expect(outcomes).toEqual(new Set(['done', 'error']));
  await database.drop();
});
