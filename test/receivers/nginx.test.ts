// A real NGINX, with the example's configuration, between the deliver role and the example receivers: body limits, an
// upstream that is down or slow, and connections closed under the sender.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type DeliverRig, startDeliverRig } from '../rig/deliver.ts';
import { eventually } from '../rig/eventually.ts';
import { type Example, exampleFile, startExample } from '../rig/example.ts';
import { freePort, NGINX, type Nginx, type NginxOptions, startNginx } from '../rig/nginx.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const LONG = 1_500_000;
const LIMIT = 'client_max_body_size 20M;';

let rig: DeliverRig;
beforeAll(async () => {
  // Many short waits: an outage of any length in here ends before the schedule does.
  rig = await startDeliverRig({ schedule: [0, ...Array<number>(2_000).fill(10)] });
});
afterAll(() => rig.stop());

beforeEach((context) => {
  if (NGINX === null) context.skip('nginx is not installed: apt-get install nginx');
});
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

async function front(upstreamPort: number, edit: NginxOptions['edit'] = []): Promise<Nginx> {
  const nginx = await startNginx({ upstreamPort, edit });
  stops.push(() => nginx.stop());
  return nginx;
}
async function example(port?: number): Promise<Example> {
  const started = await startExample(exampleFile('node-http.mjs'), {
    secret: rig.secrets[0] as string,
    ...(port === undefined ? {} : { port }),
  });
  stops.push(() => started.stop());
  return started;
}
async function scripted(): Promise<Receiver> {
  const receiver = await startReceiver();
  stops.push(() => receiver.close());
  return receiver;
}

test('its own limit of 1 MB: a short transcript comes whole, a long one by reference with the same webhook-id', async () => {
  const receiver = await scripted();
  const nginx = await front(receiver.port, [[LIMIT, '']]);
  const short = await rig.open({ url: nginx.url, bytes: 900_000 });
  expect(await rig.ended(short)).toMatchObject({ attempts: [{ form: 'full', status: 200 }] });
  await receiver.next();
  for (const bytes of [1_100_000, LONG, 8_000_000]) {
    const id = await rig.open({ url: `${nginx.url}?job=A-17`, bytes });
    expect(await rig.ended(id)).toMatchObject({
      state: 'delivered',
      attempts: [
        { form: 'full', status: 413, outcome: 'too_large', error_class: null },
        { form: 'reference', status: 200, outcome: 'delivered' },
      ],
    });
    const [request] = await receiver.next();
    expect(request).toMatchObject({ path: '/hooks/stt?job=A-17', headers: { 'webhook-id': id } });
    expect(request?.body.toString()).toContain('"reason":"payload_too_large"');
  }
  expect(receiver.requests).toHaveLength(4);
});

test('client_max_body_size 20M, as in the example: the long transcript comes whole, and its signature holds', async () => {
  const receiver = await example();
  const nginx = await front(receiver.port);
  for (const bytes of [LONG, 15_000_000]) {
    const id = await rig.open({ url: nginx.url, bytes });
    expect(await receiver.line(id)).toMatch(/^success .* full: /);
    expect(await rig.ended(id)).toMatchObject({ state: 'delivered', attempts: [{ status: 204 }] });
  }
});

test('502 while the receiver is down; delivered once it is up', async () => {
  const port = await freePort();
  const nginx = await front(port);
  const ids = await Promise.all(Array.from({ length: 5 }, () => rig.open({ url: nginx.url })));
  for (const id of ids)
    await eventually(
      () => rig.see(id),
      ({ attempts }) => attempts.some((row) => row.status === 502),
    );
  const receiver = await example(port);
  for (const id of ids) {
    await receiver.line(`success ${id}`);
    const { state, attempts } = await rig.ended(id);
    expect(state).toBe('delivered');
    expect(attempts.slice(0, -1).map((row) => [row.status, row.outcome])).toEqual(
      attempts.slice(0, -1).map(() => [502, 'retry']),
    );
    expect(attempts.at(-1)?.status).toBe(204);
  }
  expect(receiver.count('success')).toBe(5);
});

test('504 while the receiver is slow; delivered with the same webhook-id once it is quick', async () => {
  const receiver = await scripted();
  receiver.setResponse(() => new Promise(() => {}));
  const nginx = await front(receiver.port, [['proxy_read_timeout 10s;', 'proxy_read_timeout 100ms;']]);
  const id = await rig.open({ url: nginx.url });
  await eventually(
    () => rig.see(id),
    ({ attempts }) => attempts.filter((row) => row.status === 504).length >= 2,
  );
  receiver.setResponse({ status: 200 });
  const { state, attempts } = await rig.ended(id);
  expect([state, attempts.at(-1)?.status]).toEqual(['delivered', 200]);
  // Each 504 had reached the receiver: why a receiver remembers webhook-ids.
  expect(receiver.requests).toHaveLength(attempts.length);
  expect(new Set(receiver.requests.map((request) => request.headers['webhook-id']))).toEqual(new Set([id]));
});

const KEEPALIVE = 'proxy_pass http';
const closing = (directives: string): NginxOptions['edit'] => [[KEEPALIVE, `${directives} ${KEEPALIVE}`]];

test.each([
  { how: 'after every request', directives: 'keepalive_requests 1;' },
  { how: 'after every third request', directives: 'keepalive_requests 3;' },
  { how: 'at once when idle', directives: 'keepalive_timeout 0;' },
  // The gaps between sends are about as long: some sends meet the closing of the very connection they go out on.
  { how: 'after 10 ms idle', directives: 'keepalive_timeout 10ms;' },
])('connections closed under the sender $how: nothing lost', async ({ directives }) => {
  const receiver = await example();
  const nginx = await front(receiver.port, closing(directives));
  const ids: string[] = [];
  for (let n = 0; n < 300; n++) {
    ids.push(await rig.open({ url: nginx.url }));
    await new Promise((resolve) => setTimeout(resolve, 5 + (n % 10)));
  }
  report(directives, await settled(receiver, ids));
});

test('reloaded under load: nothing lost', async () => {
  const receiver = await example();
  const nginx = await front(receiver.port);
  const ids: string[] = [];
  for (let round = 0; round < 5; round++) {
    for (let n = 0; n < 100; n++) ids.push(await rig.open({ url: nginx.url }));
    await nginx.reload();
  }
  report('reload', await settled(receiver, ids));
});

test('the receiver restarts behind NGINX: nothing lost, nothing handled twice by one process', async () => {
  const port = await freePort();
  const nginx = await front(port);
  const ids: string[] = [];
  const processes: Example[] = [];
  for (let round = 0; round < 4; round++) {
    const receiver = await example(port);
    processes.push(receiver);
    for (let n = 0; n < 50; n++) ids.push(await rig.open({ url: nginx.url }));
    await receiver.line(/^success /, 10);
    if (round < 3) await receiver.stop();
  }
  for (const id of ids) expect((await rig.ended(id)).state).toBe('delivered');
  for (const receiver of processes) {
    const handled = receiver.lines.filter((line) => line.startsWith('success'));
    expect(new Set(handled)).toHaveLength(handled.length);
  }
});

/** Every one delivered and handled once; what its attempts met on the way, counted. */
async function settled(receiver: Example, ids: readonly string[]): Promise<Record<string, number>> {
  const met: Record<string, number> = {};
  for (const id of ids) {
    const { state, attempts } = await rig.ended(id);
    expect(state).toBe('delivered');
    for (const { status, error_class } of attempts) {
      const what = error_class ?? String(status);
      met[what] = (met[what] ?? 0) + 1;
    }
  }
  await receiver.line(/^success /, ids.length);
  const handled = receiver.lines.filter((line) => line.startsWith('success'));
  expect(new Set(handled)).toHaveLength(ids.length);
  expect(handled).toHaveLength(ids.length);
  return met;
}

function report(what: string, met: Record<string, number>): void {
  console.info(`NGINX, ${what} ${JSON.stringify(met)}`);
}
