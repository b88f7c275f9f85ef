// OpenAI's own client, unchanged, with its base URL and its key: what it sends and reads is what it sends and reads there.
import { createReadStream, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { API_KEY, type App, startApp } from '../rig/app.ts';
import { startReceiver } from '../rig/receiver.ts';

const JFK = fileURLToPath(new URL('../fixtures/jfk.wav', import.meta.url));
const SHORT = fileURLToPath(new URL('../fixtures/speech/all-circuits-busy-now.wav', import.meta.url));
const WORDS = /ask not what your country can do for you/i;

let app: App;
let openai: OpenAI;
beforeAll(async () => {
  app = await startApp({ RINGBACK_MODEL: 'moonshine-tiny', RINGBACK_WORKERS: '1' });
  openai = clientWith(API_KEY);
  // The model is loaded before the clock of a client runs.
  await openai.audio.transcriptions.create({ file: createReadStream(SHORT), model: 'whisper-1' });
}, 240_000);
afterAll(() => app.stop());

const clientWith = (apiKey: string) =>
  new OpenAI({ apiKey, baseURL: `${app.url}/v1`, timeout: 150_000, maxRetries: 0 });

const file = () => createReadStream(JFK);

test('json is the text, its languages and its length', { timeout: 180_000 }, async () => {
  const { data, response } = await openai.audio.transcriptions
    .create({ file: file(), model: 'gpt-4o-transcribe' })
    .withResponse();
  expect(data.text).toMatch(WORDS);
  expect(data).toEqual({
    text: data.text,
    languages: [{ code: 'en' }],
    usage: { type: 'duration', seconds: 11 },
  });
  // The job that it was, as every other.
  const id = response.headers.get('x-ringback-transcription');
  const record = await app.call('GET', `/v2/pre-recorded/${id}`);
  expect(record.json).toMatchObject({
    status: 'done',
    file: { filename: 'jfk.wav', source: null },
    request_params: { model: 'gpt-4o-transcribe' },
    result: { transcription: { full_transcript: data.text } },
  });
  expect(response.headers.get('x-request-id')).toMatch(/^G-[0-9a-f]{8}$/);
});

test('text, srt and vtt are text, as captions are', { timeout: 180_000 }, async () => {
  const as = (response_format: 'text' | 'srt' | 'vtt') =>
    openai.audio.transcriptions.create({ file: file(), model: 'whisper-1', response_format });
  const [text, srt, vtt] = await Promise.all([as('text'), as('srt'), as('vtt')]);
  expect(text).toMatch(WORDS);
  expect(text.endsWith('\n')).toBe(true);
  expect(srt).toMatch(/^1\n00:00:00,\d{3} --> 00:00:0\d,\d{3}\n.*fellow Americans/i);
  expect(vtt).toMatch(/^WEBVTT\n\n1\n00:00:00\.\d{3} --> 00:00:0\d\.\d{3}\n.*fellow Americans/i);
});

test('verbose_json has segments, and words where they are asked for', { timeout: 180_000 }, async () => {
  const verbose = (timestamp_granularities?: ('word' | 'segment')[]) =>
    openai.audio.transcriptions.create({
      file: file(),
      model: 'whisper-1',
      language: 'en',
      response_format: 'verbose_json',
      ...(timestamp_granularities && { timestamp_granularities }),
    });
  const [usual, words, both] = await Promise.all([
    verbose(),
    verbose(['word']),
    verbose(['word', 'segment']),
  ]);
  expect(usual).toMatchObject({ task: 'transcribe', language: 'english', duration: 11 });
  expect(usual.words).toBeUndefined();
  expect(usual.segments?.map(({ text }) => text).join(' ')).toBe(usual.text);
  for (const segment of usual.segments ?? []) {
    expect(segment.end).toBeGreaterThan(segment.start);
    expect(segment.avg_logprob).toBeLessThan(0);
    expect(segment.avg_logprob).toBeGreaterThan(-1);
    expect(segment.compression_ratio).toBeLessThan(2.4);
    expect(Object.keys(segment).sort()).toEqual(
      'avg_logprob compression_ratio end id no_speech_prob seek start temperature text tokens'.split(' '),
    );
  }
  expect(words.segments).toBeUndefined();
  expect(words.words?.map(({ word }) => word).join(' ')).toBe(words.text);
  expect([both.words, both.segments]).toEqual([words.words, usual.segments]);
});

test('a stream gives the words piece by piece, and then all of them', { timeout: 180_000 }, async () => {
  const stream = await openai.audio.transcriptions.create({
    file: file(),
    model: 'gpt-4o-mini-transcribe',
    stream: true,
    chunking_strategy: 'auto',
  });
  let pieces = '';
  let done: object | undefined;
  for await (const event of stream) {
    expect(done).toBeUndefined();
    if (event.type === 'transcript.text.delta') pieces += event.delta;
    else done = event;
  }
  expect(pieces).toMatch(WORDS);
  expect(done).toEqual({ type: 'transcript.text.done', text: pieces, languages: [{ code: 'en' }] });
});

test('a stream that ends without words throws the reason', { timeout: 180_000 }, async () => {
  const stream = await openai.audio.transcriptions.create({
    file: file(),
    model: 'gpt-4o-mini-transcribe',
    language: 'de',
    stream: true,
  });
  const read = async () => {
    for await (const event of stream) expect(event).toBeUndefined();
  };
  await expect(read()).rejects.toMatchObject({ code: 'language_unsupported', param: 'language' });
});

test('keywords are words to be recognised; what changes nothing is said', { timeout: 180_000 }, async () => {
  const said = await openai.audio.transcriptions.create({
    file: file(),
    model: 'gpt-transcribe',
    keywords: ['Amerikans'],
    prompt: 'An inaugural address.',
    temperature: 0.2,
  });
  expect(said.text).toContain('Amerikans');
  expect((said as { request_notes?: string[] }).request_notes).toEqual([
    expect.stringMatching(/^prompt was kept and changes nothing/),
    expect.stringMatching(/^temperature was not read/),
  ]);
});

test("models: this server's own and the names that stand for it", async () => {
  const ids: string[] = [];
  for await (const model of openai.models.list()) {
    ids.push(model.id);
    expect(model).toMatchObject({ object: 'model', owned_by: 'ringback', root: 'moonshine-tiny' });
  }
  expect(ids).toEqual(expect.arrayContaining(['moonshine-tiny', 'whisper-1', 'gpt-4o-transcribe']));
  expect(await openai.models.retrieve('Systran/faster-whisper-small')).toMatchObject({
    id: 'Systran/faster-whisper-small',
    root: 'moonshine-tiny',
  });
  await expect(openai.models.retrieve('gpt-4')).rejects.toMatchObject({
    status: 404,
    code: 'model_not_found',
    param: 'model',
    type: 'invalid_request_error',
  });
});

test('refusals are its own errors: key, file, model, format, and routes there are none of', async () => {
  const create = (params: object, client = openai) =>
    client.audio.transcriptions.create({
      file: file(),
      model: 'whisper-1',
      ...params,
    } as never) as Promise<object>;
  const bad = { status: 400, type: 'invalid_request_error' };
  await expect(create({}, clientWith('rb_no_such_key'))).rejects.toMatchObject({
    constructor: OpenAI.AuthenticationError,
    status: 401,
    code: 'invalid_api_key',
  });
  await expect(create({ file: undefined })).rejects.toMatchObject({ ...bad, param: 'file' });
  await expect(create({ model: 'gpt-4' })).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  await expect(create({ file: await toFile(Buffer.from('no audio at all'), 'a.txt') })).rejects.toMatchObject(
    {
      ...bad,
      param: 'file',
      code: 'audio_unsupported',
      message: expect.stringContaining('not audio'),
    },
  );
  await expect(create({ response_format: 'diarized_json' })).rejects.toMatchObject({
    ...bad,
    param: 'response_format',
    message: expect.stringMatching(/json, text, srt, vtt, verbose_json; who speaks/),
  });
  for (const [param, params] of Object.entries({
    temperature: { temperature: 2 },
    language: { language: 'klingon' },
    timestamp_granularities: { timestamp_granularities: ['word'] },
    include: { include: ['logprobs'] },
    known_speaker_names: { known_speaker_names: ['Ann'] },
    chunking_strategy: { chunking_strategy: { type: 'server_vad', threshold: 0.3 } },
    callback_url: { callback_url: 'ftp://127.0.0.1/' },
  }))
    await expect(create(params)).rejects.toMatchObject({ ...bad, param, code: 'invalid_value' });
  await expect(openai.audio.translations.create({ file: file(), model: 'whisper-1' })).rejects.toMatchObject({
    ...bad,
    code: 'translation_unsupported',
  });
  await expect(openai.chat.completions.create({ model: 'gpt-4', messages: [] })).rejects.toMatchObject({
    status: 404,
    code: 'unknown_url',
    message: expect.stringContaining('Cannot POST /v1/chat/completions'),
  });
  // Nothing of what was refused is kept.
  expect((await app.call('GET', '/v2/pre-recorded?limit=100')).text).not.toContain('klingon');
});

test('a language that the model does not speak is a bad request', { timeout: 180_000 }, async () => {
  const asked = openai.audio.transcriptions.create({ file: file(), model: 'whisper-1', language: 'de' });
  await expect(asked).rejects.toMatchObject({ status: 400, code: 'language_unsupported', param: 'language' });
});

test('callback_url answers at once, and calls back', { timeout: 180_000 }, async () => {
  const receiver = await startReceiver();
  const answer = (await openai.audio.transcriptions.create({
    file: file(),
    model: 'whisper-1',
    callback_url: `${receiver.url.replace('//', '//ann:pa55word@')}/hooks?key=s3cret`,
  } as never)) as unknown as { id: string; result_url: string };
  expect(answer.result_url).toBe(`${app.url}/v2/pre-recorded/${answer.id}`);
  const [request] = await receiver.next();
  const body = JSON.parse(String(request?.body));
  expect(body).toMatchObject({ id: answer.id, event: 'success' });
  expect(body.payload.transcription.full_transcript).toMatch(WORDS);
  expect(request?.headers['webhook-signature']).toMatch(/^v1,/);
  const basic = Buffer.from('ann:pa55word').toString('base64');
  expect(request?.headers.authorization).toBe(`Basic ${basic}`);
  const record = await app.call('GET', `/v2/pre-recorded/${answer.id}`);
  expect(record.json.request_params.callback).toBe(true);
  for (const secret of ['s3cret', 'pa55word', basic]) expect(record.text).not.toContain(secret);
  await receiver.close();
});

test('in place of a file, url is downloaded, by the rules for every URL', { timeout: 180_000 }, async () => {
  const host = await startReceiver({
    respond: () => ({ status: 200, headers: { 'content-type': 'audio/wav' }, body: readFileSync(SHORT) }),
  });
  const create = (url: string) =>
    openai.audio.transcriptions.create({ model: 'whisper-1', url } as never) as Promise<{ text: string }>;
  expect((await create(`${host.url}/a.wav`)).text).toMatch(/circuits are busy/i);
  await expect(create('http://169.254.169.254/latest')).rejects.toMatchObject({
    status: 400,
    code: 'audio_blocked_address',
    param: 'url',
  });
  await expect(create('file:///etc/passwd')).rejects.toMatchObject({ status: 400, param: 'url' });
  await expect(create(`${app.url}/file/00000000-0000-4000-8000-000000000000`)).rejects.toMatchObject({
    status: 400,
    param: 'url',
  });
  await host.close();
});

test('the file may come in any order and without a name, or in JSON: the answer is the same', {
  timeout: 180_000,
}, async () => {
  const audio = readFileSync(SHORT);
  const send = async (body: Buffer | string, type: string) => {
    const response = await fetch(`${app.url}/v1/audio/transcriptions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}`, 'content-type': type },
      body: body as string,
    });
    return { status: response.status, json: (await response.json()) as { text: string } };
  };
  const part = (name: string, value: Buffer | string) => [
    Buffer.from(`--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n`),
    Buffer.from(value),
    Buffer.from('\r\n'),
  ];
  const form = (...parts: Buffer[][]) => Buffer.concat([...parts.flat(), Buffer.from('--b--\r\n')]);
  const type = 'multipart/form-data; boundary=b';
  const first = await send(form(part('file', audio), part('model', 'whisper-1')), type);
  const last = await send(form(part('model', 'whisper-1'), part('language', ''), part('file', audio)), type);
  const json = await send(
    JSON.stringify({ model: 'whisper-1', input_audio: { data: audio.toString('base64'), format: 'wav' } }),
    'application/json',
  );
  expect(first.status).toBe(200);
  expect(first.json.text).toMatch(/circuits are busy/i);
  expect([last, json]).toEqual([first, first]);
});
