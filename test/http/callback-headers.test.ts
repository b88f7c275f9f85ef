// Headers of their owner's on callbacks, a user in the URL, and the record as a body: what arrives, where it goes, and that
// no answer of any route and no line of the log shows a value.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Readable, Writable } from 'node:stream';
import type { FastifyInstance, RouteOptions } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDeliver } from '../../src/deliver/start.ts';
import { createLog } from '../../src/log.ts';
import { parseNetworks } from '../../src/outbound/address.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { judgeUrl } from '../../src/outbound/url.ts';
import { generateSecret } from '../../src/signature.ts';
import type { Database } from '../../src/store/database.ts';
import { finishJob, startJob } from '../../src/store/jobs.ts';
import { renderDelivery } from '../../src/transcribe/callback.ts';
import { type Api, startApi } from '../rig/api.ts';
import { ANY_DELIVER } from '../rig/deliver-deps.ts';
import { eventually } from '../rig/eventually.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const BEARER = 'bearer-s3cret-1';
const PASSWORD = 'pass w/3cret';
const PLAIN = 'plain-s3cret-2';
const BASIC = Buffer.from(`ann:${PASSWORD}`).toString('base64');
const SECRETS = [BEARER, PASSWORD, encodeURIComponent(PASSWORD), PLAIN, BASIC];
const AUDIO = 'https://cdn.example.org/a.mp3';
const CALLBACK = {
  format: 'short',
  publicUrl: () => 'https://stt.example.org',
  firstWaitMs: () => 0,
} as const;

let api: Api;
let receiver: Receiver;
let elsewhere: Receiver;
let stopDeliver: () => Promise<void>;
let outbound: Outbound;
const log: string[] = [];
const routes: string[] = [];
const answers: [string, string][] = [];

const decodedBasic = (headers: { authorization?: unknown }) =>
  Buffer.from(String(headers.authorization ?? '').replace('Basic ', ''), 'base64').toString();

/** Repeats what it was sent, as error pages do. */
const echo = {
  respond: ({ headers, path }: { headers: object; path: string }) => ({
    status: path.endsWith('/ok') ? 200 : 500,
    body: JSON.stringify({ headers, decoded: decodedBasic(headers) }),
  }),
};

beforeAll(async () => {
  const collect = (message: unknown) => {
    (message as { fastify: FastifyInstance }).fastify.addHook('onRoute', (route: RouteOptions) => {
      if ([route.method].flat().includes('GET')) routes.push(route.url);
    });
  };
  const policy = { allow: parseNetworks(['127.0.0.0/8']), own: [] };
  const judge = (url: string) => {
    const verdict = judgeUrl(url, policy);
    return verdict.ok ? null : verdict.message;
  };
  const written = createLog(
    'debug',
    new Writable({
      write(chunk, _encoding, done) {
        log.push(String(chunk));
        done();
      },
    }),
  );
  subscribe('fastify.initialization', collect);
  api = await startApi({ log: written, judge: { audio: judge, callback: judge } });
  unsubscribe('fastify.initialization', collect);
  outbound = new Outbound({ policy });
  receiver = await startReceiver(echo);
  elsewhere = await startReceiver(echo);
  stopDeliver = await startDeliver({
    ...ANY_DELIVER,
    log: written,
    database: { db: api.db } as Database,
    outbound,
    secretsOf: async () => [generateSecret()],
    schedule: [0, 0],
    deadlineMs: 2_000,
  });
});
afterAll(async () => {
  await stopDeliver();
  outbound.close();
  await receiver.close();
  await elsewhere.close();
  await api.stop();
});

async function create(fields: object): Promise<string> {
  const made = await api.call({
    method: 'POST',
    url: '/v2/pre-recorded',
    body: { audio_url: AUDIO, ...fields },
  });
  answers.push(['POST /v2/pre-recorded', made.text]);
  expect([made.status, made.json.validation_errors]).toEqual([201, undefined]);
  return made.json.id;
}

async function end(id: string, error: boolean): Promise<void> {
  const job = await startJob(api.db, id, 60_000);
  if (!job) throw new Error('not started');
  const result = Buffer.from('{"metadata":{},"transcription":{"full_transcript":"Hi."}}');
  const failure = { code: 'audio_unreachable', message: 'Not there.' } as const;
  const ending = error
    ? { filename: null, duration: null, channels: null, error: failure }
    : { filename: 'a.mp3', duration: 1.5, channels: 2, result };
  await finishJob(api.db, id, job.run, {
    ending,
    delivery: renderDelivery(CALLBACK, job, error ? { error: failure } : { result }),
  });
}

const callbackOf = (id: string, state: string) =>
  eventually(
    async () => (await api.call({ url: `/v2/pre-recorded/${id}/callbacks` })).json.items[0],
    (one) => one?.state === state,
    20_000,
  );

const sent = (to: Receiver, path: string) => to.requests.filter((one) => one.path.startsWith(path));

test('headers and Basic arrive at every attempt, retry and resend, and go to no other origin', async () => {
  const [at] = [receiver.url.replace('http://', `http://ann:${encodeURIComponent(PASSWORD)}@`)];
  const id = await create({
    callback: true,
    callback_config: { url: `${at}/first?a=b`, headers: { 'X-Api-Key': PLAIN, 'user-agent': 'mine' } },
  });
  await end(id, false);
  const { id: callback, attempts } = await callbackOf(id, 'failed');
  expect(attempts).toHaveLength(2);
  const arrived = sent(receiver, '/first?a=b');
  expect(arrived).toHaveLength(2);
  for (const { headers } of arrived)
    expect(headers).toMatchObject({
      'x-api-key': PLAIN,
      authorization: `Basic ${BASIC}`,
      'user-agent': 'mine',
    });

  const resend = async (url?: string) => {
    const { text, status } = await api.call({
      method: 'POST',
      url: `/api/callbacks/${callback}/resend`,
      body: url === undefined ? {} : { url },
    });
    answers.push(['resend', text]);
    expect(status).toBe(202);
    return callbackOf(id, url?.endsWith('/ok') ? 'delivered' : 'failed');
  };
  await resend();
  expect(sent(receiver, '/first?a=b').at(-1)?.headers).toMatchObject({ authorization: `Basic ${BASIC}` });
  await resend(`${elsewhere.url}/there`);
  for (const { headers } of sent(elsewhere, '/there')) {
    expect(headers.authorization).toBeUndefined();
    expect(headers['x-api-key']).toBeUndefined();
    expect(headers['webhook-signature']).toBeDefined();
  }
  expect(sent(elsewhere, '/there').length).toBeGreaterThan(0);
  // Back home they go along again.
  await resend(`${receiver.url}/second/ok`);
  expect(sent(receiver, '/second/ok')[0]?.headers).toMatchObject({ 'x-api-key': PLAIN });
});

test.each([false, true])('format record is the body of GET with the event (failed: %s)', async (failed) => {
  const path = `/record-${failed}/ok`;
  const id = await create({
    callback: true,
    callback_config: {
      url: `${receiver.url}${path}`,
      format: 'record',
      headers: { Authorization: `Bearer ${BEARER}` },
    },
    custom_metadata: { n: 1 },
  });
  await end(id, failed);
  await callbackOf(id, 'delivered');
  const [request] = sent(receiver, path);
  expect(request?.headers.authorization).toBe(`Bearer ${BEARER}`);
  const { event, ...record } = JSON.parse(String(request?.body));
  expect(event).toBe(failed ? 'error' : 'success');
  expect(record).toEqual((await api.call({ url: `/v2/pre-recorded/${id}` })).json);
  expect(record.completed_at).not.toBeNull();
});

test('what nobody may set is refused with its name, and no value is repeated', async () => {
  const refused = async (config: object) => {
    const { status, json, text } = await api.call({
      method: 'POST',
      url: '/v2/pre-recorded',
      body: {
        audio_url: AUDIO,
        callback: true,
        callback_config: { url: 'https://app.example.org/', ...config },
      },
    });
    answers.push(['refused', text]);
    expect(status).toBe(400);
    return json.validation_errors.join('\n');
  };
  for (const name of [
    'webhook-id',
    'Content-Type',
    'HOST',
    'connection',
    'Transfer-Encoding',
    'proxy-authorization',
    'upgrade',
    'te',
    'ringback-attempt',
    'expect',
  ])
    expect(await refused({ headers: { [name]: PLAIN } })).toMatch(
      `callback_config.headers.${name.toLowerCase()} must not be set`,
    );
  expect(await refused({ headers: { 'a b': PLAIN } })).toMatch('must be a header name');
  expect(await refused({ headers: { a: `${PLAIN}\r\nx: y` } })).toMatch('must be a header value');
  expect(await refused({ headers: { a: `${PLAIN}\u20ac` } })).toMatch('must be a header value');
  expect(await refused({ headers: { a: PLAIN, A: PLAIN } })).toMatch('must not be given twice');
  expect(
    await refused({ headers: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`a${i}`, PLAIN])) }),
  ).toMatch('no more than 20');
  expect(await refused({ headers: { a: 'x'.repeat(5_000), b: 'x'.repeat(5_000) } })).toMatch('8192 bytes');
  expect(
    await refused({ url: `https://ann:${PLAIN}@app.example.org/`, headers: { Authorization: BEARER } }),
  ).toMatch('leave one of them out');
  expect(await refused({ url: `http://ann:${PLAIN}@10.0.0.1/` })).toMatch('must be a URL address');
  expect(await refused({ headers: { a: 7 } })).toMatch('callback_config.headers.a must be a string');
});

test('a sample callback carries them as well, in every format', async () => {
  for (const [format, event] of [
    ['short', 'success'],
    ['gladia', 'transcription.success'],
    ['record', 'success'],
  ]) {
    const made = await api.call({
      method: 'POST',
      url: '/api/callbacks/test',
      body: {
        event: 'success',
        url: `${receiver.url}/sample-${format}/ok`,
        format,
        headers: { 'x-api-key': PLAIN },
      },
    });
    answers.push(['test', made.text]);
    expect([made.status, made.json.validation_errors]).toEqual([202, undefined]);
    const [request] = await eventually(
      async () => sent(receiver, `/sample-${format}`),
      (all) => all.length === 1,
      10_000,
    );
    expect(request?.headers['x-api-key']).toBe(PLAIN);
    const body = JSON.parse(String(request?.body));
    expect(body.event).toBe(event);
    expect(body.status).toBe(format === 'record' ? 'done' : undefined);
  }
});

test('none of their values is in any answer, nor in the log', async () => {
  // Of callbacks that are not called for, and an older spelling.
  await create({
    callback: false,
    callback_config: {
      url: `https://ann:${encodeURIComponent(PASSWORD)}@app.example.org/x?q=1`,
      headers: { a: PLAIN },
    },
  });
  await create({ callback_url: `https://ann:${encodeURIComponent(PASSWORD)}@app.example.org/x` });
  await api.call({ method: 'POST', url: '/api/replays', body: { filter: { state: ['cancelled'] } } });
  const ids = [
    ...(await api.db.selectFrom('job').select('id').execute()),
    ...(await api.db.selectFrom('delivery').select('id').execute()),
    ...(await api.db.selectFrom('endpoint').select('id').execute()),
    ...(await api.db.selectFrom('replay').select('id').execute()),
  ].map(({ id }) => id);
  for (const route of routes)
    for (const url of route.includes(':')
      ? ids.map((id) => route.replace(/:\w+/, id))
      : [route.replace('*', '')]) {
      const response = await api.server.inject({
        url,
        headers: { 'x-gladia-key': api.key },
        payloadAsStream: true,
      });
      let text = '';
      const stream = response.stream();
      for await (const chunk of Readable.from(stream)) {
        text += String(chunk);
        if (response.headers['content-type'] === 'text/event-stream') break;
      }
      stream.destroy();
      answers.push([`GET ${url}`, text]);
    }
  const shown = answers.map(([, text]) => text).join('\n');
  // What is looked for is looked at.
  for (const word of ['"X-Api-Key":"…"', 'http://…@127.0.0.1', '"x-api-key\\":\\"…'])
    expect([word, shown.includes(word)]).toEqual([word, true]);
  for (const [url, text] of answers)
    for (const secret of SECRETS) expect([url, secret, text.includes(secret)]).toEqual([url, secret, false]);
  for (const secret of SECRETS)
    expect([secret, log.filter((line) => line.includes(secret))]).toEqual([secret, []]);
  // Nor is it where a record is exported from: the request as it is stored.
  const { rows } = { rows: await api.db.selectFrom('job').select(['request', 'callback_url']).execute() };
  for (const secret of SECRETS) expect(JSON.stringify(rows).includes(secret)).toBe(false);
}, 60_000);
