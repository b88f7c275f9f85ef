// One account beside another, on the whole program: whatever one of them does with audio, the other is served as if it
// were alone, or nearly.
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { API_KEY, type App, clientOf, startApp } from './rig/app.ts';
import { eventually } from './rig/eventually.ts';
import { unmeasuredMp3 } from './rig/mp3.ts';
import { type Receiver, startReceiver } from './rig/receiver.ts';
import { samplesOf, silence, wav } from './rig/wav.ts';

const OTHER_KEY = 'rb_test_other_456789abcdef';
const CLIP = new URL('./fixtures/jfk.wav', import.meta.url);

let app: App;
let other: ReturnType<typeof clientOf>;
let host: Receiver;
let dripping: number;
/** Downloads that were ever begun. */
let begun: number;
/** An hour of MP3 that does not say how long it is: some 10 s of decoding. */
let unmeasured: Buffer;
beforeAll(async () => {
  [dripping, begun] = [0, 0];
  const clip = await readFile(CLIP);
  host = await startReceiver({
    respond({ path }, response, raw) {
      if (!path.startsWith('/drip')) return { body: clip };
      dripping++;
      begun++;
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'), 200);
      raw.socket.once('close', () => {
        clearInterval(timer);
        dripping--;
      });
      return undefined;
    },
  });
  app = await startApp({
    RINGBACK_API_KEYS: `${API_KEY},${OTHER_KEY}`,
    RINGBACK_WORKERS: '1',
    RINGBACK_MODEL: 'moonshine-tiny',
  });
  other = clientOf(app.url, OTHER_KEY);
  unmeasured = unmeasuredMp3(330);
}, 60_000);
afterAll(async () => {
  await app.stop();
  await host.close();
});

/** Some seconds of work for a machine that has nothing else to do; the downloads would take half a minute and more. */
const BUSY_MS = 25_000;

const submit = async (client: Pick<App, 'call'>, audio_url: string): Promise<string> =>
  (await client.call('POST', '/v2/pre-recorded', { audio_url })).json.id;
/** Milliseconds until its end. */
async function tookToEnd(id: string): Promise<number> {
  const started = performance.now();
  const job = await eventually(
    () => other.call('GET', `/v2/pre-recorded/${id}`),
    ({ json }) => json.status === 'done',
    50_000,
  );
  expect(job.json.status).toBe('done');
  return performance.now() - started;
}

test('80 dripping hosts of one account: another’s uploads and downloads go on, and the first has no more than half of the places', async () => {
  const ids = [];
  for (let n = 0; n < 80; n++) ids.push(await submit(app, `${host.url}/drip/${n}`));
  await eventually(
    () => dripping,
    (count) => count === 32,
    60_000,
  );
  const upload = await other.upload(wav(samplesOf(CLIP)), 'clip.wav');
  expect(await tookToEnd(await submit(other, upload.json.audio_url))).toBeLessThan(BUSY_MS);
  expect(await tookToEnd(await submit(other, `${host.url}/clip.wav`))).toBeLessThan(BUSY_MS);
  expect([dripping, begun]).toEqual([32, 32]);
  // Whichever are cancelled, others of the same account come in their place.
  await Promise.all(ids.map((id) => app.call('POST', `/api/transcriptions/${id}/cancel`)));
  await eventually(
    () => dripping,
    (count) => count === 0,
    20_000,
  );
}, 180_000);

test('300 quick jobs of one account: another’s one is next but one at the latest', async () => {
  const quick = await app.upload(wav(silence(1)), 'quick.wav');
  const mine = await other.upload(wav(silence(1)), 'mine.wav');
  for (let n = 0; n < 300; n++) await submit(app, quick.json.audio_url);
  const done = async () => {
    const { json } = await app.call('GET', '/v2/pre-recorded?status=done&limit=1000&result=false');
    return json.items.length as number;
  };
  await eventually(done, (count) => count > 0, 20_000);
  const id = await submit(other, mine.json.audio_url);
  const { json } = await eventually(
    () => other.call('GET', `/v2/pre-recorded/${id}?wait=20`),
    ({ json }) => json.status === 'done',
    50_000,
  );
  const { json: list } = await app.call('GET', '/v2/pre-recorded?limit=1000&result=false');
  const between = list.items.filter(
    ({ completed_at }: { completed_at: string | null }) =>
      completed_at !== null && completed_at > json.created_at && completed_at < json.completed_at,
  );
  // The one that ran, and one that was started at the instant in which ours was committed.
  expect(between.length).toBeLessThanOrEqual(2);
  expect(list.items.filter(({ status }: { status: string }) => status === 'queued').length).toBeGreaterThan(
    0,
  );
}, 120_000);

const decoding = () => {
  const scratch = join(app.folder, 'scratch');
  return readdirSync(scratch).filter((name) => readdirSync(join(scratch, name)).length > 0).length;
};

test('20 uploads of one account that take long to measure: another’s is answered at once; those who leave are forgotten', async () => {
  const leaving = new AbortController();
  const hostile = Array.from({ length: 20 }, () => {
    const form = new FormData();
    form.set('audio', new Blob([new Uint8Array(unmeasured)]), 'long.mp3');
    return fetch(`${app.url}/v2/upload`, {
      method: 'POST',
      headers: { 'x-gladia-key': API_KEY },
      body: form,
      signal: leaving.signal,
    }).then(
      () => 'answered',
      () => 'left',
    );
  });
  await eventually(decoding, (count) => count === 2, 30_000);
  const timed = async (bytes: Uint8Array, name: string) => {
    const started = performance.now();
    const { status, json } = await other.upload(bytes, name);
    expect([status, Math.round(json.audio_metadata?.audio_duration)]).toEqual([200, 11]);
    return performance.now() - started;
  };
  // Its container says how long it is, and then one that has to be decoded.
  expect(await timed(wav(samplesOf(CLIP)), 'clip.wav')).toBeLessThan(5_000);
  expect(await timed(unmeasuredMp3(1), 'clip.mp3')).toBeLessThan(10_000);
  leaving.abort();
  expect((await Promise.all(hostile)).filter((how) => how === 'left').length).toBeGreaterThan(10);
  await eventually(decoding, (count) => count === 0, 8_000);
}, 120_000);
