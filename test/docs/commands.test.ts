// Every command that README and docs show is run as it stands there, and prints what they say; those that cannot be are named
// below with the reason.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { API_KEY, type App, startApp } from '../rig/app.ts';
import { eventually } from '../rig/eventually.ts';
import { startReceiver } from '../rig/receiver.ts';
import { type Block, blocksOf, missing } from './console.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Where a page's blocks run otherwise, or what they need that a test has not. */
const NOT_RUN = new Map([
  ['docs/observability.md', 'needs a collector: test/tracing starts the server with one'],
  [
    'docs/operations.md',
    'systemd, docker, kubectl and root; test/package has the package and the files of deploy',
  ],
  ['docs/receivers.md', 'the examples run in test/receivers'],
  ['docs/speech.md', 'a bench with espeak-ng'],
]);

let folder: string;
const children: ChildProcess[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-docs-'));
});
afterAll(async () => {
  for (const child of children) if (child.exitCode === null) child.kill();
  await rm(folder, { recursive: true, force: true });
});

const pageOf = (name: string) => readFile(join(ROOT, name), 'utf8');

async function blocksIn(name: string): Promise<Block[]> {
  const blocks = blocksOf(await pageOf(name));
  expect(blocks.length, name).toBeGreaterThan(0);
  return blocks;
}

/** One shell for all of them, as a reader has it: the commands' outputs, in order. */
function shell(commands: readonly string[], env: Record<string, string>): Promise<string[]> {
  const script = commands.map((text) => `${text}\nprintf '\\n%s\\n' "$MARK"`).join('\n');
  const MARK = 'here-ends-what-it-printed';
  return new Promise((resolve, reject) => {
    execFile(
      'sh',
      ['-c', script],
      { cwd: ROOT, env: { PATH: process.env.PATH, HOME: folder, MARK, ...env } },
      (error, stdout, stderr) => {
        if (error || stderr !== '') return reject(new Error(`${stderr || error}\n${stdout}`));
        resolve(stdout.split(`\n${MARK}\n`).slice(0, -1));
      },
    );
  });
}

function expectPrinted(page: string, block: Block, printed: readonly string[]): void {
  for (const [index, { text, prints }] of block.commands.entries())
    expect(
      missing(prints, printed[index] ?? ''),
      `${page}, block at line ${block.line}: "${text}" printed:\n${printed[index]}`,
    ).toBeNull();
}

test('every page with commands is run, or named with the reason', async () => {
  const pages = [
    'README.md',
    ...(await readdir(join(ROOT, 'docs')))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  const found: string[] = [];
  for (const page of pages) if (blocksOf(await pageOf(page)).length > 0) found.push(page);
  expect(found.sort()).toEqual(
    [
      'README.md',
      'docs/api.md',
      'docs/callbacks.md',
      'docs/inboxes.md',
      'docs/openai.md',
      ...NOT_RUN.keys(),
    ].sort(),
  );
});

test('README: the demo, and the quick start from the first command to the callback', {
  timeout: 120_000,
}, async () => {
  const [demo, start, submit, look, ...more] = (await blocksIn('README.md')) as [Block, Block, Block, Block];
  expect(more).toEqual([]);
  // What is installed is what this test runs from.
  const [ran] = demo.commands.map(({ text }) => text.replace('npm ci && npm run', 'npm run -s'));
  expectPrinted('README.md', demo, await shell([ran as string], {}));

  const server = onTerminal(start.commands[0]?.text ?? '');
  const screen = await server.shows(/API key {5}rb_[\s\S]*result_url\?wait/);
  expectPrinted('README.md', start, [screen]);
  const [, url = ''] = /listens at (\S+)/.exec(screen) ?? [];
  const [, key = ''] = /API key {5}(\S+)/.exec(screen) ?? [];
  const typed = (block: Block) =>
    block.commands.map(({ text }) => text.replaceAll('http://127.0.0.1:4747', url).replaceAll('rb_…', key));
  expectPrinted('README.md', submit, await shell(typed(submit), {}));
  await server.shows(/callback attempted/);
  expectPrinted('README.md', look, await shell(typed(look), { RINGBACK_URL: url, RINGBACK_API_KEY: key }));
  await server.end();
});

/** On a port that is free, in a folder that is new. */
function onTerminal(command: string) {
  const child = spawn('script', ['-qfec', command, '/dev/null'], {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      TERM: 'xterm',
      NO_COLOR: '1',
      RINGBACK_PORT: '0',
      RINGBACK_DATA_DIR: join(folder, 'data'),
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  children.push(child);
  const exited = once(child, 'exit');
  let screen = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text.replaceAll('\r', '');
  });
  return {
    shows: (pattern: RegExp) =>
      eventually(
        async () => screen,
        (shown) => pattern.test(shown),
        30_000,
      ),
    async end() {
      child.stdin.write('\u0003');
      await exited;
    },
  };
}

test('docs/inboxes.md: listen --forward, and the calls of the API', { timeout: 120_000 }, async () => {
  const app = await startApp({ RINGBACK_RETRY_SCHEDULE: '0s,100ms', RINGBACK_ROLE: 'api,deliver' });
  const statuses = [200, 413, 204];
  const program = await startReceiver({ respond: () => ({ status: statuses.shift() ?? 500 }) });
  const [listen, ...calls] = (await blocksIn('docs/inboxes.md')) as [Block, ...Block[]];
  const place = (text: string) =>
    text
      .replaceAll('https://stt.example.org', app.url)
      .replaceAll('rb_…', API_KEY)
      .replaceAll('http://localhost:3000', program.url);

  const child = spawn(
    'sh',
    [
      '-c',
      `exec ${place(listen.commands[1]?.text ?? '').replace('npm run -s ringback --', 'node src/cli/ringback.ts')}`,
    ],
    {
      cwd: ROOT,
      env: {
        PATH: process.env.PATH,
        RINGBACK_URL: app.url,
        RINGBACK_API_KEY: API_KEY,
        HOSTNAME: 'my-laptop',
      },
    },
  );
  children.push(child);
  let printed = '';
  const read = (stream: NodeJS.ReadableStream) =>
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  read(child.stdout);
  read(child.stderr);
  const shows = (pattern: RegExp) =>
    eventually(
      async () => printed,
      (now) => pattern.test(now),
    );
  await shows(/try it with/);
  for (const status of [/ {2}200 {2}/, / {2}204 {2}/]) {
    await shell(['npm run -s ringback -- trigger success'], {
      RINGBACK_URL: app.url,
      RINGBACK_API_KEY: API_KEY,
    });
    await shows(status);
  }
  expectPrinted('docs/inboxes.md', listen, ['', printed.replaceAll(/listen [\w.-]+/g, 'listen my-laptop')]);
  child.kill('SIGINT');
  await once(child, 'exit');

  await answered(app, calls, place);
  await program.close();
  await app.stop();
});

test.each(['docs/api.md', 'docs/callbacks.md', 'docs/openai.md'])(
  '%s: what is called answers',
  { timeout: 120_000 },
  async (page) => {
    const app = await startApp({ RINGBACK_MODEL: 'moonshine-tiny' });
    const clip = await readFile(new URL('../fixtures/jfk.wav', import.meta.url));
    const upload = await app.upload(clip, 'jfk.wav');
    const receiver = await startReceiver({ respond: { status: 500 } });
    const job = await app.call('POST', '/v2/pre-recorded', {
      audio_url: upload.json.audio_url,
      callback: true,
      callback_config: { url: receiver.url },
    });
    await app.ended(job.json.id);
    const endpoint = await app.call('GET', '/api/endpoints');
    await answered(
      app,
      await blocksIn(page),
      (text) =>
        text
          .replaceAll('https://stt.example.org', app.url)
          .replaceAll('5f0c9a1e-…', endpoint.json.items[0].id),
      { KEY: API_KEY, ID: job.json.id },
    );
    await receiver.close();
    await app.stop();
  },
);

/** Each is asked for its status too: a refusal is an answer with a body of its own. */
async function answered(
  app: App,
  blocks: readonly Block[],
  place: (text: string) => string,
  env: Record<string, string> = {},
): Promise<void> {
  for (const { commands } of blocks)
    for (const { text } of commands) {
      const command = place(text).replaceAll(/\bcurl /g, "curl -sS -w '\\n%{http_code}' ");
      const [printed = ''] = await shell([command], {
        RINGBACK_URL: app.url,
        RINGBACK_API_KEY: API_KEY,
        ...env,
      });
      if (text.includes('curl ')) expect(printed, text).toMatch(/\n20\d$/);
      else expect(printed, text).not.toBe('');
    }
}

test('control: a line that is not printed, or stands elsewhere, is found', () => {
  expect(missing(['a', 'b'], 'a\nx\nb')).toBeNull();
  expect(missing(['b', 'a'], 'a\nb')).toBe('a');
  expect(missing(['delivered  200'], 'delivered  500')).toBe('delivered 200');
  expect(missing(['{"id":"…","url":"…", …}'], '{"id":"1","url":"2", "more":3}')).toBeNull();
  expect(missing(['{"id":"…","url":"…", …}'], '{"id":"1"}')).not.toBeNull();
});
