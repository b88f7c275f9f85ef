// The OpenAPI document: valid, whole, and true: real answers of the program are judged by it.
import { channel } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, API_KEY, type App, startApp } from '../rig/app.ts';
import { eventually } from '../rig/eventually.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const clip = readFileSync(new URL('../fixtures/speech/all-circuits-busy-now.wav', import.meta.url));
const GONE = '00000000-0000-4000-8000-000000000000';

type Operation = {
  operationId: string;
  summary: string;
  tags: string[];
  security?: object[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
  callbacks?: Record<string, Record<string, { post: Operation }>>;
};
type Document = {
  openapi: string;
  security: object[];
  components: { schemas: Record<string, object>; securitySchemes: object };
  paths: Record<string, Record<string, Operation>>;
};

const routes: string[] = [];
let app: App;
let receiver: Receiver;
let document: Document;
let ajv: Ajv2020;

beforeAll(async () => {
  // Every route as Fastify hears of it, whatever the document says.
  channel('fastify.initialization').subscribe((message) => {
    (message as { fastify: FastifyInstance }).fastify.addHook('onRoute', ({ method, url }) => {
      for (const verb of [method].flat()) routes.push(`${verb} ${url}`);
    });
  });
  app = await startApp({ RINGBACK_MODEL: 'moonshine-tiny', RINGBACK_WORKERS: '1' });
  receiver = await startReceiver();
  document = (await (await fetch(`${app.url}/openapi.json`)).json()) as Document;
  ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'document', ...document });
});
afterAll(async () => {
  await receiver.close();
  await app.stop();
});

/** Answers that were judged, by operation. */
const judged = new Set<string>();

function judge(template: string, method: string, { status, text }: Pick<Answer, 'status' | 'text'>): void {
  const operation = document.paths[template]?.[method.toLowerCase()];
  expect(operation, `${method} ${template} is not in the document`).toBeDefined();
  const response = operation?.responses[status];
  expect(
    response,
    `${method} ${template} answered ${status}, which the document does not know: ${text}`,
  ).toBeDefined();
  if (!response?.content) expect(text).toBe('');
  else {
    const media = Object.keys(response.content)[0] as string;
    if (media === 'application/json') {
      const pointer = [template, method.toLowerCase(), 'responses', status, 'content', media, 'schema']
        .map((part) => encodeURIComponent(String(part).replaceAll('~', '~0').replaceAll('/', '~1')))
        .join('/');
      const valid = ajv.validate({ $ref: `document#/paths/${pointer}` }, JSON.parse(text));
      expect(valid ? null : [ajv.errors, text]).toBeNull();
    }
  }
  judged.add(`${method} ${template}${status < 300 ? '' : ` ${status}`}`);
}

/** Calls, judges by the document, and gives the body. */
async function ask(
  method: string,
  template: string,
  id = '',
  body?: object,
  query = '',
): Promise<Answer['json']> {
  const answer = await app.call(method, `${template.replace('{id}', id)}${query}`, body);
  judge(template, method, answer);
  return answer.json;
}

test('it is OpenAPI 3.1 by a judge that is not ours, and says how to authenticate', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document) as never);
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
  expect(document.openapi).toBe('3.1.0');
  expect(document.security).toEqual([{ key: [] }, { bearer: [] }]);
  expect(document.components.securitySchemes).toEqual({
    key: { type: 'apiKey', in: 'header', name: 'x-gladia-key' },
    bearer: { type: 'http', scheme: 'bearer' },
  });
  for (const pointer of JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g))
    expect(document.components.schemas).toHaveProperty(pointer[1] as string);
});

test('every route is in it, with a summary, a tag, its answers and its refusals; and nothing else is', () => {
  const said = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const registered = routes
    .filter((route) => !/^(?:HEAD|OPTIONS) |^GET \/(?:docs(?:\/|$)|assets\/)/.test(route))
    .map((route) => route.replace(/(?<=[^ ])\/$/, '').replaceAll(/:(\w+)/g, '{$1}'));
  expect(registered.length).toBeGreaterThan(20);
  expect(new Set(said)).toEqual(new Set(registered));

  const ids = new Set<string>();
  for (const [path, item] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(item)) {
      const name = `${method} ${path}`;
      expect(operation.summary, name).toMatch(/\w/);
      expect(operation.tags, name).toHaveLength(1);
      expect(ids.has(operation.operationId), name).toBe(false);
      ids.add(operation.operationId);
      const keyless = operation.security?.length === 0;
      expect(Object.keys(operation.responses), name).toContain(keyless ? '500' : '401');
      if (method === 'post' && !/\/(?:resend|enable|disable|cancel)$/.test(path))
        expect(Object.keys(operation.requestBody?.content ?? {}), name).toContain('application/json');
    }
});

test('real answers are as it says, of every operation', async () => {
  const upload = await app.upload(clip, 'clip.wav');
  judge('/v2/upload', 'POST', upload);
  const { audio_url } = upload.json;
  judge('/file/{id}', 'GET', await raw(new URL(audio_url).pathname));

  const callback = { callback: true, callback_config: { url: `${receiver.url}/hooks?key=s3cret` } };
  for (const base of ['/v2/pre-recorded', '/v2/transcription']) {
    const { id } = await ask('POST', base, '', {
      audio_url,
      ...callback,
      custom_metadata: { order: 'A-17', nested: { of: [1, null] } },
      sentences: true,
      translation: true,
      translation_config: { target_languages: ['fr'] },
    });
    await ask('GET', `${base}/{id}`, id);
    await app.ended(id, 150_000);
    const record = await ask('GET', `${base}/{id}`, id);
    expect(record.result.translation.success).toBe(false);
    const failed = await ask('POST', base, '', { audio_url: `${receiver.url}/none`, ...callback });
    await app.ended(failed.id, 150_000);
    expect((await ask('GET', `${base}/{id}`, failed.id)).status).toBe('error');
    const bodies = await receiver.next(2 + 1);
    for (const request of bodies.filter(({ method }) => method === 'POST'))
      expect(
        ajv.validate({ $ref: 'document#/components/schemas/CallbackBody' }, JSON.parse(String(request.body))),
      ).toBe(true);
    await eventually(
      () => app.call('GET', `${base}/${id}/callbacks`),
      ({ json }) => json.items[0]?.attempts[0]?.status === 200,
    );
    const { items } = await ask('GET', `${base}/{id}/callbacks`, id);
    await ask('GET', base);
    judge(`${base}/{id}/file`, 'GET', await raw(`${base}/${id}/file`));

    if (base === '/v2/pre-recorded') {
      expect((await ask('GET', '/api/callbacks')).items).toHaveLength(2);
      await ask('GET', '/api/callbacks/{id}', items[0].id);
      expect((await ask('GET', '/api/callbacks/{id}/request', items[0].id)).bytes).toBeGreaterThan(0);
      await ask('GET', '/api/callbacks/{id}/request/body', items[0].id);
      await ask('GET', '/api/stats');
      await ask('POST', '/api/callbacks/{id}/resend', items[0].id);
      await receiver.next();
      await ask('POST', '/api/replays/preview', '', { filter: { state: ['failed'] } });
      await ask('GET', '/api/audit');
      const replay = await ask('POST', '/api/replays', '', { filter: { state: ['failed'] } });
      await ask('GET', '/api/replays/{id}', replay.id);
      await ask('GET', '/api/replays');
      await ask('DELETE', '/api/replays/{id}', replay.id);
      const [endpoint] = (await ask('GET', '/api/endpoints')).items;
      await ask('GET', '/api/endpoints/{id}', endpoint.id);
      await ask('POST', '/api/endpoints/{id}/disable', endpoint.id);
      await ask('POST', '/api/endpoints/{id}/enable', endpoint.id);
      await ask('POST', '/api/endpoints/{id}/disable', endpoint.id);
      await ask('POST', '/api/callbacks/{id}/resend', items[0].id, { url: `${receiver.url}/hooks?key=new` });
      await ask('POST', '/api/callbacks/{id}/cancel', items[0].id);
      await ask('POST', '/api/callbacks/{id}/cancel', items[0].id);
      expect(judged).toContain('POST /api/callbacks/{id}/cancel 409');
      await ask('POST', '/api/callbacks/cancel', '', { filter: { state: ['pending'] } });
      await ask('DELETE', '/api/endpoints/{id}', endpoint.id);
      expect((await ask('GET', '/api/callbacks/{id}', items[0].id)).endpoint_id).toBeNull();
      expect((await ask('GET', '/api/hosts')).items).toHaveLength(1);
      expect(
        (await ask('GET', '/api/search', '', undefined, `?q=${items[0].id.slice(0, 8)}`)).items,
      ).not.toEqual([]);
      expect((await ask('GET', '/api/endpoints')).next).toBeNull();
    }
    await ask('POST', '/api/transcriptions/{id}/cancel', failed.id);
    await ask('DELETE', `${base}/{id}`, failed.id);
  }
  await inboxes();
  await webhooks();
  const key = await ask('POST', '/api/keys', '', { name: 'ci' });
  await ask('GET', '/api/keys');
  await ask('DELETE', '/api/keys/{id}', key.id);
  const leaving = new AbortController();
  const events = await fetch(`${app.url}/api/events`, {
    headers: { 'x-gladia-key': API_KEY },
    signal: leaving.signal,
  });
  judge('/api/events', 'GET', { status: events.status, text: '' });
  leaving.abort();
  judge('/metrics', 'GET', await raw('/metrics'));
  judge('/', 'GET', await raw('/'));
  judge('/api/search', 'GET', await raw('/api/search?q=hooks'));
  await ask('GET', '/api/signing-secrets');
  await ask('POST', '/api/signing-secrets/rotate', '', { overlap_seconds: 0 });
  await openaiShape();
  for (const path of ['/health', '/healthz', '/readyz', '/openapi.json']) await ask('GET', path);

  const all = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { responses }]) => {
      const refusedAlways = Object.keys(responses).every((status) => status >= '400');
      return `${method.toUpperCase()} ${path}${refusedAlways ? ' 400' : ''}`;
    }),
  );
  expect(all.filter((operation) => !judged.has(operation))).toEqual([]);
}, 240_000);

async function openaiShape(): Promise<void> {
  const post = async (path: string, fields: Record<string, string>) => {
    const form = new FormData();
    form.set('file', new Blob([clip]), 'clip.wav');
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    const headers = { authorization: `Bearer ${API_KEY}` };
    const response = await fetch(`${app.url}${path}`, { method: 'POST', headers, body: form });
    judge(path, 'POST', { status: response.status, text: await response.text() });
  };
  const path = '/v1/audio/transcriptions';
  const verbose = { response_format: 'verbose_json', temperature: '0.5' };
  await post(path, { model: 'whisper-1', prompt: 'A recording.' });
  await post(path, { ...verbose, 'timestamp_granularities[]': 'word' });
  await post(path, verbose);
  await post(path, { callback_url: `${receiver.url}/hooks` });
  await post(path, { language: 'de' });
  await post(path, { model: 'gpt-4' });
  expect(judged).toContain(`POST ${path} 400`);
  expect(judged).toContain(`POST ${path} 404`);
  await post('/v1/audio/translations', { model: 'whisper-1' });
  await ask('GET', '/v1/models');
  judge('/v1/models/{model}', 'GET', await raw('/v1/models/whisper-1'));
  judge('/v1/models/{model}', 'GET', await raw('/v1/models/gpt-4'));
}

async function webhooks(): Promise<void> {
  const { id } = await ask('POST', '/api/webhooks', '', {
    url: `${receiver.url}/standing?key=s3cret`,
    events: ['endpoint.disabled', 'transcription.success'],
    headers: { 'x-token': 's3cret' },
    metadata: { order: 'none' },
  });
  await ask('POST', '/api/webhooks', '', { url: 'nowhere', events: [] });
  expect(judged).toContain('POST /api/webhooks 400');
  await ask('GET', '/api/webhooks');
  await ask('GET', '/api/webhooks/{id}', id);
  await ask('PATCH', '/api/webhooks/{id}', id, { metadata: null, description: 'for the tests' });
  const test = await ask('POST', '/api/webhooks/{id}/test', id, {});
  expect(test).toMatchObject({ webhook_id: id, transcription_id: null, event: 'endpoint.disabled' });
  await ask('POST', '/api/webhooks/{id}/secret/rotate', id, { overlap_seconds: 0 });
  await ask('DELETE', '/api/webhooks/{id}', id);
  await ask('GET', '/api/webhooks/{id}', id);
  expect(judged).toContain('GET /api/webhooks/{id} 404');
}

async function inboxes(): Promise<void> {
  const inbox = await ask('POST', '/api/inboxes', '', {
    name: 'ci',
    answer: [{ status: 500 }, { status: 200 }],
  });
  expect((await ask('GET', '/api/inboxes')).items).toHaveLength(1);
  await ask('PATCH', '/api/inboxes/{id}', inbox.id, { answer: { status: 202, headers: { 'x-a': 'b' } } });
  const leaving = new AbortController();
  const stream = await fetch(`${app.url}/api/inboxes/${inbox.id}/stream?forward=true`, {
    headers: { 'x-gladia-key': API_KEY },
    signal: leaving.signal,
  });
  judge('/api/inboxes/{id}/stream', 'GET', { status: stream.status, text: '' });
  const sent = await ask('POST', '/api/callbacks/test', '', { event: 'success', inbox: 'ci' });
  await eventually(
    () => app.call('GET', `/api/inboxes/${inbox.id}/requests`),
    ({ json }) => json.items[0]?.state === 'waiting',
  );
  const answer = { status: 200, body_base64: 'b2s=' };
  const given = await app.call('POST', `/api/inboxes/${inbox.id}/requests/1/answer`, answer);
  judge('/api/inboxes/{id}/requests/{n}/answer', 'POST', given);
  const again = await app.call('POST', `/api/inboxes/${inbox.id}/requests/1/answer`, answer);
  judge('/api/inboxes/{id}/requests/{n}/answer', 'POST', again);
  expect([given.status, again.status]).toEqual([204, 409]);
  leaving.abort();
  await eventually(
    () => app.call('GET', `/api/callbacks/${sent.id}`),
    ({ json }) => json.state === 'delivered',
  );
  await ask('GET', '/api/inboxes/{id}/requests', inbox.id);
  judge('/api/inboxes/{id}/requests/{n}/body', 'GET', await raw(`/api/inboxes/${inbox.id}/requests/1/body`));
  await ask('GET', '/api/inboxes/{id}', inbox.id);
  await ask('DELETE', '/api/inboxes/{id}', inbox.id);
}

/** What is no JSON. */
async function raw(path: string): Promise<Pick<Answer, 'status' | 'text'>> {
  const response = await fetch(`${app.url}${path}`, {
    headers: { 'x-gladia-key': API_KEY },
  });
  return { status: response.status, text: await response.text() };
}

test('refusals are as it says', async () => {
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const verb = method.toUpperCase();
      if (operation.security?.length === 0) continue;
      const keyless = await fetch(`${app.url}${path.replace('{id}', GONE)}`, { method: verb });
      judge(path, verb, { status: keyless.status, text: await keyless.text() });
      expect(keyless.status).toBe(401);
      if (path.includes('{id}')) judge(path, verb, await app.call(verb, path.replace('{id}', GONE)));
      if (!path.startsWith('/api/')) continue;
      const refused = await app.call(verb, `${path.replace('{id}', GONE)}?surprise=1`);
      judge(path, verb, refused);
      expect([verb, path, refused.status]).toEqual([verb, path, 400]);
    }
  }
  await ask('POST', '/v2/pre-recorded', '', { callback: 'yes' });
  await ask('POST', '/v2/upload', '', {});
  await ask('POST', '/api/replays', '', { filter: {} });
  await ask('POST', '/api/signing-secrets/rotate', '', { overlap_seconds: -1 });
  expect((await app.call('GET', '/api/callbacks?limit=0')).status).toBe(400);
  judge('/v2/upload', 'POST', await app.upload(Buffer.from('no audio at all'), 'a.txt'));
  expect(judged).toContain('POST /v2/upload 415');
});
