// Strangers who write thousands of requests and read no answer, at the real program.
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { freshDatabase } from '../rig/postgres.ts';
import { type Served, serve } from '../rig/process.ts';
import { openRaw, type Raw } from '../rig/raw.ts';

let folder: string;
let database: Awaited<ReturnType<typeof freshDatabase>>;
let server: Served;
let opened: Raw[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-pipelined-'));
  database = await freshDatabase();
  server = await serve(folder, { DATABASE_URL: database.url });
});
afterEach(() => {
  for (const { socket } of opened) socket.destroy();
  opened = [];
});
afterAll(async () => {
  server.child.kill('SIGTERM');
  await server.exited;
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

const megabytes = () => {
  const status = readFileSync(`/proc/${server.child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1_000;
};
const descriptors = () => readdirSync(`/proc/${server.child.pid}/fd`).length;

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
    most = Math.max(most, megabytes());
    await pause(10);
  }
  return { slowest, most };
}

const ASSET = /src="\.(\/assets\/[^"]+\.js)"/;

/** Sends it all, in pieces as large as the server takes them; nobody reads. */
async function flood(connections: number, requests: number, request: string): Promise<void> {
  opened = await Promise.all(
    Array.from({ length: connections }, () => openRaw(server.url, { reads: false })),
  );
  for (const { socket } of opened) socket.write(request.repeat(requests));
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
    const before = { megabytes: megabytes(), descriptors: descriptors() };
    await flood(connections, requests, `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
    const { slowest, most } = await slowestHealth(pause(1_500));
    expect(most - before.megabytes).toBeLessThan(100);
    expect(slowest).toBeLessThan(200 + calm.slowest);
    // The connections themselves, and the one that asks for health.
    expect(descriptors()).toBeLessThan(before.descriptors + connections + 5);
    for (const { socket } of opened) socket.destroy();
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
