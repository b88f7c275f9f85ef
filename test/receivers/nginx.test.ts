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
  // The outages in here are over before the second attempt, and before the breaker sees its fifth failure in a row.
  rig = await startDeliverRig({ schedule: [0, 1_500, 1_500, 3_000, 3_000] });
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

test('502 while the receiver is down; delivered each time it comes back', async () => {
  const port = await freePort();
  const nginx = await front(port);
  for (let outage = 0; outage < 2; outage++) {
    const ids = await Promise.all(Array.from({ length: 3 }, () => rig.open({ url: nginx.url })));
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
      const failed = attempts.slice(0, -1);
      expect(failed.map((row) => [row.status, row.outcome])).toEqual(failed.map(() => [502, 'retry']));
      expect(attempts.at(-1)?.status).toBe(204);
    }
    expect(receiver.count('success')).toBe(3);
    await receiver.stop();
  }
});

test('504 while the receiver is slow; delivered with the same webhook-id once it is quick', async () => {
  const receiver = await scripted();
  receiver.setResponse(() => new Promise(() => {}));
  const nginx = await front(receiver.port, [['proxy_read_timeout 10s;', 'proxy_read_timeout 100ms;']]);
  const id = await rig.open({ url: nginx.url });
  await eventually(
    () => rig.see(id),
    ({ attempts }) => attempts.some((row) => row.status === 504),
  );
  receiver.setResponse({ status: 200 });
  const { state, attempts } = await rig.ended(id);
  expect([state, attempts.at(-1)?.status]).toEqual(['delivered', 200]);
  // Each 504 had reached the receiver: why a receiver remembers webhook-ids.
  expect(receiver.requests).toHaveLength(attempts.length);
  expect(new Set(receiver.requests.map((request) => request.headers['webhook-id']))).toEqual(new Set([id]));
});

const closing = (directives: string): NginxOptions['edit'] => [
  ['proxy_pass http', `${directives} proxy_pass http`],
];

test.each([
  { how: 'after every request', directives: 'keepalive_requests 1;' },
  { how: 'after every third request', directives: 'keepalive_requests 3;' },
  { how: 'at once when idle', directives: 'keepalive_timeout 0;' },
])('connections closed under the sender $how: nothing lost', async ({ directives }) => {
  const receiver = await example();
  const nginx = await front(receiver.port, closing(directives));
  const ids = await Promise.all(Array.from({ length: 300 }, () => rig.open({ url: nginx.url })));
  report(directives, await settled(receiver, ids));
});

test('connections closed under the sender when idle for as long as the sends are apart: nothing lost', async () => {
  const receiver = await example();
  const nginx = await front(receiver.port, closing('keepalive_timeout 10ms;'));
  const ids: string[] = [];
  for (let n = 0; n < 300; n++) {
    ids.push(await rig.open({ url: nginx.url }));
    // Not a wait for anything: the pace is the test. Some sends meet the closing of the connection they go out on.
    await new Promise((resolve) => setTimeout(resolve, 5 + (n % 10)));
  }
  report('keepalive_timeout 10ms', await settled(receiver, ids));
});

test('reloaded under load: nothing lost', async () => {
  const receiver = await example();
  const nginx = await front(receiver.port);
  const ids: string[] = [];
  for (let round = 0; round < 5; round++) {
    const more = Promise.all(Array.from({ length: 100 }, () => rig.open({ url: nginx.url })));
    // The first of them is on its way, most are not.
    await receiver.line(/^success /, ids.length + 1);
    await nginx.reload();
    ids.push(...(await more));
  }
  report('reload', await settled(receiver, ids));
});

/** Every one delivered and handled once; what its attempts met on the way, counted. */
async function settled(receiver: Example, ids: readonly string[]): Promise<Record<string, number>> {
  const met: Record<string, number> = {};
  for (const id of ids) {
    const { state, attempts } = await rig.ended(id, 50_000);
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
