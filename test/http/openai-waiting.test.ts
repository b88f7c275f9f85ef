// OpenAI's shape while its job is not done: who waits, who leaves, who comes back; and what of a refused request is kept.
import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobErrorCode } from '../../src/errors.ts';
import { USUAL_PATIENCE } from '../../src/http/patience.ts';
import { finishJob, startJob } from '../../src/store/jobs.ts';
import { type Api, startApi } from '../rig/api.ts';
import { eventually } from '../rig/eventually.ts';

let api: Api;
let url: string;
beforeAll(async () => {
  api = await startApi({ heartbeatMs: 20 });
  url = await api.server.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => api.stop());

const PATH = '/v1/audio/transcriptions';
const audio = (text = 'sound') => new Blob([text]);

function send(
  fields: Record<string, string | Blob>,
  { key, signal, at = url }: { key?: string; signal?: AbortSignal; at?: string } = {},
): Promise<Response> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields))
    if (typeof value === 'string') form.append(name, value);
    else form.append(name, value, 'a.wav');
  return fetch(`${at}${PATH}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.key}`, ...(key && { 'idempotency-key': key }) },
    body: form,
    ...(signal && { signal }),
  });
}

const waiting = (count: number, listeners = api.listeners) =>
  eventually(
    () => listeners.waiting,
    (now) => now === count,
  );
const newest = async () => (await api.call({ url: '/v2/pre-recorded?limit=1' })).json.items[0];

const utterance = (text: string, start: number) => ({
  start,
  end: start + 1,
  confidence: 0.9,
  channel: 0,
  language: 'en',
  text,
  words: text
    .split(' ')
    .map((word, i) => ({ word: i === 0 ? word : ` ${word}`, start, end: start + 1, confidence: 0.9 })),
});

async function finish(id: string, texts: readonly string[] = ['Hello there.', 'Good bye.']): Promise<void> {
  const started = await startJob(api.db, id, 60_000);
  const result = {
    metadata: {
      audio_duration: 2.5,
      number_of_distinct_channels: 1,
      billing_time: 2.5,
      transcription_time: 1,
    },
    transcription: { full_transcript: texts.join(' '), languages: ['en'], utterances: texts.map(utterance) },
  };
  await finishJob(api.db, id, started?.run ?? 0, {
    ending: { filename: 'a.wav', duration: 2.5, channels: 1, result: Buffer.from(JSON.stringify(result)) },
    delivery: null,
  });
}

async function fail(id: string, code: JobErrorCode, message: string): Promise<void> {
  const started = await startJob(api.db, id, 60_000);
  await finishJob(api.db, id, started?.run ?? 0, {
    ending: { filename: null, duration: null, channels: null, error: { code, message } },
    delivery: null,
  });
}

/** Uploads on the disk, whole or half. */
async function files(): Promise<string[]> {
  const all = await readdir(join(api.folder), { recursive: true, withFileTypes: true });
  return all.filter((entry) => entry.isFile() && /^[0-9a-f-]{36}$/.test(entry.name)).map(({ name }) => name);
}
const jobs = async () => (await api.call({ url: '/v2/pre-recorded?limit=1000' })).json.items.length;

test('the answer comes with the end of the job', async () => {
  const asked = send({ file: audio(), model: 'whisper-1' });
  await waiting(1);
  const job = await newest();
  expect(job).toMatchObject({ status: 'queued', file: { filename: 'a.wav' } });
  await finish(job.id);
  const response = await asked;
  expect([response.status, await response.json()]).toEqual([
    200,
    { text: 'Hello there. Good bye.', languages: [{ code: 'en' }], usage: { type: 'duration', seconds: 3 } },
  ]);
  expect(response.headers.get('x-ringback-transcription')).toBe(job.id);
});

test('a stream shows signs of life while its job waits', async () => {
  const response = await send({ file: audio(), model: 'whisper-1', stream: 'true' });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const { id } = await newest();
  let text = '';
  let isFinished = false;
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    if (isFinished || text.split(':\n\n').length < 4) continue;
    isFinished = true;
    await finish(id);
  }
  expect(text.replaceAll(':\n\n', '')).toBe(
    [
      ['transcript.text.delta', { type: 'transcript.text.delta', delta: 'Hello there.' }],
      ['transcript.text.delta', { type: 'transcript.text.delta', delta: ' Good bye.' }],
      [
        'transcript.text.done',
        { type: 'transcript.text.done', text: 'Hello there. Good bye.', languages: [{ code: 'en' }] },
      ],
    ]
      .map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
      .join(''),
  );
});

test('a stream with verbose_json ends with the times', async () => {
  const response = await send({ file: audio(), stream: 'true', response_format: 'verbose_json' });
  await finish((await newest()).id);
  const last = (await response.text()).trim().split('\n').at(-1) ?? '';
  expect(JSON.parse(last.replace(/^data: /, ''))).toMatchObject({
    type: 'transcript.text.done',
    text: 'Hello there. Good bye.',
    language: 'english',
    segments: [
      { id: 0, text: 'Hello there.', seek: 0 },
      { id: 1, text: 'Good bye.', seek: 100 },
    ],
  });
});

test.each([
  ['', {}],
  ['in a stream', { stream: 'true' }],
])('who leaves before the end cancels the job, which nobody would read %s', async (_how, how) => {
  const leaving = new AbortController();
  const asked = send({ file: audio(), model: 'whisper-1', ...how }, { signal: leaving.signal });
  const read = asked.then((response) => response.text()).catch((error: Error) => error.name);
  await waiting(1);
  const { id } = await newest();
  leaving.abort();
  expect(await read).toBe('AbortError');
  await eventually(
    () => api.call({ url: `/v2/pre-recorded/${id}` }),
    ({ json }) => json.status === 'error' && json.error_reason === 'cancelled',
  );
  await waiting(0);
});

test('with an Idempotency-Key the job goes on, and the same request gets its words', async () => {
  const key = randomUUID();
  const fields = {
    file: audio('once'),
    model: 'whisper-1',
    'timestamp_granularities[]': 'word',
    response_format: 'verbose_json',
  };
  const leaving = new AbortController();
  const first = send(fields, { key, signal: leaving.signal }).catch((error: Error) => error.name);
  await waiting(1);
  const { id } = await newest();
  const before = [await jobs(), (await files()).length];
  leaving.abort();
  expect(await first).toBe('AbortError');
  await waiting(0);
  const again = send(fields, { key });
  await waiting(1);
  await finish(id);
  const response = await again;
  expect(response.headers.get('idempotent-replayed')).toBe('true');
  expect(await response.json()).toMatchObject({ text: 'Hello there. Good bye.', words: { length: 4 } });
  // Nothing was made twice, and the second file is not kept.
  expect([await jobs(), (await files()).length]).toEqual(before);

  const other = await send({ ...fields, file: audio('another') }, { key });
  expect([other.status, other.headers.get('x-should-retry'), await other.json()]).toMatchObject([
    409,
    'false',
    { error: { code: 'idempotency_key_reused' } },
  ]);
  expect([await jobs(), (await files()).length]).toEqual(before);
});

test('a job that failed is told in their shape, and is not to be tried again by the client', async () => {
  const asked = send({ file: audio(), model: 'whisper-1' });
  await waiting(1);
  await fail((await newest()).id, 'engine_failed', 'The speech engine ended before it was done.');
  const response = await asked;
  expect([response.status, response.headers.get('x-should-retry')]).toEqual([500, 'false']);
  expect(await response.json()).toEqual({
    error: {
      message: 'The speech engine ended before it was done.',
      type: 'server_error',
      param: null,
      code: 'engine_failed',
    },
  });
  const damaged = send({ file: audio(), model: 'whisper-1' });
  await waiting(1);
  await fail((await newest()).id, 'audio_corrupt', 'The file is damaged.');
  expect([(await damaged).status, await (await damaged).json()]).toMatchObject([
    400,
    { error: { type: 'invalid_request_error', param: 'file', code: 'audio_corrupt' } },
  ]);
});

test('a job that is deleted while it is waited for is told so', async () => {
  const asked = send({ file: audio(), model: 'whisper-1' });
  await waiting(1);
  const { id } = await newest();
  expect((await api.call({ method: 'DELETE', url: `/v2/pre-recorded/${id}` })).status).toBe(202);
  // Of a deletion nobody is told: the look that all who wait have together finds it.
  api.listeners.heard({ kind: 'missed' });
  expect([(await asked).status, await (await asked).json()]).toMatchObject([
    404,
    { error: { code: 'transcription_unknown' } },
  ]);
});

test('a server that stops sends those who wait away: with a key to come back, without one to ask anew', async () => {
  const stopping = await startApi();
  const at = await stopping.server.listen({ host: '127.0.0.1', port: 0 });
  const ask = (key?: string) => {
    const form = new FormData();
    form.append('file', audio(key ?? 'none'), 'a.wav');
    return fetch(`${at}${PATH}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${stopping.key}`, ...(key && { 'idempotency-key': key }) },
      body: form,
    });
  };
  const [keyed, unkeyed] = [ask('k'), ask()];
  await waiting(2, stopping.listeners);
  stopping.listeners.drain();
  for (const response of await Promise.all([keyed, unkeyed]))
    expect([
      response.status,
      response.headers.get('x-should-retry'),
      response.headers.get('retry-after'),
    ]).toEqual([503, 'true', '1']);
  expect(await (await keyed).json()).toMatchObject({
    error: { code: 'waiting_ended', message: expect.stringContaining('under the same Idempotency-Key') },
  });
  expect(await (await unkeyed).json()).toMatchObject({
    error: { code: 'waiting_ended', type: 'server_error' },
  });
  const status = async (response: Response) => {
    const id = response.headers.get('x-ringback-transcription');
    return (await stopping.call({ url: `/v2/pre-recorded/${id}` })).json.status;
  };
  expect([await status(await keyed), await status(await unkeyed)]).toEqual(['queued', 'error']);
  await stopping.stop();
});

test('of what is refused nothing is kept, neither row nor file', async () => {
  const before = [await jobs(), (await files()).length];
  for (const [fields, status] of [
    [{ file: audio(), model: 'gpt-4' }, 404],
    [{ file: audio(), temperature: 'hot' }, 400],
    [{ file: audio(), callback_url: 'no URL' }, 400],
    [{ file: audio(), callback_url: 'https://example.org/', stream: 'true' }, 400],
    [{ file: audio(), url: 'https://example.org/a.mp3' }, 400],
    [{ model: 'whisper-1' }, 400],
    [{ audio: audio(), model: 'whisper-1' }, 400],
    [{ file: audio(''), model: 'whisper-1' }, 400],
    [{ file: audio('x'.repeat(1_000_001)), model: 'whisper-1' }, 413],
    [{ file: audio(), prompt: 'x'.repeat(60_000) }, 400],
    [{ file: audio(), prompt: 'a\0b' }, 400],
    [{ file: audio(), language: 'en', 'languages[]': 'klingon' }, 400],
  ] as [Record<string, string | Blob>, number][]) {
    const response = await send(fields);
    const text = await response.text();
    expect([response.status, text]).toEqual([status, expect.stringMatching(/^\{"error":\{"message":"[^"]/)]);
  }
  expect([await jobs(), (await files()).length]).toEqual(before);
});

test('what is no form and no JSON, and what is neither whole', async () => {
  const say = async (type: string, body: string) => {
    const headers = { authorization: `Bearer ${api.key}`, 'content-type': type };
    const response = await fetch(`${url}${PATH}`, { method: 'POST', headers, body });
    return [response.status, ((await response.json()) as { error: { message: string } }).error.message];
  };
  expect(await say('audio/wav', 'sound')).toEqual([415, expect.stringContaining('multipart/form-data')]);
  expect(await say('multipart/form-data; boundary=b', '--b\r\nno part')).toEqual([400, expect.any(String)]);
  expect(await say('multipart/form-data', 'x')).toEqual([400, expect.any(String)]);
  expect(await say('application/json', '{')).toEqual([400, 'body must be valid JSON']);
  expect(await say('application/json', '[]')).toEqual([400, expect.stringContaining('file is required')]);
  expect(await say('application/json', '{"input_audio":{"data":"???"}}')).toEqual([
    400,
    expect.stringContaining('input_audio.data must be base64'),
  ]);
});

test('a file given twice, and more fields than anybody has', async () => {
  const say = async (add: (form: FormData) => void) => {
    const form = new FormData();
    form.append('file', audio(), 'a.wav');
    add(form);
    const headers = { authorization: `Bearer ${api.key}` };
    const response = await fetch(`${url}${PATH}`, { method: 'POST', headers, body: form });
    return [response.status, ((await response.json()) as { error: { message: string } }).error.message];
  };
  expect(await say((form) => form.append('file', audio(), 'b.wav'))).toEqual([
    400,
    'file must be given once',
  ]);
  const many = (form: FormData) => {
    for (let i = 0; i <= 150; i++) form.append('keywords[]', String(i));
  };
  expect(await say(many)).toEqual([400, 'fields must be no more than 150']);
  // A sample of a voice is long, and refused for what it is.
  const sample = `data:audio/wav;base64,${'A'.repeat(100_000)}`;
  expect(await say((form) => form.append('known_speaker_references[]', sample))).toEqual([
    400,
    expect.stringMatching(/^known_speaker_references is not supported/),
  ]);
});

test('a body that does not come is refused in the shape of its route', async () => {
  const hasty = await startApi({
    front: { connections: 10, patience: { ...USUAL_PATIENCE, bodyMs: 50 } },
  });
  const at = await hasty.server.listen({ host: '127.0.0.1', port: 0 });
  const say = async (path: string) => {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(at).port) });
    socket.write(
      `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${hasty.key}\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 9000\r\n\r\n--b\r\n`,
    );
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    return [answer.split('\r\n', 1)[0], JSON.parse(answer.split('\r\n\r\n')[1] ?? '')];
  };
  expect(await say(PATH)).toEqual([
    'HTTP/1.1 408 Request Timeout',
    { error: expect.objectContaining({ type: 'invalid_request_error', code: 'request_too_slow' }) },
  ]);
  expect(await say('/v2/upload')).toEqual([
    'HTTP/1.1 408 Request Timeout',
    expect.objectContaining({ statusCode: 408 }),
  ]);
  await hasty.stop();
});

test('who leaves in the middle of the file leaves nothing behind', async () => {
  const before = [await jobs(), (await files()).length];
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port) });
  socket.write(
    `POST ${PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.key}\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 900000\r\n\r\n` +
      `--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n${'x'.repeat(50_000)}`,
  );
  await eventually(
    async () => (await files()).length,
    (count) => count === Number(before[1]) + 1,
  );
  socket.destroy();
  await eventually(
    async () => (await files()).length,
    (count) => count === before[1],
  );
  expect(await jobs()).toBe(before[0]);
});

test('a browser may send what its client adds, and read what we add', async () => {
  const asked = await fetch(`${url}${PATH}`, {
    method: 'OPTIONS',
    headers: {
      origin: 'https://app.example.org',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,x-stainless-lang',
    },
  });
  expect(asked.status).toBe(204);
  const allowed = asked.headers.get('access-control-allow-headers')?.split(',');
  expect(allowed).toEqual(expect.arrayContaining(['authorization', '*']));
  expect(asked.headers.get('access-control-expose-headers')).toContain('x-ringback-transcription');
});

test('limits are those of the account: as many as may wait already wait', async () => {
  const full = await startApi({
    limits: { requestsPerMinute: 6, queuedJobs: 1, uploads: 1, requestBytes: 1_000_000 },
  });
  const at = await full.server.listen({ host: '127.0.0.1', port: 0 });
  const ask = async (fields: Record<string, string>) => {
    const form = new FormData();
    form.append('file', audio(), 'a.wav');
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    const headers = { authorization: `Bearer ${full.key}` };
    const response = await fetch(`${at}${PATH}`, { method: 'POST', headers, body: form });
    const { error, id } = (await response.json()) as { error?: object; id?: string };
    return { status: response.status, retry: response.headers.get('retry-after'), error, id };
  };
  const callback = { callback_url: 'https://app.example.org/hook' };
  expect(await ask(callback)).toMatchObject({ status: 201 });
  expect(await ask({})).toMatchObject({
    status: 429,
    retry: '10',
    error: { type: 'requests', code: 'queue_full' },
  });
  expect(await readdir(join(full.folder, 'incoming'))).toEqual([]);
  for (let i = 0; i < 4; i++) await ask({ model: 'gpt-4' });
  expect(await ask(callback)).toMatchObject({ status: 429, error: { code: 'rate_limit_exceeded' } });
  await full.stop();
});

test('a transcript of megabytes comes whole, in pieces', async () => {
  const asked = send({ file: audio(), response_format: 'verbose_json', 'timestamp_granularities[]': 'word' });
  await waiting(1);
  const texts = Array.from({ length: 6_000 }, (_, i) => `Sentence number ${i} is said.`);
  await finish((await newest()).id, texts);
  const { text, words } = (await (await asked).json()) as { text: string; words: { word: string }[] };
  expect(text).toBe(texts.join(' '));
  expect(words.map(({ word }) => word).join(' ')).toBe(text);
});
