// Receivers that hang, by the hundred, beside one that answers; and bodies of megabytes. Through the whole deliver role, with
// real sockets; how long attempts may take is as in production, so that whoever had to wait for one would be seen.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { type DeliverRig, startDeliverRig } from '../rig/deliver.ts';
import { eventually } from '../rig/eventually.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const servers: Server[] = [];
let rig: DeliverRig | undefined;
let receiver: Receiver | undefined;
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  await rig?.stop();
  await receiver?.close();
  rig = undefined;
});

/** Takes requests and never answers; counts them. */
async function startHanging(): Promise<{ url: string; requests: () => number }> {
  let requests = 0;
  const server = createServer((request) => {
    request.resume();
    requests++;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests: () => requests };
}

/** Milliseconds until the receiver has each of ten callbacks, opened one after the other. */
async function waitsOfTen(to: DeliverRig, healthy: Receiver): Promise<number[]> {
  const waits: number[] = [];
  for (let n = 0; n < 10; n++) {
    const since = performance.now();
    await to.open({ url: `${healthy.url}/hooks/${n}` });
    await healthy.next();
    waits.push(performance.now() - since);
  }
  return waits;
}

/** An attempt may take 15 s: whoever waits for one waits longer than this. */
const AT_ONCE_MS = 3_000;

test('300 paths of one host that hangs: a few attempts there, and a healthy endpoint waits for none', async () => {
  rig = await startDeliverRig({ deadlineMs: 15_000 });
  receiver = await startReceiver();
  const hanging = await startHanging();
  await Promise.all(Array.from({ length: 300 }, (_, n) => rig?.open({ url: `${hanging.url}/hooks/${n}` })));
  await eventually(hanging.requests, (requests) => requests > 0);
  expect(Math.max(...(await waitsOfTen(rig, receiver)))).toBeLessThan(AT_ONCE_MS);
  expect(hanging.requests()).toBeLessThanOrEqual(4);
}, 60_000);

test('300 hosts that hang hold no place that a healthy endpoint needs', async () => {
  rig = await startDeliverRig({ deadlineMs: 15_000 });
  receiver = await startReceiver();
  const hanging = await Promise.all(Array.from({ length: 300 }, startHanging));
  await Promise.all(hanging.map(({ url }) => rig?.open({ url: `${url}/hooks` })));
  expect(Math.max(...(await waitsOfTen(rig, receiver)))).toBeLessThan(AT_ONCE_MS);
  await eventually(
    () => hanging.filter(({ requests }) => requests() > 0).length,
    (reached) => reached === 300,
    15_000,
  );
}, 60_000);

test('a path that answers is called at once, on a host whose 100 other paths hang until it rests', async () => {
  rig = await startDeliverRig({ deadlineMs: 1_000, schedule: [0, 60_000] });
  const open = (url: string) => rig?.open({ url }) as Promise<string>;
  let hung = 0;
  const server = createServer((request, response) => {
    request.resume();
    if (request.url === '/well') response.end();
    else hung++;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await rig.ended(await open(`${url}/well`));
  await Promise.all(Array.from({ length: 100 }, (_, n) => open(`${url}/hangs/${n}`)));
  await eventually(
    async () => hung,
    (count) => count >= 8,
    20_000,
  );
  for (let n = 0; n < 8; n++) {
    const since = performance.now();
    expect(await rig.ended(await open(`${url}/well`))).toMatchObject({ state: 'delivered' });
    expect(performance.now() - since).toBeLessThan(AT_ONCE_MS);
    await wait(500);
  }
}, 60_000);

test('bodies of 8 MB arrive, as many at a time as memory is set aside for, and small ones go on beside them', async () => {
  rig = await startDeliverRig({ deadlineMs: 30_000 });
  receiver = await startReceiver();
  let underWay = 0;
  let most = 0;
  const arrived: number[] = [];
  const slow = createServer((request, response) => {
    most = Math.max(most, ++underWay);
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on('end', () => {
      arrived.push(bytes);
      setTimeout(() => {
        underWay--;
        response.end();
      }, 300);
    });
  });
  await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
  servers.push(slow);
  const { port } = slow.address() as AddressInfo;
  const COUNT = 24;
  const ids: string[] = [];
  for (let n = 0; n < COUNT; n++)
    ids.push(await rig.open({ url: `http://127.0.0.1:${port}/big/${n}`, bytes: 8_000_000 }));
  expect(Math.max(...(await waitsOfTen(rig, receiver)))).toBeLessThan(AT_ONCE_MS);
  for (const id of ids) expect(await rig.ended(id, 40_000)).toMatchObject({ state: 'delivered' });
  expect(arrived.length).toBe(COUNT);
  expect(Math.min(...arrived)).toBeGreaterThanOrEqual(8_000_000);
  expect(most * 8_000_000).toBeLessThanOrEqual(128 * 2 ** 20);
}, 90_000);
