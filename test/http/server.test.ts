// The HTTP side on a real database; only decoding and downloading stand outside (flow.test.ts has all of it).
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TellingDb } from '../../src/store/database.ts';
import { finishJob, startJob } from '../../src/store/jobs.ts';
import { createKey, revokeKey } from '../../src/store/keys.ts';
import { type Api, startApi } from '../rig/api.ts';

const PUBLIC = 'https://stt.example.org';
const MAX_BYTES = 100_000;

let api: Api;
let database: { db: TellingDb };
let server: FastifyInstance;
let key: string;
let account: string;
let stranger: string;

beforeAll(async () => {
  api = await startApi({ maxBytes: MAX_BYTES });
  database = api;
  ({ server, key, account, stranger } = api);
});
afterAll(() => api.stop());

type Call = {
  method?: 'GET' | 'POST' | 'DELETE' | 'OPTIONS';
  url: string;
  body?: object | string;
  as?: string | null;
};

async function call({ method = 'GET', url, body, as = key }: Call) {
  const response = await server.inject({
    method,
    url,
    headers: {
      ...(as !== null && { 'x-gladia-key': as }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { payload: body }),
  });
  const text = response.body;
  return {
    status: response.statusCode,
    headers: response.headers,
    text,
    json: text === '' ? null : JSON.parse(text),
  };
}

const create = (body: object, url = '/v2/pre-recorded') => call({ method: 'POST', url, body });
const AUDIO = { audio_url: 'https://cdn.example.org/call-42.mp3' };
const HOOK = 'https://app.example.org/hooks/stt?job=A-17';

async function finish(id: string): Promise<void> {
  await startJob(database.db, id, 60_000);
  await finishJob(database.db, id, 1, {
    ending: {
      filename: 'call-42.mp3',
      duration: 1.5,
      channels: 1,
      result: Buffer.from('{"metadata":{},"odd":  1.0}'),
    },
    delivery: null,
  });
}

test('201 means the row is committed, queued', async () => {
  const { status, json } = await create({ ...AUDIO, custom_metadata: { order: 'A-17' } });
  expect(status).toBe(201);
  expect(json).toEqual({ id: json.id, result_url: `${PUBLIC}/v2/pre-recorded/${json.id}` });
  const row = await database.db
    .selectFrom('job')
    .selectAll()
    .where('id', '=', json.id)
    .executeTakeFirstOrThrow();
  expect(row).toMatchObject({ state: 'queued', account_id: account, callback_url: null });
});

test('the record of a queued job has every key that clients require', async () => {
  const { json: made } = await create({ ...AUDIO, language: null, custom_metadata: { order: null } });
  const { status, json, headers } = await call({ url: `/v2/pre-recorded/${made.id}` });
  expect(status).toBe(200);
  expect(headers['content-type']).toContain('application/json');
  expect(json).toMatchObject({
    id: made.id,
    request_id: `G-${made.id.slice(0, 8)}`,
    version: 2,
    status: 'queued',
    kind: 'pre-recorded',
    completed_at: null,
    custom_metadata: { order: null },
    error_code: null,
    post_session_metadata: {},
    file: null,
    request_params: { ...AUDIO, language: null },
    result: null,
  });
});

test('the stored result is shown byte for byte', async () => {
  const { json } = await create(AUDIO);
  await finish(json.id);
  const { text } = await call({ url: `/v2/pre-recorded/${json.id}` });
  expect(text).toContain('"result":{"metadata":{},"odd":  1.0}}');
});

test.each([['/v2/pre-recorded/'], ['/v2/transcription'], ['/v2/transcription/']])(
  'POST %s works as well',
  async (url) => {
    const { status, json } = await create(AUDIO, url);
    expect(status).toBe(201);
    expect((await call({ url: new URL(json.result_url).pathname })).status).toBe(200);
  },
);

test('a callback: POST by default, PUT by choice, none without the flag, and the deprecated callback_url', async () => {
  const callbackOf = async (body: object) => {
    const { json } = await create({ ...AUDIO, ...body });
    return database.db
      .selectFrom('job')
      .select(['callback_url', 'callback_method', 'callback_form'])
      .where('id', '=', json.id)
      .executeTakeFirstOrThrow();
  };
  const none = { callback_url: null, callback_method: null, callback_form: null };
  const post = { callback_url: HOOK, callback_method: 'POST', callback_form: 'full' };
  expect(await callbackOf({ callback: true, callback_config: { url: HOOK } })).toEqual(post);
  expect(
    await callbackOf({ callback: true, callback_config: { url: HOOK, method: 'PUT', payload: 'reference' } }),
  ).toEqual({ callback_url: HOOK, callback_method: 'PUT', callback_form: 'reference' });
  expect(await callbackOf({ callback: false, callback_config: { url: HOOK } })).toEqual(none);
  expect(await callbackOf({ callback_config: { url: HOOK } })).toEqual(none);
  expect(await callbackOf({ callback_url: HOOK })).toEqual(post);
});

test.each([
  ['no audio', {}, /^audio_url is required/],
  ['audio that is no URL', { audio_url: 'call.mp3' }, /^audio_url must be a URL address/],
  [
    'a URL pasted in angle brackets',
    { audio_url: '<https://a.example.org/x>' },
    /^audio_url must be .*angle brackets/,
  ],
  ['a callback without a URL', { ...AUDIO, callback: true }, /^callback_config\.url is required/],
  [
    'an empty callback_config',
    { ...AUDIO, callback: true, callback_config: {} },
    /^callback_config\.url is required/,
  ],
  [
    'another method',
    { ...AUDIO, callback: true, callback_config: { url: HOOK, method: 'PATCH' } },
    /^callback_config\.method must be one of the following values: POST, PUT/,
  ],
  [
    'a private callback address',
    { ...AUDIO, callback: true, callback_config: { url: 'http://127.0.0.1/x' } },
    /^callback_config\.url must be .*RINGBACK_ALLOW_NETWORKS/,
  ],
  ['a flag that is text', { ...AUDIO, callback: 'perhaps' }, /^callback must be a boolean value/],
  [
    'an unknown language',
    { ...AUDIO, language_config: { languages: ['en', 'xx'] } },
    /^language_config\.languages\.1 must be/,
  ],
  [
    'too many speakers below zero',
    { ...AUDIO, diarization: true, diarization_config: { min_speakers: -1 } },
    /^diarization_config\.min_speakers must not be less than 0/,
  ],
  [
    'fewer speakers at most than at least',
    { ...AUDIO, diarization: true, diarization_config: { min_speakers: 3, max_speakers: 2 } },
    /^diarization_config\.min_speakers must not be greater than diarization_config\.max_speakers/,
  ],
  ['track -1', { ...AUDIO, audio_track: -1 }, /^audio_track must not be less than 1/],
  [
    'channels of another kind',
    { ...AUDIO, channels: 'stereo' },
    /^channels must be one of the following values: mono, separate/,
  ],
  ['channels by number', { ...AUDIO, channels: 2 }, /^channels must be/],
  ['a track by name', { ...AUDIO, audio_track: 'English' }, /^audio_track must be an integer/],
  [
    'another subtitle format',
    { ...AUDIO, subtitles: true, subtitles_config: { formats: ['srt', 'ass'] } },
    /^subtitles_config\.formats\.1 must be one of the following values: srt, vtt/,
  ],
  [
    'six rows',
    { ...AUDIO, subtitles: true, subtitles_config: { maximum_rows_per_caption: 6 } },
    /^subtitles_config\.maximum_rows_per_caption must not be greater than 5/,
  ],
  [
    'captions of no time',
    { ...AUDIO, subtitles: true, subtitles_config: { maximum_duration: 0.5 } },
    /^subtitles_config\.maximum_duration must not be less than 1/,
  ],
  [
    'captions longer than the longest',
    { ...AUDIO, subtitles: true, subtitles_config: { minimum_duration: 8, maximum_duration: 7 } },
    /^subtitles_config\.minimum_duration must not be greater than subtitles_config\.maximum_duration/,
  ],
  [
    'another style',
    { ...AUDIO, subtitles: true, subtitles_config: { style: 'fancy' } },
    /^subtitles_config\.style must be one of the following values: default, compliance/,
  ],
  [
    'spelling without a dictionary',
    { ...AUDIO, custom_spelling: true },
    /^custom_spelling_config\.spelling_dictionary is required when custom_spelling is true/,
  ],
  [
    'a spelling that is no list',
    { ...AUDIO, custom_spelling: true, custom_spelling_config: { spelling_dictionary: { SQL: true } } },
    /^custom_spelling_config\.spelling_dictionary\.SQL must be an array/,
  ],
  [
    'a variant that is no text',
    {
      ...AUDIO,
      custom_spelling: true,
      custom_spelling_config: { spelling_dictionary: { SQL: ['sequel', 7] } },
    },
    /^custom_spelling_config\.spelling_dictionary\.SQL\.1 must be a string/,
  ],
  [
    'a spelling of nothing',
    { ...AUDIO, custom_spelling: true, custom_spelling_config: { spelling_dictionary: { ' ': ['um'] } } },
    /^custom_spelling_config\.spelling_dictionary must not have an empty key/,
  ],
  [
    'endless spellings',
    {
      ...AUDIO,
      custom_spelling: true,
      custom_spelling_config: {
        spelling_dictionary: Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`k${i}`, ['v']])),
      },
    },
    /^custom_spelling_config\.spelling_dictionary must contain no more than 1000 keys/,
  ],
  [
    'vocabulary without words',
    { ...AUDIO, custom_vocabulary: true, custom_vocabulary_config: { default_intensity: 0.4 } },
    /^custom_vocabulary_config\.vocabulary is required when custom_vocabulary is true/,
  ],
  [
    'an intensity above 1',
    {
      ...AUDIO,
      custom_vocabulary: true,
      custom_vocabulary_config: { vocabulary: [{ value: 'Gladia', intensity: 1.5 }] },
    },
    /^custom_vocabulary_config\.vocabulary\.0\.intensity must not be greater than 1/,
  ],
  [
    'a default intensity below 0',
    {
      ...AUDIO,
      custom_vocabulary: true,
      custom_vocabulary_config: { vocabulary: [], default_intensity: -1 },
    },
    /^custom_vocabulary_config\.default_intensity must not be less than 0/,
  ],
  [
    'a word of the vocabulary without its value',
    {
      ...AUDIO,
      custom_vocabulary: true,
      custom_vocabulary_config: { vocabulary: ['a', { pronunciations: ['b'] }] },
    },
    /^custom_vocabulary_config\.vocabulary\.1\.value is required/,
  ],
  [
    'a word of an unknown language',
    { ...AUDIO, custom_vocabulary: [{ value: 'Gladia', language: 'xx' }] },
    /^custom_vocabulary\.0\.language must be one of the following values: af/,
  ],
  [
    'an endless vocabulary',
    { ...AUDIO, custom_vocabulary: Array.from({ length: 1_001 }, (_, i) => `word${i}`) },
    /^custom_vocabulary must contain no more than 1000 elements/,
  ],
  [
    'endless pronunciations',
    {
      ...AUDIO,
      custom_vocabulary: true,
      custom_vocabulary_config: {
        vocabulary: Array.from({ length: 500 }, (_, i) => ({
          value: `word${i}`,
          pronunciations: ['a', 'b', 'c', 'd'],
        })),
      },
    },
    /^custom_vocabulary_config\.vocabulary must contain no more than 2000 values and pronunciations together/,
  ],
  [
    'long metadata',
    { ...AUDIO, custom_metadata: { a: 'x'.repeat(2_000) } },
    /^custom_metadata must be shorter/,
  ],
])('400 names the field: %s', async (_name, body, expected) => {
  const { status, json } = await create(body);
  expect(status).toBe(400);
  expect(json).toMatchObject({
    path: '/v2/pre-recorded',
    request_id: expect.stringMatching(/^G-[0-9a-f]{8}$/),
    statusCode: 400,
    message: 'Invalid parameter(s). See validation_errors for more details.',
    validation_errors: [expect.stringMatching(expected)],
    error: { code: 400, reason: 'request_invalid', message: expect.stringMatching(expected) },
  });
});

test('a body that is no JSON is a 400, one that is too large a 413, another type a 415', async () => {
  expect(await create('{' as never)).toMatchObject({
    status: 400,
    json: { validation_errors: ['body must be valid JSON'] },
  });
  expect(await create({ ...AUDIO, context_prompt: 'x'.repeat(1_100_000) })).toMatchObject({ status: 413 });
  const response = await server.inject({
    method: 'POST',
    url: '/v2/pre-recorded',
    headers: { 'x-gladia-key': key, 'content-type': 'text/plain' },
    payload: 'hello',
  });
  expect(response.statusCode).toBe(415);
});

test('the whole of the text options is accepted, with nulls in it', async () => {
  const body = {
    ...AUDIO,
    subtitles: true,
    subtitles_config: {
      formats: ['srt', 'vtt'],
      minimum_duration: 0,
      maximum_duration: 30,
      maximum_characters_per_row: 1,
      maximum_rows_per_caption: 5,
      style: 'compliance',
    },
    sentences: true,
    custom_spelling: true,
    custom_spelling_config: { spelling_dictionary: { '.': ['period', 'full stop'], SQL: [] } },
    custom_vocabulary: true,
    custom_vocabulary_config: {
      vocabulary: [
        'Gladia',
        { value: 'Zoé', pronunciations: ['zo eh'], intensity: 0, language: 'fr', note: 1 },
        { value: 'x', intensity: null },
      ],
      default_intensity: 1,
    },
    language_config: { languages: ['en', 'fr'], code_switching: true },
    punctuation_enhanced: true,
    diarization_config: { min_speakers: 2, max_speakers: 2 },
  };
  expect((await create(body)).json.validation_errors).toBeUndefined();
  expect((await create({ ...body, subtitles_config: null, custom_vocabulary: null })).status).toBe(201);
});

test('withdrawn and unknown fields, and nulls, are accepted', async () => {
  const body = {
    ...AUDIO,
    language: null,
    custom_vocabulary: ['Ringback'],
    diarization_config: { enhanced: true, number_of_speakers: null },
    detect_language: false,
    enable_code_switching: false,
    context_prompt: 'a call',
    display_mode: true,
    name_consistency: true,
    code_switching_config: { languages: ['en', 'xx'] },
    webhook_metadata: { mine: true },
    callback_config: null,
  };
  expect((await create(body)).status).toBe(201);
});

test('the two 401 texts that clients compare, and the bearer form', async () => {
  expect(await call({ url: '/v2/pre-recorded', as: null })).toMatchObject({
    status: 401,
    json: { message: 'no gladia key provided' },
  });
  expect(await call({ url: '/v2/pre-recorded', as: 'wrong' })).toMatchObject({
    status: 401,
    json: { message: 'gladia user not found' },
  });
  const bearer = await server.inject({
    url: '/v2/pre-recorded',
    headers: { authorization: `Bearer ${key}` },
  });
  expect(bearer.statusCode).toBe(200);
  const made = await createKey(database.db, 'short-lived');
  expect((await call({ url: '/v2/pre-recorded', as: made.key })).status).toBe(200);
  await revokeKey(database.db, made.id);
  expect((await call({ url: '/v2/pre-recorded', as: made.key })).status).toBe(401);
});

test("another account's id is a 404, like one that never was or is none", async () => {
  const { json } = await create(AUDIO);
  for (const [url, as] of [
    [`/v2/pre-recorded/${json.id}`, stranger],
    [`/v2/pre-recorded/${json.id}/file`, stranger],
    [`/v2/pre-recorded/${json.id}/callbacks`, stranger],
    [`/v2/pre-recorded/${randomUUID()}`, key],
    ['/v2/pre-recorded/nonsense', key],
    [`/api/callbacks/${randomUUID()}`, key],
    [`/file/${randomUUID()}`, key],
  ] as const)
    expect(await call({ url, as })).toMatchObject({ status: 404 });
  expect(await call({ method: 'DELETE', url: `/v2/pre-recorded/${json.id}`, as: stranger })).toMatchObject({
    status: 404,
  });
});

test('delete: 202 while it waits, 403 while it runs, 202 and an empty body when it is done, 404 afterwards', async () => {
  const { json: waiting } = await create(AUDIO);
  expect((await call({ method: 'DELETE', url: waiting.result_url.slice(PUBLIC.length) })).status).toBe(202);
  expect(await startJob(database.db, waiting.id, 60_000)).toBe(undefined);
  const { json } = await create(AUDIO);
  const url = `/v2/pre-recorded/${json.id}`;
  await startJob(database.db, json.id, 60_000);
  expect((await call({ method: 'DELETE', url })).status).toBe(403);
  await finish(json.id);
  expect(await call({ method: 'DELETE', url })).toMatchObject({ status: 202, text: '' });
  expect((await call({ url })).status).toBe(404);
});

test('list: newest first, filtered by state, with absolute links', async () => {
  const listed = await createKey(database.db, 'lister');
  const made: string[] = [];
  for (let n = 0; n < 3; n++)
    made.push((await call({ method: 'POST', url: '/v2/pre-recorded', body: AUDIO, as: listed.key })).json.id);
  await finish(made[0] as string);
  const page = await call({ url: '/v2/pre-recorded?limit=2', as: listed.key });
  expect(page.json.items.map((item: { id: string }) => item.id)).toEqual([made[2], made[1]]);
  expect(page.json.next).toBe(`${PUBLIC}/v2/pre-recorded?limit=2&offset=2`);
  const rest = await call({ url: '/v2/pre-recorded?limit=2&offset=2', as: listed.key });
  expect(rest.json).toMatchObject({ next: null, items: [{ id: made[0], status: 'done' }] });
  const done = await call({ url: '/v2/pre-recorded?status=done&status=error', as: listed.key });
  expect(done.json.items).toHaveLength(1);
  expect(await call({ url: '/v2/pre-recorded?limit=0', as: listed.key })).toMatchObject({
    status: 400,
    json: { validation_errors: ['limit must not be less than 1'] },
  });
});

function multipart(field: string, bytes: Buffer) {
  const boundary = 'ringback';
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="${field}"; filename="../up/stand up.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n`;
  return server.inject({
    method: 'POST',
    url: '/v2/upload/',
    headers: { 'x-gladia-key': key, 'content-type': `multipart/form-data; boundary=${boundary}` },
    payload: Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  });
}

test('upload: the file comes back as it went in, to its owner alone', async () => {
  const bytes = Buffer.from('any bytes at all');
  const response = await multipart('audio', bytes);
  expect(response.statusCode).toBe(200);
  const { audio_url, audio_metadata } = response.json();
  expect(audio_metadata).toEqual({
    id: audio_metadata.id,
    filename: 'stand up.mp3',
    extension: 'mp3',
    size: bytes.length,
    audio_duration: 1.5,
    number_of_channels: 2,
  });
  expect(audio_url).toBe(`${PUBLIC}/file/${audio_metadata.id}`);
  const path = new URL(audio_url).pathname;
  const file = await server.inject({ url: path, headers: { 'x-gladia-key': key } });
  expect([file.rawPayload, file.headers['content-type']]).toEqual([bytes, 'application/octet-stream']);
  expect((await call({ url: path, as: stranger })).status).toBe(404);

  // Clients rewrite hosts: our own file is known by its path.
  const { json } = await create({ audio_url: `https://elsewhere.example.org${path}` });
  const job = await server.inject({
    url: `/v2/pre-recorded/${json.id}/file`,
    headers: { 'x-gladia-key': key },
  });
  expect(job.rawPayload).toEqual(bytes);
});

test('upload: text fields are taken and ignored, however long and of whatever type', async () => {
  const disposition = (name: string) => `--b\r\ncontent-disposition: form-data; name="${name}"`;
  const fields = Array.from(
    { length: 19 },
    (_, number) =>
      `${disposition(`f${number}`)}\r\ncontent-type: ${number % 2 ? 'application/json' : 'text/plain'}\r\n\r\n"${'x'.repeat(30_000)}"\r\n`,
  );
  const payload = `${fields.join('')}${disposition('audio')}; filename="a.mp3"\r\n\r\nany bytes\r\n--b--\r\n`;
  const response = await server.inject({
    method: 'POST',
    url: '/v2/upload',
    headers: { 'x-gladia-key': key, 'content-type': 'multipart/form-data; boundary=b' },
    payload,
  });
  expect(response.json()).toMatchObject({ audio_metadata: { size: 9 } });
});

test('upload: a wrong part, no bytes, too many bytes, and a URL that cannot be fetched', async () => {
  expect((await multipart('file', Buffer.from('x'))).json()).toMatchObject({
    statusCode: 400,
    validation_errors: [expect.stringMatching(/^audio is required/)],
  });
  expect((await multipart('audio', Buffer.alloc(0))).json()).toMatchObject({
    error: { reason: 'audio_empty' },
  });
  expect((await multipart('audio', Buffer.alloc(MAX_BYTES))).statusCode).toBe(200);
  expect((await multipart('audio', Buffer.alloc(MAX_BYTES + 1))).json()).toMatchObject({
    statusCode: 413,
    error: { reason: 'audio_too_large' },
  });
  const upload = (body: object) => call({ method: 'POST', url: '/v2/upload', body });
  expect(await upload({})).toMatchObject({
    json: { validation_errors: [expect.stringMatching(/^audio_url is required/)] },
  });
  expect(await upload(AUDIO)).toMatchObject({ json: { error: { reason: 'audio_unreachable' } } });
  expect(await upload({ audio_url: 'http://10.0.0.1/x' })).toMatchObject({ status: 400 });
});

test('an audio_url that names an upload we do not have is refused at once', async () => {
  const { status, json } = await create({ audio_url: `${PUBLIC}/file/${randomUUID()}` });
  expect([status, json.validation_errors]).toEqual([
    400,
    ['audio_url must name an uploaded file: there is none with this id'],
  ]);
});

test("signing secrets: the server's until the account rotates, then its own, the old ones until the overlap is over", async () => {
  const made = await createKey(database.db, 'signer');
  const get = async () => (await call({ url: '/api/signing-secrets', as: made.key })).json.items;
  expect(await get()).toEqual([
    { secret: 'whsec_server', source: 'server', created_at: null, expires_at: null },
  ]);
  const rotate = (body: object) =>
    call({ method: 'POST', url: '/api/signing-secrets/rotate', body, as: made.key });
  expect((await rotate({ overlap_seconds: 3_600 })).status).toBe(201);
  const [mine, old] = await get();
  expect(mine).toMatchObject({
    secret: expect.stringMatching(/^whsec_/),
    source: 'account',
    expires_at: null,
  });
  expect(old).toMatchObject({ secret: 'whsec_server', expires_at: expect.any(String) });
  await rotate({ overlap_seconds: 0 });
  expect((await get()).map((one: { secret: string }) => one.secret)).not.toContain(mine.secret);
  expect((await call({ url: '/api/signing-secrets' })).json.items).toHaveLength(1);
  expect(await rotate({ overlap_seconds: -1 })).toMatchObject({ status: 400 });
  const bare = await call({ method: 'POST', url: '/api/signing-secrets/rotate', as: made.key });
  expect(bare.status).toBe(201);
});

test('unknown routes and verbs say so as the hosted service does; health needs no key; preflight is answered', async () => {
  expect(await call({ url: '/v2/nope?x=1' })).toMatchObject({
    status: 404,
    json: { message: 'Cannot GET /v2/nope' },
  });
  expect(await call({ method: 'DELETE', url: '/v2/upload' })).toMatchObject({ status: 404 });
  expect(await call({ url: '/health', as: null })).toMatchObject({ json: { health: 'OK' } });
  expect(await call({ url: '/healthz', as: null })).toMatchObject({ status: 200 });
  expect(await call({ url: '/readyz', as: null })).toMatchObject({ json: { status: 'ready' } });
  const preflight = await call({ method: 'OPTIONS', url: '/v2/pre-recorded', as: null });
  expect(preflight).toMatchObject({ status: 204, headers: { 'access-control-allow-origin': '*' } });
});

test('an empty body under content-type json is no body: clients send DELETE so', async () => {
  const { json } = await create(AUDIO);
  await finish(json.id);
  const headers = { 'x-gladia-key': key, 'content-type': 'application/json' };
  const url = `/v2/transcription/${json.id}/`;
  expect((await server.inject({ method: 'DELETE', url, headers })).statusCode).toBe(202);
  const empty = await server.inject({ method: 'POST', url: '/v2/pre-recorded', headers });
  expect(empty.json()).toMatchObject({ statusCode: 400, validation_errors: ['body must be an object'] });
});

test('the twin family, with and without a trailing slash, and HEAD', async () => {
  const { json } = await create(AUDIO, '/v2/transcription');
  for (const base of ['/v2/pre-recorded', '/v2/transcription'])
    for (const [path, status] of [
      ['', 200],
      [`/${json.id}`, 200],
      [`/${json.id}/callbacks`, 200],
      [`/${json.id}/file`, 404],
    ] as const)
      for (const slash of ['', '/']) {
        expect([path, (await call({ url: `${base}${path}${slash}` })).status]).toEqual([path, status]);
        const head = await server.inject({
          method: 'HEAD',
          url: `${base}${path}${slash}`,
          headers: { 'x-gladia-key': key },
        });
        expect([path, head.statusCode]).toEqual([path, status]);
      }
});

test('a list of ten thousand wrong items is refused at once, in as many sentences as anybody reads', async () => {
  const started = performance.now();
  const { status, json } = await create({ ...AUDIO, custom_vocabulary: Array(10_000).fill(0) });
  // Each failure compared with each other took minutes.
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(status).toBe(400);
  expect(json.validation_errors.length).toBeGreaterThan(0);
  expect(json.validation_errors.length).toBeLessThanOrEqual(50);
});

test('what no URL and no text may hold is refused, not stored and not our fault', async () => {
  for (const [body, sentence] of [
    [{ ...AUDIO, custom_metadata: { a: { b: 'x\u0000' } } }, /^custom_metadata\.a\.b must not contain/],
    [{ ...AUDIO, custom_metadata: { a: '\ud800' } }, /^custom_metadata\.a must not contain/],
    [{ ...AUDIO, context_prompt: 'a\u0000\ud800' }, /^context_prompt must not contain/],
    [{ audio_url: 'https://cdn.example.org/\u0000.mp3' }, /^audio_url must/],
    [
      { ...AUDIO, callback: true, callback_config: { url: 'https://app.example.org/\u0000' } },
      /^callback_config\.url must/,
    ],
  ] as const) {
    const { status, json } = await create(body);
    expect([status, json.validation_errors]).toEqual([400, [expect.stringMatching(sentence)]]);
  }
  const bad = await server.inject({ url: '/v2/pre-recorded/%E0%A4%A', headers: { 'x-gladia-key': key } });
  expect([bad.statusCode, bad.json()]).toMatchObject([
    400,
    { statusCode: 400, error: { reason: 'request_invalid' } },
  ]);
  expect(bad.headers['access-control-allow-origin']).toBe('*');
});
