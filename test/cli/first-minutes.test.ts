// What a newcomer meets: the first start on a terminal, the requests it prints, commands beside the running server, and a
// first start that fails.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

const BINARY = fileURLToPath(new URL('../../src/cli/ringback.ts', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-first-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const running: ChildProcess[] = [];
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.stdin?.write('\u0003');
    await once(child, 'exit');
  }
});

type Ran = { code: number; stdout: string; stderr: string };

function run(command: string, args: string[], env: Record<string, string>): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(
      command,
      args,
      { cwd: folder, env: { PATH: process.env.PATH, ...env } },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    );
  });
}
const ringback = (args: string[], env: Record<string, string>) =>
  run(process.execPath, [BINARY, ...args], env);

/** `ringback serve` on a terminal of its own; Ctrl-C is typed. */
function onTerminal(env: Record<string, string>) {
  const command = `'${process.execPath}' '${BINARY}' serve`;
  const child = spawn('script', ['-qfec', command, '/dev/null'], {
    cwd: folder,
    env: { PATH: process.env.PATH, TERM: 'xterm', RINGBACK_PORT: '0', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  running.push(child);
  let screen = '';
  const shown = new EventTarget();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text.replaceAll('\r', '');
    shown.dispatchEvent(new Event('more'));
  });
  const exited = once(child, 'exit');
  return {
    /** Everything so far, once it has this. */
    async sees(pattern: RegExp): Promise<string> {
      for (;;) {
        if (pattern.test(screen)) return screen;
        const more = await Promise.race([once(shown, 'more').then(() => true), exited.then(() => false)]);
        if (!more && !pattern.test(screen)) throw new Error(`ended without ${pattern}:\n${screen}`);
      }
    },
    async interrupt(): Promise<string> {
      child.stdin.write('\u0003');
      await exited;
      return screen;
    },
  };
}

test('on a terminal: address, key and requests that work; commands beside the server; a line an event', async () => {
  const data = { RINGBACK_DATA_DIR: join(folder, 'data') };
  const terminal = onTerminal(data);
  const screen = await terminal.sees(/curl -s "\$result_url.*\n/);
  const [, url = ''] = /^Ringback listens at (\S+)$/m.exec(screen) ?? [];
  const [, key = ''] = /^ {2}API key {5}(rb_\S+)$/m.exec(screen) ?? [];
  expect(screen).toContain(`  dashboard   ${url}/\n`);
  expect(screen).not.toMatch(/^\{/m);

  const typed = screen.slice(screen.indexOf('  export RINGBACK_API_KEY='));
  const answered = await run('sh', ['-c', typed.slice(0, typed.indexOf('\n\n'))], {});
  expect(answered.stderr).toBe('');
  expect(JSON.parse(answered.stdout)).toMatchObject({
    status: 'done',
    result: { transcription: { full_transcript: expect.stringMatching(/what you can do for your country/) } },
  });
  expect(await terminal.sees(/job ended/)).toMatch(/^\[\d\d:\d\d:\d\d\] .*INFO.*: .*job accepted/m);

  const listed = await ringback(['keys', 'list'], data);
  expect(listed).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining(key.slice(0, 8)) });
  const made = await ringback(['keys', 'create', 'laptop'], data);
  expect(made.stderr).toMatch(/^shown this once: key \S+ of account first \(\S+\)/);
  const seen = await ringback(['endpoints', 'list'], {
    RINGBACK_URL: url,
    RINGBACK_API_KEY: made.stdout.trim(),
  });
  expect(seen).toMatchObject({ code: 0, stderr: '' });
  const well = await ringback(['doctor'], data);
  expect(well).toMatchObject({ code: 0, stdout: expect.stringMatching(/database .*of the running server/) });
  expect(await terminal.interrupt()).toContain('stopped');

  const again = onTerminal(data);
  const later = await again.sees(/curl -s "\$result_url.*\n/);
  expect(later).toContain('the first start showed one; another: npm run -s ringback -- keys create NAME');
  expect(later).not.toContain('rb_');
}, 120_000);

test('a first start that fails keeps no key: the next one shows it', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const data = { RINGBACK_DATA_DIR: join(folder, 'failed'), RINGBACK_ROLE: 'api' };
  const failed = await ringback(['serve', '--port', String(port)], data);
  taken.close();
  expect(failed).toMatchObject({
    code: 1,
    stderr: `ringback: something listens on port ${port} already: stop it, or choose another with --port (RINGBACK_PORT)\n`,
  });
  const none = await ringback(['keys', 'list'], data);
  expect(none.stdout).toBe('none\n');
  const terminal = onTerminal(data);
  expect(await terminal.sees(/API key {5}rb_/)).toContain('shown this once');
}, 60_000);

test('accounts: a key says whose it is, a new account is asked for by name, and what is unclear is listed', async () => {
  const data = { RINGBACK_DATA_DIR: join(folder, 'accounts') };
  const create = (...args: string[]) => ringback(['keys', 'create', ...args], data);
  expect((await create('one')).stderr).toMatch(/of the new account one \(\S+\), which holds nothing yet/);
  expect((await create('two')).stderr).toMatch(/of account one \(/);
  expect((await create('three', '--new-account', 'other')).stderr).toMatch(/of the new account other \(/);
  const unclear = await create('four');
  expect(unclear.code).toBe(1);
  expect(unclear.stdout).toBe('');
  expect(unclear.stderr).toMatch(/there are 2 accounts: say whose the key is with --account/);
  expect(unclear.stderr).toMatch(/^\S{36} {2}one {4}2 {5}\d{4}-/m);
  expect((await create('four', '--account', 'other')).stderr).toMatch(/of account other \(/);
  expect((await create('four', '--account', 'nobody')).stderr).toMatch(
    /there is no account nobody\n\nACCOUNT/,
  );
  expect((await create('a', '--account', 'b', '--new-account', 'c')).stderr).toMatch(/cannot be used with/);
  const accounts = await ringback(['keys', 'accounts'], data);
  expect(accounts.stdout).toMatch(/^ACCOUNT .*\n\S{36} {2}one .*\n\S{36} {2}other {2}2 .*\n$/);
}, 60_000);

test.for<readonly [string, number, string, string]>([
  ['a page', 200, 'text/html', '<h1>It works!</h1>'],
  ['JSON of something else', 200, 'application/json', '{"ok":true}'],
  ['nothing there', 404, 'text/plain', 'Not Found'],
  ['a proxy without its server', 502, 'text/html', '<h1>Bad Gateway</h1>'],
  ['nothing at all', 200, 'application/json', ''],
] as const)(
  'a RINGBACK_URL that is no Ringback, %s: one sentence',
  { timeout: 30_000 },
  async ([, status, type, body]) => {
    const other = createServer((_, response) =>
      response.writeHead(status, { 'content-type': type }).end(body),
    );
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    for (const args of [
      ['endpoints', 'list'],
      ['callbacks', 'list'],
      ['callbacks', 'show', crypto.randomUUID()],
    ]) {
      const { code, stdout, stderr } = await ringback(args, { RINGBACK_URL: url, RINGBACK_API_KEY: 'rb_x' });
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(
        /^ringback: GET \S+ was answered with \d{3}, not by Ringback: check the URL.*\n$/,
      );
    }
    other.close();
  },
);
