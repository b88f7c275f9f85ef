// kill -9 and SIGTERM on the real program with its embedded database: what was accepted is finished by the next start.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { API_KEY } from './rig/app.ts';
import { eventually } from './rig/eventually.ts';
import { type Served, serve } from './rig/process.ts';
import { type Receiver, startReceiver } from './rig/receiver.ts';
import { joined, samplesOf, silence, wav } from './rig/wav.ts';

const CLIP = new URL('./fixtures/jfk.wav', import.meta.url);
const jfk = readFileSync(CLIP);

let folder: string;
let receiver: Receiver;
let server: Served;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-crash-'));
  receiver = await startReceiver();
});
afterEach(async () => {
  server.child.kill('SIGTERM');
  await server.exited;
  await receiver.close();
  await rm(folder, { recursive: true, force: true });
});

async function submit(audio: Buffer): Promise<string> {
  const upload = await server.upload(audio, 'clip.wav');
  const { json } = await server.call('POST', '/v2/pre-recorded', {
    audio_url: upload.json.audio_url,
    callback: true,
    callback_config: { url: `${receiver.url}/hooks` },
  });
  return json.id;
}

async function kill(): Promise<void> {
  server.child.kill('SIGKILL');
  await server.exited;
}

test('killed while a job is processing and while a callback waits: the next start finishes both, once', async () => {
  receiver.setResponse({ status: 503 });
  server = await serve(folder, { RINGBACK_RETRY_SCHEDULE: '0s,4s,1s,1s' });
  const first = await submit(jfk);
  await receiver.next();
  await eventually(
    () => server.call('GET', `/v2/pre-recorded/${first}/callbacks`),
    ({ json }) => json.items[0].state === 'pending' && json.items[0].attempts.length === 1,
  );
  const speech = samplesOf(CLIP);
  const second = await submit(wav(joined(speech, silence(1), speech, silence(1), speech)));
  await eventually(
    () => server.call('GET', `/v2/pre-recorded/${second}`),
    ({ json }) => json.status === 'processing',
  );
  await kill();
  receiver.setResponse({ status: 200 });

  server = await serve(folder, { RINGBACK_RETRY_SCHEDULE: '0s,4s,1s,1s' });
  const seen = await receiver.next(2);
  expect(seen.map((request) => JSON.parse(request.body.toString()).id).sort()).toEqual(
    [first, second].sort(),
  );
  for (const id of [first, second]) {
    const { json } = await eventually(
      () => server.call('GET', `/v2/pre-recorded/${id}/callbacks`),
      (answer) => answer.json.items[0]?.state === 'delivered',
    );
    expect(json.items).toHaveLength(1);
    expect((await server.ended(id)).status).toBe('done');
  }
  expect(receiver.requests).toHaveLength(3);
}, 120_000);

test('killed while the receiver has the request: the attempt is on record as unknown, and it is sent again with the same id', async () => {
  receiver.setResponse(() => new Promise(() => {}));
  server = await serve(folder);
  const id = await submit(jfk);
  const [unanswered] = await receiver.next();
  await kill();
  receiver.setResponse({ status: 200 });

  server = await serve(folder);
  const [again] = await receiver.next();
  expect(again?.headers['webhook-id']).toBe(unanswered?.headers['webhook-id']);
  expect(again?.headers['ringback-attempt']).toBe('2');
  const { json } = await eventually(
    () => server.call('GET', `/v2/pre-recorded/${id}/callbacks`),
    (answer) => answer.json.items[0].state === 'delivered',
  );
  expect(json.items[0].attempts).toMatchObject([
    { number: 1, outcome: 'unknown', error: { class: 'interrupted' } },
    { number: 2, outcome: 'delivered', status: 200 },
  ]);
}, 120_000);

test('SIGTERM drains: exit 0 in under 10 s, the running job and attempt handed back, nothing left running', async () => {
  receiver.setResponse(() => new Promise(() => {}));
  server = await serve(folder, { RINGBACK_STOP_TIMEOUT: '8s' });
  await submit(jfk);
  await receiver.next();
  const speech = samplesOf(CLIP);
  const running = await submit(wav(joined(speech, silence(1), speech, silence(1), speech)));
  await eventually(
    () => server.call('GET', `/v2/pre-recorded/${running}`),
    ({ json }) => json.status === 'processing',
  );
  const before = performance.now();
  server.child.kill('SIGTERM');
  expect(await server.exited).toEqual([0, null]);
  expect(performance.now() - before).toBeLessThan(10_000);
  expect(server.log.filter(({ msg }) => String(msg).includes('cut off'))).toMatchObject([{ callbacks: 1 }]);

  receiver.setResponse({ status: 200 });
  server = await serve(folder);
  const created = server.log.filter((line) => String(line.msg).startsWith('jobs were put right'));
  expect(created).toEqual([]);
  expect((await server.ended(running)).status).toBe('done');
}, 120_000);

test('SIGTERM waits for the answer of a callback under way: it is called once, and the record says delivered', async () => {
  const answer = Promise.withResolvers<{ status: number }>();
  receiver.setResponse(() => answer.promise);
  server = await serve(folder);
  const id = await submit(jfk);
  await receiver.next();
  server.child.kill('SIGTERM');
  await server.logged('waiting for the answers of callbacks under way, so long at most');
  // Longer than the 4 s after which attempts were cut off once.
  setTimeout(() => answer.resolve({ status: 200 }), 5_000);
  expect(await server.exited).toEqual([0, null]);

  server = await serve(folder);
  const { json } = await server.call('GET', `/v2/pre-recorded/${id}/callbacks`);
  expect(json.items).toMatchObject([{ state: 'delivered', attempts: [{ number: 1, status: 200 }] }]);
  expect(receiver.requests).toHaveLength(1);
}, 120_000);

test.each(['SIGKILL', 'SIGTERM'] as const)(
  "%s under a request in OpenAI's shape: the same request under the same key gets the words of the same job",
  { timeout: 240_000 },
  async (signal) => {
    const speech = samplesOf(CLIP);
    // Four minutes: seconds of work.
    const long = wav(joined(...Array.from({ length: 20 }, () => [speech, silence(1)]).flat()));
    const ask = async () => {
      const form = new FormData();
      form.append('file', new Blob([Buffer.from(long)]), 'clip.wav');
      const headers = { authorization: `Bearer ${API_KEY}`, 'idempotency-key': signal };
      const response = await fetch(`${server.url}/v1/audio/transcriptions`, {
        method: 'POST',
        headers,
        body: form,
      });
      const text = await response.text();
      return { status: response.status, id: response.headers.get('x-ringback-transcription'), text };
    };
    server = await serve(folder);
    const first = ask().catch((error: Error) => error.name);
    const { json } = await eventually(
      () => server.call('GET', '/v2/pre-recorded'),
      (list) => list.json.items[0]?.status === 'processing',
    );
    const [{ id }] = json.items;
    server.child.kill(signal);
    // Who is killed says nothing; who stops says when to come again.
    if (signal === 'SIGKILL') expect(await first).toBe('TypeError');
    else
      expect(await first).toMatchObject({
        status: 503,
        id,
        text: expect.stringContaining('under the same Idempotency-Key'),
      });
    await server.exited;

    server = await serve(folder);
    const second = await ask();
    expect(second).toMatchObject({ status: 200, id });
    expect(JSON.parse(second.text).text.match(/what your country can do for you/gi)).toHaveLength(20);
    expect((await server.call('GET', '/v2/pre-recorded')).json.items).toHaveLength(1);
  },
);
