// A database that has gone silent (stopped, or behind a network that swallows everything): what needs no key says so
// within 2 s, however many ask.
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { type Api, startApi } from '../rig/api.ts';
import { startProxy, type TcpProxy } from '../rig/proxy.ts';

let proxy: TcpProxy;
let database: Database;
let api: Api;
let url: string;
beforeAll(async () => {
  const behind = new URL(inject('postgres'));
  proxy = await startProxy(Number(behind.port));
  behind.port = String(proxy.port);
  database = openDatabase({ connectionString: behind.href, size: 5, onError: () => {} });
  api = await startApi({ db: database.db });
  url = await api.server.listen({ host: '127.0.0.1', port: 0 });
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  proxy.setMode('silent');
});
afterAll(async () => {
  // Ends what still waits for an answer.
  proxy.cut('rst');
  await proxy.close();
  await api.stop();
  await database.close();
});

async function ask(path: string) {
  const started = performance.now();
  const response = await fetch(`${url}${path}`);
  const text = await response.text();
  const retryAfter = response.headers.get('retry-after');
  return { status: response.status, text, retryAfter, ms: performance.now() - started };
}

const hundred = (path: string) => Promise.all(Array.from({ length: 100 }, () => ask(path)));
/** What this machine makes at this moment of a hundred requests that need nothing. */
const calm = async () => Math.max(...(await hundred('/healthz')).map(({ ms }) => ms));

test('/readyz says 503 within 2 s, to a hundred at once, over one connection', async () => {
  const most = 2_000 + (await calm());
  const answers = await hundred('/readyz');
  for (const { status, text, ms, retryAfter } of answers) {
    expect([status, JSON.parse(text).error.reason, retryAfter]).toEqual([503, 'not_ready', '5']);
    expect(ms).toBeLessThan(most);
  }
  expect(proxy.open).toBe(1);
});

test('/metrics says within 2 s that the database is away', async () => {
  const most = 2_000 + (await calm());
  const { status, text, ms } = await ask('/metrics');
  expect(status).toBe(200);
  expect(text).toContain('ringback_database_up 0');
  expect(text).not.toContain('ringback_jobs{');
  expect(ms).toBeLessThan(most);
});

test.each(['/health', '/healthz', '/openapi.json', '/docs', '/'])('%s needs no database', async (path) => {
  const { status, ms } = await ask(path);
  expect(status).toBe(200);
  expect(ms).toBeLessThan(1_000);
});
