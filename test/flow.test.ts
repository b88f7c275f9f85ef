// The main job through the whole program: real database, real model, real sockets, a real receiver.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type App, startApp } from './rig/app.ts';
import { eventually } from './rig/eventually.ts';
import { type Receiver, startReceiver } from './rig/receiver.ts';
import { joined, samplesOf, silence, wav } from './rig/wav.ts';

const CLIP = new URL('./fixtures/jfk.wav', import.meta.url);
const jfk = readFileSync(CLIP);
const WORDS =
  'and so my fellow americans ask not what your country can do for you ask what you can do for your country';
const wordsOf = (text: string) => text.toLowerCase().replaceAll(/[^a-z ]/g, '');

let app: App;
let receiver: Receiver;
let host: Receiver;

beforeAll(async () => {
  app = await startApp({ RINGBACK_MAX_AUDIO_BYTES: '2MB', RINGBACK_MAX_AUDIO_DURATION: '30s' });
});
afterAll(() => app.stop());
beforeEach(async () => {
  receiver = await startReceiver();
  host = await startReceiver({ respond: { headers: { 'content-type': 'audio/wav' }, body: jfk } });
});
afterEach(async () => {
  await receiver.close();
  await host.close();
});

const submit = async (body: object) => {
  const { status, json } = await app.call('POST', '/v2/pre-recorded', body);
  expect([status, json.message]).toEqual([201, undefined]);
  return json.id as string;
};
const callback = (method?: string) => ({
  callback: true,
  callback_config: { url: `${receiver.url}/hooks/stt?job=A-17&key=s3cret`, ...(method && { method }) },
});

test('upload, transcribe, call back, look it up', async () => {
  const upload = await app.upload(jfk, 'jfk.wav');
  expect(upload).toMatchObject({
    status: 200,
    json: {
      audio_metadata: {
        filename: 'jfk.wav',
        extension: 'wav',
        size: jfk.length,
        audio_duration: 11,
        number_of_channels: 1,
      },
    },
  });
  const id = await submit({
    audio_url: upload.json.audio_url,
    ...callback(),
    custom_metadata: { order: 'A-17' },
  });
  const [request] = await receiver.next();
  expect([request?.method, request?.path]).toEqual(['POST', '/hooks/stt?job=A-17&key=s3cret']);
  new Webhook(app.signingSecret).verify(request?.body.toString() ?? '', request?.headers ?? {});
  const told = JSON.parse(request?.body.toString() ?? '');
  expect(told).toMatchObject({ id, event: 'success', custom_metadata: { order: 'A-17' } });
  expect(Object.keys(told)).toEqual(['id', 'event', 'payload', 'custom_metadata']);

  const { text, json } = await app.call('GET', `/v2/pre-recorded/${id}`);
  expect(json).toMatchObject({ status: 'done', custom_metadata: { order: 'A-17' }, error_code: null });
  // The payload is the record's result, byte for byte.
  const result = text.slice(text.indexOf('"result":') + '"result":'.length, -1);
  expect(request?.body.toString()).toContain(`"payload":${result},"custom_metadata"`);

  const { metadata, transcription } = told.payload;
  expect(metadata).toMatchObject({ audio_duration: 11, number_of_distinct_channels: 1, billing_time: 11 });
  expect(wordsOf(transcription.full_transcript)).toBe(WORDS);
  expect(transcription.languages).toEqual(['en']);
  let last = 0;
  for (const utterance of transcription.utterances) {
    const said = utterance.words.map((word: { word: string }) => word.word).join('');
    // All but the very first word begin with a space.
    expect(said).toBe(utterance === transcription.utterances[0] ? utterance.text : ` ${utterance.text}`);
    for (const word of utterance.words) {
      expect(word.start).toBeGreaterThanOrEqual(last);
      expect(word.end).toBeGreaterThan(word.start);
      expect(word.confidence).toBeGreaterThan(0);
      expect(word.confidence).toBeLessThanOrEqual(1);
      last = word.start;
    }
  }

  const deliveries = await eventually(
    () => app.call('GET', `/v2/pre-recorded/${id}/callbacks`),
    ({ json: seen }) => seen.items[0]?.state === 'delivered',
  );
  expect(deliveries.json.items).toMatchObject([
    {
      id: request?.headers['webhook-id'],
      url: `${receiver.url}/hooks/stt?…`,
      attempts: [{ number: 1, status: 200, outcome: 'delivered' }],
    },
  ]);
  const resent = await app.call('POST', `/api/callbacks/${deliveries.json.items[0].id}/resend`);
  expect(resent.status).toBe(202);
  const [again] = await receiver.next();
  expect(again?.body).toEqual(request?.body);
  expect(again?.headers).toMatchObject({
    'webhook-id': request?.headers['webhook-id'],
    'ringback-attempt': '2',
  });
});

test('five at once, POST and PUT, success and error', async () => {
  const good = `${host.url}/a/jfk.wav`;
  const closed = await startReceiver();
  const gone = closed.url;
  await closed.close();
  const ids = await Promise.all([
    submit({ audio_url: good, ...callback('POST') }),
    submit({ audio_url: good, ...callback('PUT') }),
    submit({ audio_url: good, ...callback() }),
    submit({ audio_url: `${gone}/gone.wav`, ...callback('PUT') }),
    submit({ audio_url: good, callback_url: `${receiver.url}/deprecated` }),
  ]);
  const requests = await receiver.next(5);
  const seen = requests.map((request) => {
    const { id, event, error } = JSON.parse(request.body.toString());
    return [ids.indexOf(id), request.method, event, error?.code ?? null];
  });
  expect(seen.sort()).toEqual([
    [0, 'POST', 'success', null],
    [1, 'PUT', 'success', null],
    [2, 'POST', 'success', null],
    [3, 'PUT', 'error', 'audio_unreachable'],
    [4, 'POST', 'success', null],
  ]);
});

test('without callback: true nothing is called; the result is there to poll, and so is the downloaded audio', async () => {
  const id = await submit({
    audio_url: `${host.url}/jfk.wav`,
    callback: false,
    ...{ callback_config: { url: receiver.url } },
  });
  const record = await app.ended(id);
  expect(record).toMatchObject({
    status: 'done',
    file: { filename: 'jfk.wav', source: `${host.url}/jfk.wav`, audio_duration: 11, number_of_channels: 1 },
  });
  expect(wordsOf(record.result.transcription.full_transcript)).toBe(WORDS);
  expect((await app.call('GET', `/v2/pre-recorded/${id}/callbacks`)).json.items).toEqual([]);
  const file = await fetch(`${app.url}/v2/pre-recorded/${id}/file`, {
    headers: { 'x-gladia-key': 'rb_test_0123456789abcdef' },
  });
  expect(Buffer.from(await file.arrayBuffer())).toEqual(jfk);
  expect(receiver.requests).toEqual([]);
});

test('different channels are transcribed apart, identical ones once', async () => {
  const speech = samplesOf(CLIP);
  const later = joined(silence(12), speech);
  const serve = async (body: Buffer) => {
    host.setResponse({ body });
    return (await app.ended(await submit({ audio_url: `${host.url}/two.wav` }))).result;
  };
  const two = await serve(wav(speech, later));
  expect(two.metadata).toMatchObject({
    audio_duration: 23,
    number_of_distinct_channels: 2,
    billing_time: 46,
  });
  for (const channel of [0, 1]) {
    const texts = two.transcription.utterances.filter((one: { channel: number }) => one.channel === channel);
    expect(wordsOf(texts.map((one: { text: string }) => one.text).join(' '))).toBe(WORDS);
  }
  const same = await serve(wav(speech, speech));
  expect(same.metadata).toMatchObject({ number_of_distinct_channels: 1, billing_time: 11 });
});

test('channels: separate and mono, as the request says, and as its record shows', async () => {
  const speech = samplesOf(CLIP);
  host.setResponse({ body: wav(speech, speech) });
  for (const [channels, counted] of [
    ['separate', 2],
    ['mono', 1],
  ] as const) {
    const record = await app.ended(await submit({ audio_url: `${host.url}/two.wav`, channels }));
    expect(record.request_params).toMatchObject({ channels });
    expect(record.result.metadata).toMatchObject({
      number_of_distinct_channels: counted,
      billing_time: 11 * counted,
    });
  }
});

test('silence is done, with an empty transcript', async () => {
  host.setResponse({ body: wav(silence(5)) });
  const record = await app.ended(await submit({ audio_url: `${host.url}/quiet.wav` }));
  expect(record).toMatchObject({
    status: 'done',
    result: { transcription: { full_transcript: '', utterances: [], languages: [] } },
  });
});

test.each<[name: string, code: string, integer: number, answer: object | null, says: RegExp]>([
  ['a 404', 'audio_http_error', 400, { status: 404 }, /404/],
  [
    'an HTML page',
    'audio_unsupported',
    415,
    { headers: { 'content-type': 'text/html' }, body: '<!doctype html><p>Sign in' },
    /HTML/,
  ],
  [
    'something that is no audio',
    'audio_unsupported',
    415,
    { body: 'just some words, and more of them, in a row' },
    /./,
  ],
  ['no bytes', 'audio_empty', 422, { body: '' }, /./],
  ['a file cut short', 'audio_corrupt', 422, { body: jfk.subarray(0, 100_000) }, /./],
  ['too many bytes', 'audio_too_large', 413, { body: Buffer.alloc(2_100_000) }, /2MB|2 MB/],
  ['too long', 'audio_too_long', 413, { body: wav(silence(31)) }, /30/],
])('a job error a person can act on: %s', async (_name, code, integer, answer, says) => {
  host.setResponse(answer as never);
  const id = await submit({ audio_url: `${host.url}/x`, ...callback() });
  const [request] = await receiver.next();
  expect(JSON.parse(request?.body.toString() ?? '')).toEqual({
    id,
    event: 'error',
    error: { code, message: expect.stringMatching(says) },
  });
  expect(await app.ended(id)).toMatchObject({
    status: 'error',
    error_code: integer,
    error_reason: code,
    result: null,
  });
});

test('too many bytes: the download is stopped, not finished', async () => {
  let sent = 0;
  const endless = createServer((_request, response) => {
    const chunk = Buffer.alloc(65_536);
    const more = () => {
      while (!response.destroyed && response.write(chunk)) sent += chunk.length;
    };
    response.on('drain', more);
    more();
  });
  await new Promise<void>((resolve) => endless.listen(0, '127.0.0.1', resolve));
  const { port } = endless.address() as AddressInfo;
  const record = await app.ended(await submit({ audio_url: `http://127.0.0.1:${port}/endless` }));
  endless.close();
  expect(record.error_reason).toBe('audio_too_large');
  expect(sent).toBeLessThan(20_000_000);
});

test.each<[string, string, object]>([
  ['as it is written', 'http://169.254.169.254/latest/meta-data/', {}],
  ['behind a redirect', '', { status: 302, headers: { location: 'http://10.0.0.1/x' } }],
])('a blocked address is a job error: %s', async (_name, url, answer) => {
  host.setResponse(answer);
  const record = await app.ended(await submit({ audio_url: url || `${host.url}/x` }));
  expect(record).toMatchObject({ status: 'error', error_reason: 'audio_blocked_address' });
  expect(record.error_message).toContain('RINGBACK_ALLOW_NETWORKS');
});

test('a language the model does not speak is a job error, not nonsense', async () => {
  const record = await app.ended(
    await submit({ audio_url: `${host.url}/x`, language_config: { languages: ['fr'] } }),
  );
  expect(record).toMatchObject({
    error_reason: 'language_unsupported',
    error_message: expect.stringContaining('fr'),
  });
  expect(host.requests).toEqual([]);
});

test('what is asked for and not supported is said, in the result', async () => {
  const record = await app.ended(await submit({ audio_url: `${host.url}/jfk.wav`, summarization: true }));
  expect(record.result.summarization).toMatchObject({
    success: false,
    error: { status_code: 501 },
    results: null,
  });
});
