// One trace from a caller's request to each attempt to call back, by a real collector; and what a log says of the same. What
// is secret in URLs and headers is planted, and must be in neither.
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, expect, test } from 'vitest';
import { createLog } from '../../src/log.ts';
import { startRingback } from '../../src/main.ts';
import { readSettings } from '../../src/settings.ts';
import { API_KEY, type App, clientOf, startApp } from '../rig/app.ts';
import { type Collector, type SeenSpan, startCollector } from '../rig/otlp.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const clip = readFileSync(new URL('../fixtures/speech/all-circuits-busy-now.wav', import.meta.url));
const CALLER = { trace: '4bf92f3577b34da6a3ce929d0e0e4736', span: '00f067aa0ba902b7' };
const TRACEPARENT = `00-${CALLER.trace}-${CALLER.span}-01`;
const SECRETS = ['aud1o-t0ken', 'h00k-t0ken', 'b3arer-t0ken', 'us3r-password', API_KEY];

let stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.toReversed()) await stop();
  stops = [];
});
const hosts: Receiver[] = [];
afterAll(() => Promise.all(hosts.map((host) => host.close())));

async function startHost(respond: Parameters<typeof startReceiver>[0]): Promise<Receiver> {
  const host = await startReceiver(respond);
  hosts.push(host);
  return host;
}

async function tracedApp(settings: Record<string, string> = {}): Promise<App & { collector: Collector }> {
  const collector = await startCollector();
  const app = await startApp({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    RINGBACK_LOG_LEVEL: 'info',
    RINGBACK_RETRY_SCHEDULE: '0s,0s,0s',
    ...settings,
  });
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= app.stop();
    return stopping;
  };
  stops.push(() => collector.close(), stop);
  return { ...app, collector, stop };
}

/** Its id. A recording of somebody else's, with all that is secret in such a request. */
async function submit(url: string, receiver: Receiver, headers: Record<string, string> = {}) {
  const media = await startHost({ respond: { body: clip, headers: { 'content-type': 'audio/wav' } } });
  const hook = new URL(`${receiver.url}/hooks?token=h00k-t0ken`);
  hook.username = 'user';
  hook.password = 'us3r-password';
  const response = await fetch(`${url}/v2/pre-recorded`, {
    method: 'POST',
    headers: { 'x-gladia-key': API_KEY, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({
      audio_url: `${media.url}/call.wav?token=aud1o-t0ken`,
      callback: true,
      callback_config: { url: hook, headers: { 'x-key': 'b3arer-t0ken' } },
    }),
  });
  expect(response.status).toBe(201);
  return ((await response.json()) as { id: string }).id;
}

function named(spans: SeenSpan[], name: string): SeenSpan[] {
  return spans.filter((span) => span.name === name);
}

test('a caller’s trace goes on through the queue, the download, recognition and the commit to each attempt, and to the receiver', async () => {
  let times = 0;
  const receiver = await startHost({ respond: () => ({ status: times++ === 0 ? 503 : 200 }) });
  const app = await tracedApp({ OTEL_SERVICE_NAME: 'stt' });
  const id = await submit(app.url, receiver, { traceparent: TRACEPARENT, tracestate: 'vendor=1' });
  const sent = await receiver.next(2);
  await app.stop();

  const spans = app.collector.spans().filter(({ traceId }) => traceId === CALLER.trace);
  const [request] = named(spans, 'POST /v2/pre-recorded');
  const [commit] = named(spans, 'commit');
  const attempts = named(spans, 'callback attempt');
  expect(request).toMatchObject({
    kind: 2,
    parentId: CALLER.span,
    attributes: { 'http.route': '/v2/pre-recorded', 'http.response.status_code': '201' },
    resource: { 'service.name': 'stt' },
  });
  for (const name of ['queue', 'fetch', 'decode', 'recognise', 'add-ons', 'render', 'commit'])
    for (const span of named(spans, name))
      expect([name, span.parentId, span.attributes['ringback.job.id']]).toEqual([name, request?.spanId, id]);
  const counts = Object.fromEntries(spans.map(({ name }) => [name, named(spans, name).length]));
  expect(counts).toEqual({
    'POST /v2/pre-recorded': 1,
    // For the download, and for the transcription.
    queue: 2,
    fetch: 1,
    decode: 1,
    recognise: 1,
    'add-ons': 1,
    render: 1,
    commit: 1,
    'callback attempt': 2,
  });
  expect(attempts).toMatchObject([
    { kind: 3, parentId: commit?.spanId, status: 2, attributes: { 'http.response.status_code': '503' } },
    { kind: 3, parentId: commit?.spanId, status: 0, attributes: { 'http.response.status_code': '200' } },
  ]);
  expect(sent.map(({ headers }) => [headers.traceparent, headers.tracestate])).toEqual(
    attempts.map(({ spanId }) => [`00-${CALLER.trace}-${spanId}-01`, 'vendor=1']),
  );
  expect(named(spans, 'recognise')[0]?.ms).toBeGreaterThan(1);

  const told = app.collector.requests.map(({ body }) => body.toString('latin1')).join('');
  expect(told).toContain('/call.wav?');
  for (const secret of SECRETS) expect(told).not.toContain(secret);
});

test('one line a job and one an attempt, with ids, phases and sizes, and without secrets', async () => {
  let times = 0;
  const receiver = await startHost({
    // It repeats what it was sent, and breaks off: what went wrong there is in the line.
    respond: ({ path, headers }, response) => {
      if (times++ > 0) return { status: 200, body: `${path} ${headers.authorization} ${headers['x-key']}` };
      response.socket?.write(`HTTP/1.1 nonsense ${path} ${headers['x-key']}\r\n\r\n`);
      response.socket?.end();
      return undefined;
    },
  });
  const app = await tracedApp();
  const id = await submit(app.url, receiver);
  await receiver.next(2);
  await app.stop();

  const [trace] = named(app.collector.spans(), 'POST /v2/pre-recorded').map(({ traceId }) => traceId);
  const lines = app.log.filter(({ job }) => job === id);
  expect(lines.map(({ msg }) => msg)).toEqual([
    'job accepted',
    'job ended',
    'callback attempted',
    'callback attempted',
  ]);
  const [, ended, failed, delivered] = lines;
  const ms = expect.any(Number);
  expect(ended).toMatchObject({
    state: 'done',
    run: 2,
    trace,
    account: expect.any(String),
    audio_seconds: expect.any(Number),
    result_bytes: expect.any(Number),
    audio_url: expect.stringMatching(/\/call\.wav\?…$/),
    callback: true,
    written: 'written',
    phases_ms: { queue: ms, fetch: ms, decode: ms, recognise: ms, 'add-ons': ms, render: ms, commit: ms },
  });
  const { phases_ms, total_ms } = ended as { phases_ms: Record<string, number>; total_ms: number };
  const sum = Object.values(phases_ms).reduce((sum, ms) => sum + ms, 0);
  // What no phase has is little, and none is counted twice.
  expect(sum).toBeGreaterThan(0.5 * total_ms);
  expect(sum).toBeLessThan(1.1 * total_ms + 20);
  expect(failed).toMatchObject({
    attempt: 1,
    outcome: 'retry',
    status: null,
    detail: expect.any(String),
    trace,
    next: 'pending',
  });
  expect(delivered).toMatchObject({
    delivery: failed?.delivery,
    attempt: 2,
    outcome: 'delivered',
    status: 200,
    endpoint: expect.any(String),
    account: ended?.account,
    url: expect.stringMatching(/\/hooks\?…$/),
    bytes: expect.any(Number),
    answer_bytes: expect.any(Number),
    phases_ms: { firstByte: ms },
    next: 'delivered',
  });
  const told = JSON.stringify(app.log);
  for (const secret of SECRETS) expect(told).not.toContain(secret);
});

test('one that is cancelled has its line, too', async () => {
  const receiver = await startHost({});
  const app = await tracedApp({ RINGBACK_ROLE: 'api' });
  const id = await submit(app.url, receiver, { traceparent: TRACEPARENT });
  const cancel = () => app.call('POST', `/api/transcriptions/${id}/cancel`);
  await cancel();
  await cancel();
  expect(app.log.filter(({ msg }) => msg === 'job ended')).toMatchObject([
    { job: id, state: 'error', code: 'cancelled', trace: CALLER.trace },
  ]);
});

test('the trace is in the rows: another process, started later, goes on with it', async () => {
  const receiver = await startHost({});
  const app = await tracedApp({ RINGBACK_ROLE: 'api' });
  await submit(app.url, receiver, { traceparent: TRACEPARENT });
  const settings = readSettings({
    RINGBACK_ROLE: 'transcribe,deliver',
    DATABASE_URL: app.databaseUrl,
    RINGBACK_DATA_DIR: app.folder,
    RINGBACK_PUBLIC_URL: app.url,
    RINGBACK_ALLOW_NETWORKS: '127.0.0.0/8',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${app.collector.url}/v1/traces`,
  });
  const worker = await startRingback(settings, createLog('silent'));
  await receiver.next();
  await worker.stop();
  await app.stop();
  const spans = app.collector.spans().filter(({ traceId }) => traceId === CALLER.trace);
  const [request] = named(spans, 'POST /v2/pre-recorded');
  expect(named(spans, 'commit').map(({ parentId }) => parentId)).toEqual([request?.spanId]);
  expect(named(spans, 'callback attempt')).toHaveLength(1);
});

test('without a collector the caller’s trace is handed on to the receiver as it came, and none is made up', async () => {
  const receiver = await startHost({});
  const app = await startApp();
  stops.push(() => app.stop());
  const headers = () => receiver.next().then(([request]) => request?.headers);
  await submit(app.url, receiver, { traceparent: TRACEPARENT, tracestate: 'vendor=1' });
  expect(await headers()).toMatchObject({ traceparent: TRACEPARENT, tracestate: 'vendor=1' });
  await submit(app.url, receiver);
  expect(await headers()).not.toHaveProperty('traceparent');
  await submit(app.url, receiver, { traceparent: 'nonsense', tracestate: 'vendor=1' });
  const ignored = await headers();
  expect(ignored).not.toHaveProperty('traceparent');
  expect(ignored).not.toHaveProperty('tracestate');
});

test('OTEL_SDK_DISABLED: nothing is recorded', async () => {
  const receiver = await startHost({});
  const app = await tracedApp({ OTEL_SDK_DISABLED: 'true' });
  await clientOf(app.url).call('POST', '/api/callbacks/test', { url: `${receiver.url}/`, event: 'success' });
  await receiver.next();
  await app.stop();
  expect(app.collector.requests).toEqual([]);
});
