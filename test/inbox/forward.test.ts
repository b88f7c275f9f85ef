// `ringback listen --forward` and `ringback trigger`, as a person runs them, on a running server and a program of one's own.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { createLog } from '../../src/log.ts';
import { type Ringback, startRingback } from '../../src/main.ts';
import { readSettings } from '../../src/settings.ts';
import { API_KEY, clientOf } from '../rig/app.ts';
import { openAnyDelivery } from '../rig/delivery.ts';
import { eventually } from '../rig/eventually.ts';
import { startExpress } from '../rig/express.ts';
import { migratedDatabase } from '../rig/postgres.ts';
import { type Program, startProgram } from '../rig/program.ts';
import { startProxy } from '../rig/proxy.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const BINARY = fileURLToPath(new URL('../../src/cli/ringback.ts', import.meta.url));

let app: ReturnType<typeof clientOf>;
let server: Ringback;
let database: Awaited<ReturnType<typeof migratedDatabase>>;
let receiver: Receiver;
let folder: string;
const programs: Program[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-forward-'));
  database = await migratedDatabase();
  const settings = readSettings({
    RINGBACK_DATA_DIR: folder,
    DATABASE_URL: database.url,
    RINGBACK_API_KEYS: API_KEY,
    RINGBACK_PORT: '0',
    RINGBACK_ROLE: 'api,deliver',
    RINGBACK_RETRY_SCHEDULE: Array.from({ length: 40 }, () => '200ms').join(','),
    RINGBACK_LOG_LEVEL: 'silent',
  });
  server = await startRingback(settings, createLog('silent'));
  app = clientOf(server.url as string);
  receiver = await startReceiver();
});
afterEach(async () => {
  for (const program of programs.splice(0)) await program.stop();
});
afterAll(async () => {
  await receiver.close();
  await server.stop();
  await database.drop();
  await rm(folder, { recursive: true });
});

function ringback(...args: string[]): Program {
  const program = startProgram({
    command: process.execPath,
    args: [BINARY, ...args],
    env: { RINGBACK_URL: app.url, RINGBACK_API_KEY: API_KEY },
  });
  programs.push(program);
  return program;
}

async function listen(name: string, target: string, ...flags: string[]): Promise<Program> {
  const program = ringback('listen', '--forward', target, '--inbox', name, ...flags);
  if (!flags.includes('--json')) await program.line('forwarding to');
  await connected(name);
  return program;
}

const connected = (name: string) =>
  eventually(
    async () => (await app.call('GET', '/api/inboxes')).json.items,
    (items: { name: string; forwarder_connected: boolean }[]) =>
      items.some((one) => one.name === name && one.forwarder_connected),
  );

const client = () => createClient({ url: app.url, key: API_KEY });
const delivered = (id: string) =>
  eventually(
    () => client().callbacks.get(id),
    ({ state }) => state === 'delivered',
  );

test('what comes to the inbox comes to the program, to the byte; its answer is the answer', async () => {
  receiver.setResponse({ status: 201, headers: { 'x-mine': 'yes', 'set-cookie': 'a=b' }, body: 'taken' });
  const program = await listen('bytes', `${receiver.url}/hook?mine=1`, '--verbose');
  const inbox = (await app.call('GET', '/api/inboxes')).json.items.find(
    (one: { name: string }) => one.name === 'bytes',
  );
  const sent = await client().callbacks.test({
    event: 'success',
    url: `${inbox.address}?job=7`,
    compression: 'gzip',
    method: 'PUT',
  });
  const [request] = await receiver.next();
  expect([request?.method, request?.path]).toEqual(['PUT', '/hook?mine=1&job=7']);
  const { attempts } = await delivered(sent.id);
  expect(attempts).toMatchObject([{ status: 201, answer: { text: 'taken' } }]);
  const [kept] = (await app.call('GET', `/api/inboxes/${inbox.id}/requests`)).json.items;
  expect(kept).toMatchObject({ state: 'answered', answered_by: 'forwarder', signature: 'valid' });
  expect(kept.answer.headers).toMatchObject({ 'x-mine': 'yes' });
  expect(kept.answer.headers).not.toHaveProperty('set-cookie');
  // All that goes from end to end, and the very bytes.
  for (const [name, value] of kept.headers)
    if (!/^(?:host|connection|content-length)$/i.test(name))
      expect(request?.headers[name.toLowerCase()]).toBe(value);
  expect(request?.headers).toMatchObject({
    'content-encoding': 'gzip',
    'webhook-id': sent.id,
    'ringback-attempt': '1',
  });
  expect(request?.body.toString('base64')).toBe(kept.body.base64);
  expect(await program.line(sent.id)).toMatch(
    new RegExp(`^\\d\\d:\\d\\d:\\d\\d  success  ${sent.id}  201  \\d+ ms$`),
  );
  await program.line('"full_transcript": "This is a test callback."');

  const large = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 256));
  const response = await fetch(inbox.address, { method: 'PATCH', body: large, headers: { 'x-a': '\u00e9' } });
  expect([response.status, response.headers.get('x-mine'), response.headers.get('set-cookie')]).toEqual([
    201,
    'yes',
    null,
  ]);
  const [second] = await receiver.next();
  expect(second?.method).toBe('PATCH');
  expect(second?.body.equals(large)).toBe(true);
  program.signal('SIGINT');
  await program.stop();
});

test('trigger: to the inbox of this machine, to a URL, with what became of it', async () => {
  receiver.setResponse({ status: 200 });
  const none = ringback('trigger', 'success');
  await expect(none.line('never')).rejects.toThrow(
    /no inbox of this machine yet: run "ringback listen --forward/,
  );
  const listening = ringback('listen', '--forward', `${receiver.url}/mine`);
  await listening.line('forwarding to');
  const triggered = ringback('trigger', 'error', '--method', 'PUT');
  expect(await triggered.line('error ')).toMatch(/^error [0-9a-f-]{36} to http.*\/inbox\/\S+: delivered$/);
  expect(await triggered.line('attempt 1')).toMatch(/^attempt 1: 200 after \d+ ms$/);
  expect(await listening.line('  200  ')).toMatch(/ {2}error {2}/);
  const [request] = await receiver.next();
  expect([request?.method, request?.path]).toEqual(['PUT', '/mine']);
  const refused = ringback('trigger', 'success', '--url', 'http://127.0.0.1:8080/x');
  await expect(refused.line('never')).rejects.toThrow(/url must be a URL address: .*public internet/);
}, 60_000);

test('--json: one line a request, and nothing else on stdout', async () => {
  receiver.setResponse({ status: 422, body: 'no' });
  const program = await listen('json', `${receiver.url}/hook`, '--json');
  const sent = await client().callbacks.test({ event: 'error', inbox: 'json' });
  const line = JSON.parse(await program.line(sent.id));
  expect(line).toMatchObject({
    event: 'error',
    id: sent.id,
    transcription_id: sent.transcription_id,
    attempt: 1,
    status: 422,
    signature: 'valid',
    given_back: true,
    error: null,
  });
  await client().callbacks.cancel(sent.id);
});

test('no program there: 503 and a sentence, and the callback comes again when it is there', async () => {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  const program = await listen('down', `http://127.0.0.1:${port}/hook`);
  const sent = await client().callbacks.test({ event: 'success', inbox: 'down' });
  expect(await program.line('503')).toMatch(
    /nothing listens at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\): is your program running\?$/,
  );
  const got: string[] = [];
  const up = createServer((request, response) => {
    got.push(String(request.headers['webhook-id']));
    request.resume().on('end', () => response.end());
  }).listen(port, '127.0.0.1');
  const { attempts } = await delivered(sent.id);
  expect(attempts.at(0)?.answer).toMatchObject({ text: expect.stringContaining('nothing listens') });
  expect(got).toEqual([sent.id]);
  up.closeAllConnections();
  await new Promise((resolve) => up.close(resolve));
}, 30_000);

test('Express with a limit of 100kb: its 413 arrives as such, and the reference form gets through', async () => {
  const local = await startExpress('100kb');
  await listen('express', local.url);
  const { id: account } = await database.db.selectFrom('account').select('id').executeTakeFirstOrThrow();
  const { items } = (await app.call('GET', '/api/inboxes')).json;
  const words = 'word '.repeat(40_000);
  const id = await openAnyDelivery(database.db, account, items[0].address, {
    fullBody: Buffer.from(JSON.stringify({ id: 'x', event: 'success', payload: { words } })),
    referenceBody: Buffer.from('{"id":"x","event":"success","result_url":"http://x"}'),
  });
  const { attempts, form } = await delivered(id);
  expect([form, ...attempts.map(({ status }) => status)]).toEqual(['reference', 413, 204]);
  expect(local.taken).toMatchObject([{ id, body: { result_url: 'http://x' } }]);
  await local.down();
});

test('a callback of 8 MB to an inbox that takes 100 kB: its 413 arrives, though nobody reads the body', async () => {
  const { id: account } = await database.db.selectFrom('account').select('id').executeTakeFirstOrThrow();
  const inbox = await client().inboxes.create({ name: 'narrow', max_bytes: 100_000 });
  const id = await openAnyDelivery(database.db, account, inbox.address, {
    fullBody: Buffer.alloc(8_000_000, 'x'),
  });
  const { attempts } = await delivered(id);
  expect(attempts.map(({ status }) => status)).toEqual([413, 200]);
});

test('--forward to the inbox itself is refused: it would go round for ever', async () => {
  const inbox = await client().inboxes.create({ name: 'loop' });
  const program = ringback('listen', '--forward', inbox.address, '--inbox', 'loop');
  await expect(program.line('never')).rejects.toThrow(/--forward names the inbox itself/);
});

test('the connection is lost while the program works: told of again, it is not forwarded again, and its answer counts', async () => {
  const proxy = await startProxy(Number(new URL(app.url).port));
  const arrived = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  receiver.setResponse(async () => {
    arrived.resolve();
    await answer.promise;
    return { status: 202 };
  });
  const program = startProgram({
    command: process.execPath,
    args: [BINARY, 'listen', '--forward', receiver.url, '--inbox', 'cut'],
    env: { RINGBACK_URL: `http://127.0.0.1:${proxy.port}`, RINGBACK_API_KEY: API_KEY },
  });
  programs.push(program);
  await program.line('forwarding to');
  await connected('cut');
  const seen = receiver.requests.length;
  const sent = await client().callbacks.test({ event: 'success', inbox: 'cut' });
  await arrived.promise;
  proxy.cut('rst');
  await program.line('connected again');
  await connected('cut');
  answer.resolve();
  const { attempts } = await delivered(sent.id);
  expect(attempts.map(({ status }) => status)).toEqual([202]);
  expect(receiver.requests.length - seen).toBe(1);
  await program.stop();
  await proxy.close();
}, 30_000);

test('nobody connected: an inbox that forwards asks the sender to come again, and nothing is lost', async () => {
  receiver.setResponse({ status: 200 });
  const first = await listen('away', `${receiver.url}/hook`);
  first.signal('SIGINT');
  await first.stop();
  const sent = await client().callbacks.test({ event: 'success', inbox: 'away' });
  const { attempts } = await eventually(
    () => client().callbacks.get(sent.id),
    (callback) => callback.attempts.length > 0,
  );
  expect(attempts[0]).toMatchObject({ status: 503, outcome: 'paused' });
  const seen = receiver.requests.length;
  await listen('away', `${receiver.url}/hook`);
  await delivered(sent.id);
  expect(receiver.requests.slice(seen).map(({ headers }) => headers['webhook-id'])).toEqual([sent.id]);
}, 30_000);
