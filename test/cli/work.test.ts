// The command line at work on a running server: audio sent and followed, what there is listed by short ids, exported, tailed;
// servers and keys kept by name.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { API_KEY, type App, startApp } from '../rig/app.ts';
import { eventually } from '../rig/eventually.ts';

const BINARY = fileURLToPath(new URL('../../src/cli/ringback.ts', import.meta.url));
const CLIP = fileURLToPath(new URL('../fixtures/speech/all-circuits-busy-now.wav', import.meta.url));
const WORDS = /circuits are busy/i;

type Ran = { code: number; stdout: string; stderr: string };

let app: App;
let folder: string;
let env: Record<string, string>;

function run(args: string[], extra: Record<string, string> = env, input?: string): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [BINARY, ...args],
      { cwd: folder, env: { PATH: process.env.PATH, HOME: folder, ...extra } },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    );
    child.stdin?.end(input);
  });
}
async function well(args: string[], extra?: Record<string, string>, input?: string): Promise<string> {
  const { code, stdout, stderr } = await run(args, extra, input);
  expect([code, code === 0 ? '' : stderr], args.join(' ')).toEqual([0, '']);
  return stdout;
}
const shell = (command: string): Promise<Ran> =>
  new Promise((resolve) => {
    execFile(
      'bash',
      ['-c', command.replaceAll('ringback ', `"${process.execPath}" "${BINARY}" `)],
      { cwd: folder, env: { PATH: process.env.PATH, HOME: folder, ...env } },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    );
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-work-'));
  app = await startApp({ RINGBACK_MODEL: 'moonshine-tiny', RINGBACK_RETRY_SCHEDULE: '0s,1s' });
  env = { RINGBACK_URL: app.url, RINGBACK_API_KEY: API_KEY };
}, 60_000);
afterAll(async () => {
  await app?.stop();
  await rm(folder, { recursive: true });
});

test('submit: an id; its words; everything that happens, to an inbox that it makes; what failed says why', async () => {
  const id = (await well(['submit', CLIP])).trim();
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect(await well(['submit', CLIP, '--wait'])).toMatch(WORDS);
  expect(await well(['submit', CLIP, '--wait', '--format', 'srt'])).toMatch(/^1\n00:00:0/);

  const followed = await run(['submit', CLIP, '--inbox', 'mine', '--metadata', 'order=A-17', '--follow']);
  expect(followed).toMatchObject({ code: 0, stdout: expect.stringMatching(WORDS) });
  expect(followed.stderr).toMatch(/accepted\n[\s\S]*attempt 1, 200 after \d+ ms\n[\s\S]*: delivered\n$/);
  expect(await well(['inboxes', 'requests', 'mine'])).toMatch(/^NUMBER .*\n1 .*POST/);

  const piped = await shell(`ringback submit - --name call.wav --wait --json < "${CLIP}"`);
  expect(JSON.parse(piped.stdout)).toMatchObject({ status: 'done', file: { filename: 'call.wav' } });

  expect(await run(['submit', 'nowhere.wav'])).toMatchObject({
    code: 1,
    stderr: 'ringback: nowhere.wav is not a file: give a media file or an http(s) URL\n',
  });
  expect(await run(['submit', `${app.url}/none.wav`, '--wait'])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/ringback: transcription [0-9a-f-]{36} failed: ./),
  });
  for (const args of [
    ['--metadata', 'order'],
    ['--with', 'subtitles'],
    ['--format', 'doc'],
  ])
    expect((await run(['submit', CLIP, ...args])).stderr).toMatch(new RegExp(`error: option '${args[0]}`));
}, 120_000);

test('lists, short ids and cancelling: transcriptions, callbacks, replays, secrets', async () => {
  const listed = await well(['transcriptions', 'list', '--metadata', 'order=A-17']);
  expect(listed).toMatch(/^ID +STATUS +CREATED +SECONDS +FILE +METADATA +ERROR\n[0-9a-f-]{36} +done .*A-17/);
  const [job] = JSON.parse(await well(['transcriptions', 'list', '--metadata', 'order=A-17', '--json']));
  const short = job.id.slice(0, 8);
  expect(await well(['transcriptions', 'show', short])).toMatch(WORDS);
  expect(await well(['transcriptions', 'show', short, '--format', 'vtt'])).toMatch(/^WEBVTT\n/);
  const [callback] = JSON.parse(await well(['callbacks', 'list', '--transcription', short, '--json']));
  expect(await well(['callbacks', 'show', callback.id.slice(0, 6)])).toContain(callback.id);
  expect(JSON.parse(await well(['callbacks', 'body', callback.id.slice(0, 6)]))).toMatchObject({
    id: job.id,
  });
  for (const [args, sentence] of [
    [
      ['transcriptions', 'show', 'zzzz'],
      /zzzz is no id: give it as listed, or its first four digits or more/,
    ],
    [['transcriptions', 'show', callback.id.slice(0, 8)], /there is no transcription whose id begins with/],
    [['transcriptions', 'show', crypto.randomUUID()], /There is no such transcription/],
    [['inboxes', 'requests', 'nobody'], /there is no inbox nobody: "ringback inboxes list" shows them/],
  ] as [string[], RegExp][])
    expect((await run(args)).stderr, args.join(' ')).toMatch(sentence);

  expect(await well(['callbacks', 'replay', '--transcription', short])).toMatch(/1 matched, 1 resent/);
  const replay = JSON.parse(await well(['replays', 'list', '--json']))[0];
  expect(await well(['replays', 'show', replay.id.slice(0, 8)])).toContain(`replay ${replay.id} done`);
  const before = JSON.parse(await well(['secrets', 'list', '--json']));
  expect(JSON.parse(await well(['secrets', 'rotate', '--overlap', '60', '--json']))).toHaveLength(
    before.length + 1,
  );
  expect((await run(['secrets', 'rotate', '--overlap', 'long'])).stderr).toContain('whole seconds');
  expect(await well(['inboxes', 'remove', 'mine'])).toBe('removed mine\n');
  expect(await well(['transcriptions', 'delete', short])).toBe(`${job.id}  deleted\n`);
  expect((await run(['transcriptions', 'show', short])).code).toBe(1);
}, 120_000);

test('on a terminal a list is as wide as it, with short ids; piped into head it ends quietly', async () => {
  const narrow = await shell(
    `script -qec 'stty cols 60; "${process.execPath}" "${BINARY}" transcriptions list' /dev/null`,
  );
  const lines = narrow.stdout.replaceAll('\r', '').trimEnd().split('\n');
  expect(lines.length).toBeGreaterThan(2);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(60);
  expect(lines[1]).toMatch(/^[0-9a-f]{8} {2}/);
  const cut = await shell('set -o pipefail; ringback transcriptions list --json | head -c 10');
  expect([cut.code, cut.stderr]).toEqual([0, '']);
}, 60_000);

test('export: a file each, whole; once more, only what is missing; JSON lines without a folder', async () => {
  const [first] = JSON.parse(
    await well(['transcriptions', 'list', '--status', 'done', '--json', '--limit', '1']),
  );
  const counted = await run(['transcriptions', 'export', 'words', '--format', 'text']);
  const files = await readdir(join(folder, 'words'));
  expect(counted.stderr).toContain(`${files.length} written, 0 there already`);
  expect(await readFile(join(folder, 'words', `${first.id}.txt`), 'utf8')).toMatch(WORDS);
  await rm(join(folder, 'words', `${first.id}.txt`));
  await writeFile(join(folder, 'words', `${first.id}.txt.part`), 'half');
  expect((await run(['transcriptions', 'export', 'words', '--format', 'text'])).stderr).toContain(
    `1 written, ${files.length - 1} there already`,
  );
  expect((await readdir(join(folder, 'words'))).sort()).toEqual(files.sort());
  const lines = (await well(['transcriptions', 'export', '--status', 'done'])).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).id)).toContain(first.id);
}, 60_000);

test('tail: each change as it happens', async () => {
  const child: ChildProcess = spawn(process.execPath, [BINARY, 'tail'], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
  });
  let shown = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  // The stream is open when something shows up.
  await eventually(
    async () => {
      await well(['submit', CLIP, '--wait']);
      return shown;
    },
    (text) => /transcription {2}[0-9a-f-]{36} {2}done/.test(text),
    30_000,
  );
  child.kill('SIGINT');
  await once(child, 'exit');
  expect((await run(['tail'], { ...env, RINGBACK_API_KEY: 'wrong' })).stderr).toMatch(
    /the API key was not accepted/,
  );
}, 60_000);

test('login: a key that works is kept, for its own server alone, and read by its owner alone', async () => {
  const home = { XDG_CONFIG_HOME: join(folder, 'config') };
  const refused = await run(['login', app.url], home, 'wrong\n');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/the API key was not accepted/)]);
  expect((await run(['endpoints', 'list'], home)).stderr).toMatch(
    /^ringback: no API key: set RINGBACK_API_KEY, or give --key, or keep one with "ringback login"/,
  );
  const kept = await run(['login', app.url, '--profile', 'work'], home, `${API_KEY}\n`);
  expect(kept).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('kept as "work"') });
  const file = join(home.XDG_CONFIG_HOME, 'ringback', 'profiles.json');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await well(['endpoints', 'list'], home)).toBeTruthy();
  expect(await well(['profiles'], home)).toMatch(new RegExp(`\\* {2}work +${app.url}\n`));
  expect(await well(['profiles'], home)).not.toContain(API_KEY);

  const seen: unknown[] = [];
  const other = createServer((request, response) => {
    seen.push(request.headers['x-gladia-key']);
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(other, 'listening');
  const elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  expect((await run(['endpoints', 'list', '--url', elsewhere], home)).stderr).toMatch(/no API key/);
  expect((await run(['endpoints', 'list'], { ...home, RINGBACK_URL: elsewhere })).stderr).toMatch(
    /no API key/,
  );
  expect(seen).toEqual([]);
  other.close();

  expect((await run(['endpoints', 'list', '--profile', 'home'], home)).stderr).toMatch(
    /there is no profile home: "ringback login --profile home URL" makes it/,
  );
  expect((await run(['logout'], home)).stderr).toContain('forgot "work"');
  expect((await run(['endpoints', 'list'], home)).stderr).toMatch(/no API key/);
  await writeFile(file, '{');
  await chmod(file, 0o600);
  expect((await run(['profiles'], home)).stderr).toMatch(
    /profiles\.json is not the JSON it was written as: mend it/,
  );
}, 60_000);

test('completion: each shell reads its script; bash completes commands, flags and choices', async () => {
  for (const name of ['bash', 'zsh', 'fish'])
    expect(await well(['completion', name])).toContain('transcriptions');
  await writeFile(join(folder, 'complete.bash'), await well(['completion', 'bash']));
  const complete = async (...typed: string[]) => {
    const { stdout, stderr } = await shell(
      `source complete.bash; COMP_WORDS=(${typed.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${typed.length - 1}; _ringback; echo "\${COMPREPLY[*]}"`,
    );
    expect(stderr).toBe('');
    return stdout.trim().split(' ');
  };
  expect(await complete('ringback', 'tr')).toEqual(['transcriptions', 'trigger', 'transcribe']);
  expect(await complete('ringback', 'callbacks', 're')).toEqual(['resend', 'replay']);
  expect(await complete('ringback', 'callbacks', 'list', '--state', 'del')).toEqual([
    'delivering',
    'delivered',
  ]);
  expect(await complete('ringback', 'callbacks', 'show', '1ea8', '--j')).toEqual(['--json']);
}, 60_000);
