// The typed client, by the name its users import it under, against the whole program: every call, every kind of audio,
// what it throws, and that it stops when told.
import { createReadStream, openAsBlob, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import {
  type CallbackBody,
  type Client,
  createClient,
  parseExact,
  RingbackError,
  verifyCallback,
} from 'ringback/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { API_KEY, type App, startApp } from '../rig/app.ts';
import { eventually } from '../rig/eventually.ts';
import { startProgram } from '../rig/program.ts';
import { type Receiver, startReceiver, startSocketServer } from '../rig/receiver.ts';

const PATH = fileURLToPath(new URL('../fixtures/speech/all-circuits-busy-now.wav', import.meta.url));
const clip = readFileSync(PATH);
const WORDS = /circuits are busy/i;
const GONE = '00000000-0000-4000-8000-000000000000';

let app: App;
let client: Client;
let receiver: Receiver;
beforeAll(async () => {
  app = await startApp({ RINGBACK_MODEL: 'moonshine-tiny', RINGBACK_WORKERS: '1' });
  client = createClient({ url: app.url, key: API_KEY });
  receiver = await startReceiver({ respond: { headers: { 'content-type': 'audio/wav' }, body: clip } });
});
afterAll(async () => {
  await receiver.close();
  await app.stop();
});

const collected = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};
const bytesOf = async (stream: ReadableStream<Uint8Array>) =>
  Buffer.from(await new Response(stream).arrayBuffer());

test('upload: a path, a Blob, a File, a stream, a URL; and the bytes back', async () => {
  const uploads = [
    await client.audio.upload(PATH),
    await client.audio.upload(await openAsBlob(PATH)),
    await client.audio.upload(new File([clip], 'a "quoted"\r\nname.wav')),
    await client.audio.upload(createReadStream(PATH), { filename: 'streamed.wav' }),
    await client.audio.upload(`${receiver.url}/from/here.wav`),
    await client.audio.upload(new URL(`${receiver.url}/from/there.wav`)),
  ];
  for (const { audio_metadata } of uploads) expect(audio_metadata.size).toBe(clip.length);
  expect(uploads.map(({ audio_metadata }) => audio_metadata.filename)).toEqual([
    'all-circuits-busy-now.wav',
    'audio',
    // As browsers and Node's own FormData write it.
    'a %22quoted%22%0D%0Aname.wav',
    'streamed.wav',
    'here.wav',
    'there.wav',
  ]);
  const id = uploads[3]?.audio_metadata.id ?? '';
  expect((await bytesOf(await client.audio.file(id))).equals(clip)).toBe(true);

  await expect(client.audio.upload('/no/such/file.wav')).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(client.audio.upload(new Blob(['no audio at all']))).rejects.toMatchObject({
    reason: 'audio_unsupported',
    status: 415,
  });
});

test('create, wait, list, callbacks, resend, replay, endpoints, secrets, delete', async () => {
  const [secret] = await client.signingSecrets.list();
  const { audio_url } = await client.audio.upload(PATH);
  const request = {
    audio_url,
    callback: true,
    callback_config: { url: `${receiver.url}/hooks?key=s3cret` },
    custom_metadata: { order: 'A-17' },
  };
  // Requests so far were downloads of the clip.
  await receiver.next(receiver.requests.length);
  const { id } = await client.transcriptions.create(request, { idempotencyKey: 'order-A-17' });
  expect(await client.transcriptions.create(request, { idempotencyKey: 'order-A-17' })).toMatchObject({ id });
  const seen: string[] = [];
  const job = await client.transcriptions.wait(id, {
    intervalMs: 50,
    timeoutMs: 150_000,
    onLook: ({ status }) => seen.push(status),
  });
  expect(job.result?.transcription.full_transcript).toMatch(WORDS);
  expect(seen.at(-1)).toBe('done');

  const [told] = await receiver.next();
  const body = told?.body ?? Buffer.alloc(0);
  expect(verifyCallback(told?.headers ?? {}, body, secret?.secret ?? '')).toMatchObject({ ok: true });
  expect(verifyCallback(new Headers(told?.headers), body, ['whsec_AAAA', secret?.secret ?? ''])).toEqual({
    ok: true,
    json: String(body),
  });
  expect(verifyCallback(told?.headers ?? {}, `${body} `, secret?.secret ?? '')).toMatchObject({ ok: false });
  const parsed = JSON.parse(String(body)) as CallbackBody;
  expect('payload' in parsed && parsed.payload.transcription).toEqual(job.result?.transcription);

  const failed = await client.transcriptions.create({ audio_url: `${app.url}/file/${GONE}x` });
  expect(await client.transcriptions.wait(failed.id, { intervalMs: 50 })).toMatchObject({
    status: 'error',
    error_reason: 'audio_blocked_address',
  });
  expect((await collected(client.transcriptions.list({ limit: 1 }))).map((one) => one.id)).toEqual([
    failed.id,
    id,
  ]);
  expect((await collected(client.transcriptions.list({ status: ['done'] }))).map((one) => one.id)).toEqual([
    id,
  ]);
  expect((await bytesOf(await client.transcriptions.file(id))).equals(clip)).toBe(true);

  const [callback] = await collected(client.callbacks.list({ transcription_id: id }));
  expect(callback?.id).toBe(told?.headers['webhook-id']);
  expect(await client.transcriptions.callbacks(id)).toMatchObject([
    { id: callback?.id, attempts: [{ number: 1 }] },
  ]);
  expect(await client.callbacks.resend(callback?.id ?? '')).toMatchObject({ id: callback?.id });
  const [again] = await receiver.next();
  expect(again?.body.equals(body)).toBe(true);
  expect((await client.callbacks.get(callback?.id ?? '')).attempts.length).toBeGreaterThan(0);

  const replay = await client.replays.create({
    filter: { transcription_id: id, state: ['failed'] },
    rate: 5,
  });
  expect(await client.replays.get(replay.id)).toMatchObject({ id: replay.id, rate: 5 });
  expect(['done', 'cancelled']).toContain((await client.replays.cancel(replay.id)).state);
  expect((await collected(client.replays.list())).map((one) => one.id)).toEqual([replay.id]);

  const [endpoint] = await collected(client.endpoints.list({ sort: 'undelivered', limit: 1 }));
  expect(await collected(client.hosts.list())).toMatchObject([
    { origin: new URL(endpoint?.url ?? '').origin, state: 'closed', endpoints: 1 },
  ]);
  expect(endpoint?.url).toBe(`${receiver.url}/hooks`);
  expect((await client.endpoints.disable(endpoint?.id ?? '')).state).toBe('disabled');
  expect((await client.endpoints.enable(endpoint?.id ?? '')).state).toBe('closed');
  expect((await client.endpoints.get(endpoint?.id ?? '')).id).toBe(endpoint?.id);

  expect((await client.endpoints.disable(endpoint?.id ?? '')).health).toBe('disabled');
  const elsewhere = await client.callbacks.resend(callback?.id ?? '', {
    url: `${receiver.url}/hooks?key=new`,
  });
  expect(elsewhere).toMatchObject({ state: 'pending', next_attempt_at: null, attempts: [{}, {}] });
  expect((await client.callbacks.cancel(elsewhere.id)).state).toBe('cancelled');
  await expect(client.callbacks.cancel(elsewhere.id)).rejects.toMatchObject({ reason: 'callback_ended' });
  await client.callbacks.resend(elsewhere.id);
  expect(await client.callbacks.cancelMany({ filter: { transcription_id: id } })).toEqual({
    cancelled: 1,
    in_flight: 0,
    done: true,
  });
  await client.callbacks.resend(elsewhere.id);
  expect(await client.endpoints.remove(endpoint?.id ?? '')).toEqual({
    id: endpoint?.id,
    url: endpoint?.url,
    cancelled: 1,
    in_flight: 0,
  });
  expect(await collected(client.endpoints.list())).toEqual([]);
  expect(await client.callbacks.get(elsewhere.id)).toMatchObject({ state: 'cancelled', endpoint_id: null });

  const rotated = await client.signingSecrets.rotate({ overlap_seconds: 60 });
  expect(rotated.map(({ source }) => source)).toContain('account');
  expect(await client.server.live()).toMatchObject({ status: 'ok' });
  expect(await client.server.ready()).toMatchObject({ status: 'ready' });

  expect((await client.transcriptions.cancel(id)).status).toBe('done');
  const unwanted = await client.transcriptions.create({ audio_url });
  expect(await client.transcriptions.cancel(unwanted.id)).toMatchObject({
    status: 'error',
    error_reason: 'cancelled',
  });

  await client.transcriptions.delete(id);
  await expect(client.transcriptions.get(id)).rejects.toMatchObject({
    reason: 'transcription_unknown',
    status: 404,
  });
}, 240_000);

test('keys; and changes as they happen, until the loop is left', async () => {
  const made = await client.keys.create({ name: 'ci' });
  const other = createClient({ url: app.url, key: made.key });
  expect((await other.keys.list()).map(({ name }) => name)).toContain('ci');
  const heard: string[] = [];
  const events = client.events();
  const first = events.next();
  // What happens from now on is heard.
  await eventually(
    async () => (await fetch(`${app.url}/metrics`)).text(),
    (text) => text.includes('ringback_event_streams 1'),
  );
  const { id } = await client.transcriptions.create({ audio_url: `${app.url}/none` });
  let event = await first;
  while (!event.done) {
    if (event.value.event === 'job' && event.value.data.id === id) heard.push(event.value.data.status);
    if (heard.at(-1) === 'error') break;
    event = await events.next();
  }
  await events.return();
  expect(heard.at(-1)).toBe('error');
  expect(await client.keys.revoke(made.id)).toMatchObject({ id: made.id });
  await expect(other.keys.list()).rejects.toMatchObject({ reason: 'key_unknown' });
});

test('lists are read page by page, each item once', async () => {
  const made = [];
  for (let count = 0; count < 5; count += 1)
    made.push(
      (await client.transcriptions.create({ audio_url: `${app.url}/none`, custom_metadata: { count } })).id,
    );
  const ids: string[] = [];
  for await (const job of client.transcriptions.list({ limit: 2 })) {
    ids.push(job.id);
    if (ids.length === 5) break;
  }
  expect(ids).toEqual(made.toReversed());
});

test('numbers that JavaScript cannot hold are sent and come back as they are', async () => {
  const order = 9_007_199_254_740_993n;
  const metadata = { order, price: JSON.rawJSON('1.0') };
  const { id } = await client.transcriptions.create({
    audio_url: `${app.url}/none`,
    custom_metadata: metadata,
  });
  const job = await client.transcriptions.get(id);
  expect(job.custom_metadata).toEqual({ order: JSON.rawJSON(String(order)), price: 1 });
  const kept = await createClient({ url: app.url, key: API_KEY, numbers: 'kept' }).transcriptions.get(id);
  expect(JSON.stringify(kept.custom_metadata)).toBe('{"order":9007199254740993,"price":1.0}');
  // As it came, it is sent again.
  const again = await client.transcriptions.create({
    audio_url: `${app.url}/none`,
    custom_metadata: job.custom_metadata ?? {},
  });
  const found: string[] = [];
  for (const one of [order, order - 1n])
    for await (const listed of client.transcriptions.list({ custom_metadata: { order: one } }))
      found.push(listed.id);
  expect(found).toEqual([again.id, id]);
  const body = `{"custom_metadata":${JSON.stringify(kept.custom_metadata)}}`;
  expect(parseExact(body)).toEqual({ custom_metadata: job.custom_metadata });
});

test('a refusal has its reason, status, sentences and request id', async () => {
  const error = await client.transcriptions
    .create({ audio_url: 'https://cdn.example.org/a.mp3', callback: true })
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(RingbackError);
  expect(error).toMatchObject({
    code: 'request_invalid',
    reason: 'request_invalid',
    status: 400,
    sentences: ['callback_config.url is required when callback is true'],
    message: 'callback_config.url is required when callback is true',
    requestId: expect.stringMatching(/^G-[0-9a-f]{8}$/),
  });
  await expect(client.callbacks.get(GONE)).rejects.toMatchObject({ reason: 'callback_unknown', status: 404 });
  const stranger = createClient({ url: app.url, key: 'rb_no_such_key' });
  await expect(collected(stranger.endpoints.list())).rejects.toMatchObject({
    reason: 'key_unknown',
    status: 401,
  });
});

test('no answer, none in time, none of ours, a redirect: each says which', async () => {
  const silent = await startSocketServer(() => {});
  const slow = createClient({ url: silent.url, key: API_KEY, timeoutMs: 200 });
  await expect(slow.server.live()).rejects.toMatchObject({
    reason: 'timeout',
    status: null,
    message: `GET ${silent.url}/healthz was not answered within 200 ms`,
  });
  const waiting = new AbortController();
  const call = createClient({ url: silent.url, key: API_KEY }).server.live({ signal: waiting.signal });
  waiting.abort();
  await expect(call).rejects.toMatchObject({ name: 'AbortError' });
  await silent.close();
  await expect(slow.server.live()).rejects.toMatchObject({
    reason: 'unreachable',
    status: null,
    message: expect.stringContaining('ECONNREFUSED'),
  });

  const other = await startReceiver({ respond: { status: 502, body: '<h1>Bad Gateway</h1>' } });
  const behind = createClient({ url: other.url, key: API_KEY });
  await expect(behind.server.live()).rejects.toMatchObject({ reason: 'answer_unknown', status: 502 });
  other.setResponse({ status: 200, body: '<h1>Welcome</h1>' });
  await expect(behind.server.live()).rejects.toMatchObject({ reason: 'answer_unknown', status: 200 });
  other.setResponse({ status: 307, headers: { location: `${receiver.url}/elsewhere` } });
  await expect(behind.server.live()).rejects.toMatchObject({ reason: 'answer_unknown', status: null });
  expect(receiver.requests.filter(({ path }) => path === '/elsewhere')).toEqual([]);
  await other.close();
});

test('wait gives up on time and on a signal', async () => {
  const quiet = await startSocketServer(() => {});
  const { id } = await client.transcriptions.create({ audio_url: `${quiet.url}/never.wav` });
  await expect(client.transcriptions.wait(id, { intervalMs: 20, timeoutMs: 100 })).rejects.toMatchObject({
    reason: 'timeout',
    message: expect.stringMatching(/is still (?:queued|processing) after 100 ms/),
  });
  const stop = new AbortController();
  const wait = client.transcriptions.wait(id, {
    intervalMs: 60_000,
    signal: stop.signal,
    onLook: () => stop.abort(),
  });
  await expect(wait).rejects.toMatchObject({ name: 'AbortError' });
  await quiet.close();
});

test('a path in its URL is kept: behind a proxy that serves Ringback under a prefix', async () => {
  const proxy = createServer(async (request, response) => {
    const answer = await fetch(`${app.url}${(request.url ?? '').replace(/^\/stt/, '')}`, {
      headers: { 'x-gladia-key': String(request.headers['x-gladia-key']) },
    });
    response.writeHead(request.url?.startsWith('/stt/') ? answer.status : 404).end(await answer.text());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as { port: number };
  const through = createClient({ url: `http://127.0.0.1:${port}/stt/`, key: API_KEY });
  expect(await through.server.live()).toMatchObject({ status: 'ok' });
  expect(await collected(through.endpoints.list())).toEqual(await collected(client.endpoints.list()));
  proxy.closeAllConnections();
  proxy.close();
});

const EXAMPLE = fileURLToPath(new URL('../../examples/client/transcribe.ts', import.meta.url));

test('the example prints the words; docs/client.md shows its lines', async () => {
  const program = startProgram({
    command: process.execPath,
    args: ['--conditions=ringback-source', EXAMPLE, PATH],
    env: { RINGBACK_URL: app.url, RINGBACK_API_KEY: API_KEY },
  });
  expect(await program.line(/./, 1, 150_000)).toMatch(WORDS);
  await program.stop();
  const page = readFileSync(new URL('../../docs/client.md', import.meta.url), 'utf8');
  const shown =
    /^From \[transcribe\.ts\][\s\S]*?```ts\n([\s\S]*?)```/m.exec(page)?.[1]?.trimEnd().split('\n') ?? [];
  expect(shown.length).toBeGreaterThan(4);
  const lines = readFileSync(EXAMPLE, 'utf8').split('\n');
  for (const line of shown) expect(lines).toContain(line);
}, 180_000);
