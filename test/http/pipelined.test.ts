// Strangers who write thousands of requests and read no answer, at the real program.
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Served } from '../rig/process.ts';
import { openRaw } from '../rig/raw.ts';
import { type Stormed, serveStrangers } from '../rig/strangers.ts';

let strangers: Stormed;
let server: Served;
beforeAll(async () => {
  strangers = await serveStrangers();
  ({ server } = strangers);
});
afterEach(() => strangers.leave());
afterAll(() => strangers.stop());

/** The slowest answer of /healthz, asked again and again on connections of its own until `over`. */
async function slowestHealth(over: Promise<unknown>): Promise<{ slowest: number; most: number }> {
  let going = true;
  void over.then(() => {
    going = false;
  });
  let slowest = 0;
  let most = 0;
  while (going) {
    const started = performance.now();
    const response = await fetch(`${server.url}/healthz`, { headers: { connection: 'close' } });
    expect(response.status).toBe(200);
    await response.text();
    slowest = Math.max(slowest, performance.now() - started);
    most = Math.max(most, await strangers.megabytes());
    await pause(10);
  }
  return { slowest, most };
}

const ASSET = /src="\.(\/assets\/[^"]+\.js)"/;

/** Sends it all, in pieces as large as the server takes them; nobody reads. */
async function flood(connections: number, requests: number, request: string): Promise<void> {
  for (const { socket } of await strangers.open(connections, { reads: false }))
    socket.write(request.repeat(requests));
}

test.each([
  ['/openapi.json', 10, 1_600],
  ['/openapi.json', 20, 5_000],
  ['/docs/static/swagger-ui-bundle.js', 20, 5_000],
  ['a script of the dashboard', 20, 5_000],
  ['/metrics', 20, 5_000],
  ['/readyz', 20, 5_000],
  ['/no/such/route', 20, 5_000],
  ['/v2/pre-recorded', 20, 5_000],
])(
  '%s asked by %d connections, %d times each, unread: no memory, nobody waits',
  async (what, connections, requests) => {
    const page = await (await fetch(`${server.url}/`)).text();
    const path = what.startsWith('/') ? what : ASSET.exec(page)?.[1];
    // What this machine makes of it without any flood.
    const calm = await slowestHealth(pause(500));
    const before = { megabytes: await strangers.megabytes(), descriptors: await strangers.descriptors() };
    await flood(connections, requests, `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
    const { slowest, most } = await slowestHealth(pause(1_500));
    expect(most - before.megabytes).toBeLessThan(100);
    expect(slowest).toBeLessThan(200 + calm.slowest);
    // The connections themselves, and the one that asks for health.
    expect(await strangers.descriptors()).toBeLessThan(before.descriptors + connections + 5);
  },
);

test('a client that pipelines 200 requests and reads gets every answer, in order', async () => {
  const { socket, text, closed } = await openRaw(server.url);
  for (let number = 0; number < 200; number++)
    socket.write(
      `GET /nope/${number} HTTP/1.1\r\nhost: x\r\n${number === 199 ? 'connection: close\r\n' : ''}\r\n`,
    );
  await closed(10_000);
  const paths = [...text().matchAll(/"path":"\/nope\/(\d+)"/g)].map(([, number]) => Number(number));
  expect(paths).toEqual(Array.from({ length: 200 }, (_, number) => number));
});
