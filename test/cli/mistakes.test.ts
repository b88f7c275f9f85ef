// What a person reads when a command is mistaken: every command that calls a server, with a flag that is none, without a
// server, with a wrong key, and at servers of other kinds. One sentence each, and nothing of the far end that would command
// the terminal.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type App, startApp } from '../rig/app.ts';

const BINARY = fileURLToPath(new URL('../../src/cli/ringback.ts', import.meta.url));
const CLIP = fileURLToPath(new URL('../fixtures/jfk.wav', import.meta.url));
const ID = '00000000-0000-4000-8000-000000000000';

/** Each as a person would type it; those of one noun together. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  submit: [`submit ${CLIP}`, 'submit https://media.example/a.wav --wait'],
  transcriptions: [
    'transcriptions list',
    'transcriptions list --json',
    `transcriptions show ${ID}`,
    'transcriptions show 0000',
    `transcriptions cancel ${ID}`,
    `transcriptions delete ${ID}`,
    'transcriptions export',
    'transcriptions export folder',
  ],
  callbacks: [
    'callbacks list',
    `callbacks show ${ID}`,
    `callbacks body ${ID}`,
    `callbacks resend ${ID}`,
    `callbacks cancel ${ID}`,
    'callbacks cancel --state pending',
    'callbacks replay --state failed',
  ],
  endpoints: [
    'endpoints list',
    `endpoints show ${ID}`,
    `endpoints disable ${ID}`,
    `endpoints enable ${ID}`,
    `endpoints remove ${ID}`,
  ],
  inboxes: ['inboxes list', 'inboxes create a', 'inboxes show a', 'inboxes requests a', 'inboxes remove a'],
  webhooks: [
    'webhooks list',
    'webhooks create https://app.example.org/hook --events transcription.success',
    `webhooks show ${ID}`,
    `webhooks pause ${ID}`,
    `webhooks resume ${ID}`,
    `webhooks test ${ID}`,
    `webhooks rotate ${ID}`,
    `webhooks delete ${ID}`,
  ],
  audit: ['audit'],
  replays: ['replays list', `replays show ${ID}`, `replays cancel ${ID}`],
  secrets: ['secrets list', 'secrets rotate'],
  tail: ['tail'],
  trigger: ['trigger success --inbox a'],
  listen: ['listen --forward http://127.0.0.1:1/hook'],
};
const ALL = Object.values(COMMANDS).flat();
/** They wait for a server that is not there yet. */
const PATIENT = /^(tail|listen)/;
/** What would move the cursor, change the title or the colour, or turn the writing around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are looked for
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

type Ran = { code: number; stdout: string; stderr: string };

let folder: string;
let app: App;
const servers: Server[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-mistakes-'));
  app = await startApp();
}, 60_000);
afterAll(async () => {
  for (const server of servers) server.close();
  await app.stop();
  await rm(folder, { recursive: true, force: true });
});

function run(line: string, url: string, key = 'rb_none'): Promise<Ran> {
  const env = { PATH: process.env.PATH, XDG_CONFIG_HOME: folder, RINGBACK_URL: url, RINGBACK_API_KEY: key };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [BINARY, ...line.split(' ')],
      { cwd: folder, env, timeout: 20_000 },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    );
  });
}

/** Two at a time: each is a process. */
async function each(lines: readonly string[], look: (line: string) => Promise<void>): Promise<void> {
  const left = [...lines];
  const worker = async () => {
    for (let line = left.shift(); line !== undefined; line = left.shift()) await look(line);
  };
  await Promise.all([worker(), worker()]);
}

async function kept(server: Server): Promise<string> {
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const otherServer = (answer: RequestListener) =>
  kept(
    createServer((request, response) => {
      request.resume();
      answer(request, response);
    }),
  );

/** One sentence on standard error, nothing on standard output. */
function expectRefused(line: string, { code, stdout, stderr }: Ran, says: RegExp): void {
  expect(stderr, line).toMatch(says);
  expect(stderr.trimEnd().split('\n'), line).toHaveLength(1);
  expect(stderr, line).not.toMatch(CONTROL);
  expect([code, stdout], line).toEqual([1, '']);
}

test('none is forgotten here: every command of the help is tried, or calls no server', async () => {
  const { stdout } = await run('--help', '');
  const named = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name ?? '');
  const local = ['serve', 'demo', 'transcribe', 'keys', 'doctor', 'completion', 'help'];
  const known = [...Object.keys(COMMANDS), ...local, 'login', 'logout', 'profiles'];
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
  await each(Object.keys(COMMANDS), async (noun) => {
    const help = (await run(`${noun} --help`, '')).stdout;
    const commands = [...(help.split('Commands:')[1] ?? '').matchAll(/^ {2}([a-z]+) /gm)];
    for (const [, name] of commands)
      if (name !== 'help')
        expect(
          COMMANDS[noun]?.some((line) => line.startsWith(`${noun} ${name}`)),
          `${noun} ${name}`,
        ).toBe(true);
  });
}, 120_000);

test('a flag that is none is named, with where to look', async () => {
  await each(ALL, async (line) => {
    const { code, stdout, stderr } = await run(`${line} --colour`, app.url);
    expect(stderr, line).toMatch(/^error: unknown option '--colour'\n(\(Did you mean .*\)\n)?.*--help.*\n$/s);
    expect([code, stdout], line).toEqual([1, '']);
  });
}, 120_000);

test('no server: where it was looked for, and what to ask', async () => {
  const gone = createTcp();
  const unused = await kept(gone);
  gone.close();
  await each(
    ALL.filter((line) => !PATIENT.test(line)),
    async (line) =>
      expectRefused(
        line,
        await run(line, unused),
        /^ringback: (GET|POST|PATCH|DELETE) http:\/\/127\.0\.0\.1:\d+\/\S+ failed: ECONNREFUSED: nothing listens there; is the server running\?$/m,
      ),
  );
  expectRefused(
    'a port that fetch refuses',
    await run('endpoints list', 'http://127.0.0.1:1'),
    /failed: bad port: fetch makes no requests to this port; run the server on another$/m,
  );
}, 120_000);

test('a wrong key: which settings hold it, and how to get one', async () => {
  await each(ALL, async (line) =>
    expectRefused(
      line,
      await run(line, app.url),
      /^ringback: the API key was not accepted .*RINGBACK_API_KEY or --key; "ringback keys create NAME"/,
    ),
  );
}, 120_000);

test('a page of something else, with 200', async () => {
  const url = await otherServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>\u001b[31mWelcome</html>'),
  );
  await each(ALL, async (line) =>
    expectRefused(
      line,
      await run(line, url),
      /^ringback: .* was answered with 200, not by Ringback: check the URL/,
    ),
  );
}, 120_000);

test('lists of another kind: no stack, no file outside the folder', async () => {
  const url = await otherServer((_request, response) =>
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ items: [null, 1, { id: '../evil', status: 'done' }], next: null })),
  );
  // A body may be any JSON: nothing tells this one from ours.
  const telling = ALL.filter((line) => !line.startsWith('callbacks body'));
  await each(telling, async (line) =>
    expectRefused(
      line,
      await run(line, url),
      /^ringback: .* was answered with 200, not by Ringback: check the URL/,
    ),
  );
  const climbing = await otherServer((_request, response) =>
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(
        JSON.stringify({ id: '../evil', items: [{ id: '../evil', status: 'done' }], next: null, result: {} }),
      ),
  );
  expectRefused(
    'export',
    await run('transcriptions export folder', climbing),
    /^ringback: \.\.\/evil is no id of a transcription: is this Ringback\?/,
  );
  expect((await readdir(folder)).filter((name) => name.includes('evil'))).toEqual([]);
}, 120_000);

test('an error in our form, whose words would command the terminal: they are shown without', async () => {
  const message = '\u001b[2J\u001b]0;owned\u0007 \u202egone\u009b31m';
  const url = await otherServer((_request, response) =>
    response
      .writeHead(400, { 'content-type': 'application/json' })
      .end(JSON.stringify({ error: { reason: 'request_invalid', message } })),
  );
  await each(
    ALL.filter((line) => !line.startsWith('listen')),
    async (line) => expectRefused(line, await run(line, url), /^ringback: \ufffd\[2J\ufffd\]0;owned/),
  );
}, 120_000);

test('a redirect, and a port of another protocol: said once, also by those that wait for a server', async () => {
  const elsewhere = await otherServer((_request, response) =>
    response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
  );
  const ssh = await kept(
    createTcp((socket) => {
      socket.on('error', () => {});
      socket.write('SSH-2.0-OpenSSH_9.2\r\n');
    }),
  );
  await each(['transcriptions list', ...ALL.filter((line) => PATIENT.test(line))], async (line) => {
    expectRefused(
      line,
      await run(line, elsewhere),
      /it answers with a redirect: give the address it leads to/,
    );
    expectRefused(line, await run(line, ssh), /what answers there does not speak HTTP: check the port/);
  });
}, 60_000);
