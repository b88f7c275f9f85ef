// `ringback listen` on its own, as a person runs it: what it answers, what it checks with, and what it prints.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { generateSecret, sign } from '../../src/signature.ts';
import { type Api, startApi } from '../rig/api.ts';
import { eventually } from '../rig/eventually.ts';
import { type Program, startProgram } from '../rig/program.ts';

const BINARY = fileURLToPath(new URL('../../src/cli/ringback.ts', import.meta.url));
const BODY = '{"id":"x","event":"success"}';

let api: Api;
let server: string;
let program: Program;
beforeAll(async () => {
  api = await startApi({ serverSecrets: [] });
  server = await api.server.listen({ port: 0 });
});
afterEach(() => program.stop());
afterAll(() => api.stop());

async function listen(args: string[], env: Record<string, string> = {}): Promise<string> {
  program = startProgram({
    command: process.execPath,
    args: [BINARY, 'listen', '--port', '0', ...args],
    env,
  });
  const line = await program.line(/listening on /);
  return /listening on (\S+),/.exec(line)?.[1] ?? '';
}

function send(
  url: string,
  secret: string | null,
  body: string | Buffer = BODY,
  headers: Record<string, string> = {},
) {
  const now = Math.floor(Date.now() / 1_000);
  return fetch(`${url}/hook`, {
    method: 'POST',
    body: typeof body === 'string' ? body : new Uint8Array(body),
    headers: {
      ...(secret !== null && {
        'webhook-id': 'msg_1',
        'webhook-timestamp': String(now),
        'webhook-signature': sign([secret], 'msg_1', now, BODY),
      }),
      ...headers,
    },
  });
}

const signing = async () => (await api.call({ url: '/api/signing-secrets' })).json.items[0].secret as string;

test('500, 500, 200 and 200 again, each late, with Retry-After while it fails; 413 over the limit', async () => {
  const url = await listen([
    '--status',
    '500,500,200',
    '--delay',
    '80ms',
    '--retry-after',
    '7',
    '--limit',
    '1kb',
  ]);
  const statuses = [];
  for (let count = 0; count < 4; count++) {
    const started = performance.now();
    const { status, headers } = await send(url, null);
    expect(performance.now() - started).toBeGreaterThanOrEqual(79);
    statuses.push([status, headers.get('retry-after')]);
  }
  expect(statuses).toEqual([
    [500, '7'],
    [500, '7'],
    [200, null],
    [200, null],
  ]);
  expect((await send(url, null, 'x'.repeat(1_001))).status).toBe(413);
  await program.line('REFUSED: the body has more than 1000 bytes');
  expect(await program.line(/answered 500/)).toMatch(/^\d\d:\d\d:\d\d {2}answered 500$/);
}, 30_000);

test("the account's secrets by the API key, also after a rotation; gzip is unpacked", async () => {
  const url = await listen([], { RINGBACK_URL: server, RINGBACK_API_KEY: api.key });
  await program.line("signatures: checked with the account's secrets");
  const packed = gzipSync(BODY);
  await send(url, await signing(), packed, { 'content-encoding': 'gzip' });
  await program.line('signature valid');
  await program.line('  "event": "success"');
  await send(url, generateSecret());
  await program.line('signature INVALID: No matching signature found');
  await api.call({ method: 'POST', url: '/api/signing-secrets/rotate', body: { overlap_seconds: 0 } });
  const rotated = await signing();
  await eventually(
    async () => {
      await send(url, rotated);
      return program.count('signature valid');
    },
    (count) => count > 1,
  );
}, 30_000);

test('a secret of the environment before the key; without either it says what would help', async () => {
  const secret = generateSecret();
  const url = await listen([], { RINGBACK_SIGNING_SECRET: `${generateSecret()},${secret}` });
  await program.line('checked with RINGBACK_SIGNING_SECRET');
  await send(url, secret);
  await program.line('signature valid');
  await program.stop();
  await listen([]);
  await program.line('not checked (give --secret, or the API key in RINGBACK_API_KEY)');
  await program.stop();
  await listen([], { RINGBACK_URL: 'http://127.0.0.1:1', RINGBACK_API_KEY: 'rb_x' });
  await program.line(/not checked \(GET http:\/\/127\.0\.0\.1:1\/api\/signing-secrets failed: /);
}, 30_000);

test('what far ends send commands no terminal, and is JSON when asked for', async () => {
  const evil = 'a\u001b]0;owned\u0007\u009b31m\u202e\r\nb';
  const url = await listen([]);
  await send(url, null, evil, { 'user-agent': 'x\u009by' });
  const after = await program.line('signature not checked');
  expect(after).toBe('signature not checked: no --secret given');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(program.lines.join('\n')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  await program.stop();
  const child = spawn(process.execPath, [BINARY, 'listen', '--port', '0', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const spoken = Promise.withResolvers<string>();
  createInterface({ input: child.stderr }).on('line', (line) => {
    const found = /listening on (\S+),/.exec(line)?.[1];
    if (found) spoken.resolve(found);
  });
  const first = once(createInterface({ input: child.stdout }), 'line');
  await send(await spoken.promise, null, evil);
  const [line] = (await first) as [string];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  expect(JSON.parse(line)).toMatchObject({ body: evil, status: 200, signature: null });
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([0, null]);
}, 30_000);

test('wrong flags are refused by name', async () => {
  const run = (...args: string[]) =>
    new Promise<string>((resolve) =>
      execFile(
        process.execPath,
        [BINARY, ...args],
        { env: { PATH: process.env.PATH } },
        (_error, _out, err) => resolve(err),
      ),
    );
  expect(await run('listen', '--status', '500,soon')).toMatch(/--status.*whole number from 200 to 599/s);
  expect(await run('listen', '--delay', 'soon')).toMatch(/--delay.*"soon" is not a duration/s);
  expect(await run('listen', '--limit', 'big')).toMatch(/--limit.*"big" is not a size/s);
  expect(await run('listen', '--forward', 'http://localhost:3000', '--port', '1')).toMatch(
    /cannot be used with/,
  );
  expect(await run('listen', '--forward', 'ftp://x', '--key', 'k')).toMatch(
    /--forward: "ftp:\/\/x" is not a URL/,
  );
  expect(await run('listen', '--forward', '3000')).toMatch(/no API key: set RINGBACK_API_KEY, or give --key/);
  expect(await run('trigger', 'done')).toMatch(/Allowed choices are success, error/);
  expect(await run('listen', '--forward', '3000', '--url', server, '--key', 'wrong')).toMatch(
    /^ringback: the API key was not accepted /,
  );
}, 60_000);
