// Secrets planted in the query of a callback URL, and repeated by its receiver in every way there is, are in no answer of any
// route and in no line of the log.
import { randomUUID } from 'node:crypto';
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
import { type Api, startApi } from '../rig/api.ts';
import { ANY_DELIVER } from '../rig/deliver-deps.ts';
import { eventually } from '../rig/eventually.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const TOKEN = 'tok/"3n &ü';
const PIN = '7q9';
const SECRETS = [
  'tok/"3n',
  encodeURIComponent(TOKEN),
  encodeURIComponent(encodeURIComponent(TOKEN)),
  new URLSearchParams({ a: TOKEN }).toString().slice(2),
  JSON.stringify(TOKEN).slice(1, -1),
  JSON.stringify(JSON.stringify(TOKEN)).slice(3, -3),
  'tok%2F%223n',
  'flagged-s3cret',
  'elsewhere-s3cret',
  'old-s3cret',
  PIN,
];
const QUERY = `token=${encodeURIComponent(TOKEN)}&pin=${PIN}&flagged-s3cret`;

let api: Api;
let receiver: Receiver;
let stopDeliver: () => Promise<void>;
let outbound: Outbound;
const log: string[] = [];
const routes: string[] = [];
const ids: string[] = [];

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
  receiver = await startReceiver({
    respond: ({ path }) => {
      const query = path.slice(path.indexOf('?') + 1);
      const { token = '' } = Object.fromEntries(new URLSearchParams(query));
      switch (new URL(path, 'http://x').pathname) {
        case '/redirects':
          return {
            status: 302,
            headers: {
              location: `/in/${encodeURIComponent(token)}?next=${encodeURIComponent(path)}&x=elsewhere-s3cret`,
            },
          };
        case '/binary':
          return {
            status: 500,
            body: Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(`${token} ${path}`)]),
          };
        case '/cut':
          return { status: 500, body: `${'x'.repeat(16_384 - 6)}${token}` };
        case '/hangs-up':
          return undefined;
        default:
          return {
            status: 500,
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({
              message: `Cannot POST ${path}`,
              query: Object.fromEntries(new URLSearchParams(query)),
              raw: query,
              nested: JSON.stringify({ token, pin: PIN }),
              html: token.replaceAll('&', '&amp;').replaceAll('"', '&quot;'),
              again: encodeURIComponent(path),
            }),
          };
      }
    },
  });
  stopDeliver = await startDeliver({
    ...ANY_DELIVER,
    log: written,
    database: { db: api.db } as Database,
    outbound,
    secretsOf: async () => [generateSecret()],
    schedule: [0],
    deadlineMs: 2_000,
  });
});
afterAll(async () => {
  await stopDeliver();
  outbound.close();
  await receiver.close();
  await api.stop();
});

/** A job with a callback there, ended; its callback's id once that has failed. */
async function calledBack(path: string): Promise<string> {
  const request = {
    audio_url: 'https://cdn.example.org/a.mp3',
    callback: true,
    callback_config: { url: `${receiver.url}${path}` },
    callback_url: `https://older.example.org/?key=old-s3cret`,
  };
  const headers = { 'idempotency-key': randomUUID() };
  const made = await api.call({ method: 'POST', url: '/v2/pre-recorded', body: request, headers });
  const again = await api.call({ method: 'POST', url: '/v2/pre-recorded', body: request, headers });
  expect([made.status, again.text]).toEqual([201, made.text]);
  answers.push(['POST /v2/pre-recorded', made.text]);
  const { id } = made.json;
  ids.push(id);
  const job = await startJob(api.db, id, 60_000);
  await finishJob(api.db, id, 1, {
    ending: { filename: null, duration: 1, channels: 1, result: Buffer.from('{}') },
    delivery: {
      accountId: api.account,
      jobId: id,
      url: job?.callback?.url ?? '',
      method: 'POST',
      event: 'success',
      form: 'full',
      fullBody: Buffer.from('{}'),
      referenceBody: Buffer.from('{}'),
      waitMs: 0,
    },
  });
  const [callback] = await eventually(
    async () => (await api.call({ url: `/v2/pre-recorded/${id}/callbacks` })).json.items,
    ([one]) => one?.state === 'failed',
    20_000,
  );
  ids.push(callback.id, callback.endpoint_id);
  return callback.id;
}

const answers: [string, string][] = [];

async function get(url: string): Promise<string> {
  const response = await api.server.inject({
    url,
    headers: { 'x-gladia-key': api.key },
    payloadAsStream: true,
  });
  const stream = response.stream();
  let text = '';
  for await (const chunk of Readable.from(stream)) {
    text += String(chunk);
    if (response.headers['content-type'] === 'text/event-stream') break;
  }
  stream.destroy();
  return text;
}

const PATHS = ['/echoes', '/redirects', '/binary', '/cut', '/hangs-up'];

test('in no answer of any route, and in no line of the log', async () => {
  const callbacks: string[] = [];
  for (const path of PATHS) callbacks.push(await calledBack(`${path}?${QUERY}`));
  expect(receiver.requests.map(({ path }) => path)).toEqual(PATHS.map((path) => `${path}?${QUERY}`));

  const [first = '', second = ''] = callbacks;
  const post = async (url: string, body?: object) => {
    const { text } = await api.call({ method: 'POST', url, ...(body && { body }) });
    answers.push([`POST ${url}`, text]);
    return JSON.parse(text);
  };
  await post(`/api/callbacks/${first}/resend`, { url: `${receiver.url}/elsewhere?key=elsewhere-s3cret` });
  await post(`/api/callbacks/${second}/resend`, { url: `nowhere?key=elsewhere-s3cret` });
  await post(`/api/callbacks/${second}/resend`, { url: `http://10.0.0.1/?key=elsewhere-s3cret` });
  await post('/v2/pre-recorded', {
    audio_url: 'x',
    callback: true,
    callback_config: { url: `http://10.0.0.1/?key=elsewhere-s3cret`, headers: { a: 'elsewhere-s3cret' } },
  });
  const replay = await post('/api/replays', { filter: { state: ['cancelled'] } });
  ids.push(replay.id);
  await post(`/api/callbacks/${first}/cancel`);
  await post(`/api/transcriptions/${ids[0]}/cancel`);
  expect(routes.length).toBeGreaterThan(20);
  for (const route of routes) {
    const urls = route.includes(':') ? ids.map((id) => route.replace(/:\w+/, id)) : [route.replace('*', '')];
    for (const url of urls) answers.push([`GET ${url}`, await get(url)]);
  }
  const shown = answers.map(([, text]) => text).join('\n');
  // What is looked for is looked at.
  for (const word of ['Cannot POST /echoes?…', '/in/…?…', 'older.example.org/?…', '/hangs-up?…', '"base64":'])
    expect([word, shown.includes(word)]).toEqual([word, true]);
  for (const [url, text] of answers)
    for (const secret of SECRETS) {
      // Three letters are somewhere in any id, signature or base64.
      const found = secret === PIN ? /pin\W{1,6}7q9/.test(text) : text.includes(secret);
      expect([url, secret, found]).toEqual([url, secret, false]);
    }
  const binary = JSON.parse(
    answers.find(([url]) => url === `GET /api/callbacks/${callbacks[2]}`)?.[1] ?? '{}',
  );
  expect(Buffer.from(binary.attempts[0].answer.base64, 'base64').toString('latin1')).toBe(
    `\xff\xfe... /binary?...`,
  );
  const cut = JSON.parse(answers.find(([url]) => url === `GET /api/callbacks/${callbacks[3]}`)?.[1] ?? '{}');
  expect(cut.attempts[0].answer).toMatchObject({ text: `${'x'.repeat(16_378)}…`, truncated: true });

  expect(log.length).toBeGreaterThan(PATHS.length);
  for (const secret of SECRETS.filter((one) => one !== PIN))
    expect([secret, log.filter((line) => line.includes(secret))]).toEqual([secret, []]);
}, 60_000);
