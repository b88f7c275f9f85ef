// The commands as a person runs them: real processes, their output and their exit codes.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SETTINGS } from '../../src/settings.ts';
import { generateSecret, sign } from '../../src/signature.ts';
import { startReceiver } from '../rig/receiver.ts';

const BINARY = fileURLToPath(new URL('../../src/cli/ringback.ts', import.meta.url));
const CLIP = fileURLToPath(new URL('../fixtures/jfk.wav', import.meta.url));
const WORDS = 'ask what you can do for your country';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Ran = { code: number; stdout: string; stderr: string };

function run(args: string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [BINARY, ...args],
      { cwd: folder, env: { PATH: process.env.PATH, RINGBACK_DATA_DIR: join(folder, 'data'), ...env } },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    );
  });
}

test('demo: the main job, start to finish', async () => {
  const { code, stdout, stderr } = await run(['demo']);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain('signature valid');
  expect(stdout.toLowerCase().replaceAll(/[^a-z ]/g, '')).toContain(WORDS);
  expect(stdout).toMatch(/POST \/hooks\/stt\?job=demo\n[\s\S]*webhook-signature: v1,/);
}, 120_000);

test('transcribe: a file as text, JSON and captions; a URL; and a sentence for what is none', async () => {
  const text = await run(['transcribe', CLIP]);
  expect([text.code, text.stderr]).toEqual([0, '']);
  expect(text.stdout.toLowerCase()).toContain(WORDS);
  const json = JSON.parse((await run(['transcribe', CLIP, '--format', 'json'])).stdout);
  expect(json.metadata.audio_duration).toBe(11);
  expect((await run(['transcribe', CLIP, '--format', 'srt'])).stdout).toMatch(
    /^1\n00:00:0\d,\d{3} --> 00:00:0\d,\d{3}\n/,
  );
  expect((await run(['transcribe', CLIP, '--format', 'vtt'])).stdout).toMatch(/^WEBVTT\n/);

  const host = await startReceiver({ respond: { status: 404 } });
  const missing = await run(['transcribe', `${host.url}/x.wav`], { RINGBACK_ALLOW_NETWORKS: '127.0.0.0/8' });
  await host.close();
  expect(missing).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^ringback: .*404/) });
  expect(await run(['transcribe', 'nowhere.wav'])).toMatchObject({
    code: 1,
    stderr: 'ringback: nowhere.wav is not a file: give a media file or an http(s) URL\n',
  });
}, 120_000);

test('transcribe: several, some at a time; one that fails stops none; a file each where asked for', async () => {
  const other = fileURLToPath(new URL('../fixtures/speech/all-circuits-busy-now.wav', import.meta.url));
  const several = await run(['transcribe', CLIP, 'nowhere.wav', other, '--jobs', '2']);
  expect(several).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^ringback: nowhere.wav: nowhere.wav is not a file/),
  });
  expect(several.stdout).toMatch(new RegExp(`==> ${CLIP} <==\n[^\n]*\n?.*country`, 'is'));
  expect(several.stdout).toContain(`==> ${other} <==\n`);
  const lines = (await run(['transcribe', CLIP, other, '--format', 'json'])).stdout.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).file)).toEqual([CLIP, other]);
  expect((await run(['transcribe', CLIP, other, '--format', 'srt'])).stderr).toMatch(/need --to FOLDER/);
  expect((await run(['transcribe', CLIP, other, '--format', 'srt', '--to', 'captions'])).code).toBe(0);
  for (const name of ['jfk.wav.srt', 'all-circuits-busy-now.wav.srt'])
    expect(await readFile(join(folder, 'captions', name), 'utf8')).toMatch(/^1\n00:00:0/);
}, 120_000);

test('transcribe -: standard input; and a track that is not there', async () => {
  const child = spawn('sh', ['-c', `"${process.execPath}" "${BINARY}" transcribe - < "${CLIP}"`], {
    cwd: folder,
    env: { PATH: process.env.PATH, RINGBACK_DATA_DIR: join(folder, 'data') },
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  expect((await once(child, 'close'))[0]).toBe(0);
  expect(said.toLowerCase()).toContain(WORDS);
  const clip = fileURLToPath(new URL('../fixtures/formats/clip.m4a', import.meta.url));
  expect(await run(['transcribe', clip, '--audio-track', '2'])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/audio_track is 2, but the file has only one audio track/),
  });
  expect((await run(['transcribe', clip, '--audio-track', 'two'])).stderr).toMatch(/number from 1/);
  expect((await run(['transcribe', clip, '--channels', 'stereo'])).stderr).toMatch(/mono, separate/);
}, 120_000);

test('keys: made, listed without their secret, revoked', async () => {
  const made = await run(['keys', 'create', 'laptop']);
  expect([made.code, made.stdout]).toEqual([0, expect.stringMatching(/^rb_[\w-]{27}\n$/)]);
  const key = made.stdout.trim();
  const listed = await run(['keys', 'list']);
  expect(listed.stdout).toMatch(
    /^ID .*\n[0-9a-f-]{36} {2}rb_[\w-]{5}… {2}active {2}never {6}laptop {2}laptop\n$/,
  );
  expect(listed.stdout).not.toContain(key);
  const id = /^[0-9a-f-]{36}/m.exec(listed.stdout)?.[0] ?? '';
  expect((await run(['keys', 'revoke', id])).stdout).toBe('revoked\n');
  expect((await run(['keys', 'list'])).stdout).toContain('revoked');
  expect(await run(['keys', 'revoke', id])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no active key'),
  });
}, 60_000);

test('doctor: a line a check; the failing one makes it exit 1', async () => {
  const well = await run(['doctor']);
  expect(well.stdout).toMatch(/^ok {4}node {6}v\d+/);
  for (const name of ['disk', 'database', 'clock', 'model'])
    expect(well.stdout).toMatch(new RegExp(`^ok {4}${name} `, 'm'));
  expect(well.code).toBe(0);
  const ill = await run(['doctor'], {
    DATABASE_URL: 'postgres://u:s3cret@127.0.0.1:1/x',
    RINGBACK_MODEL: 'no-such-model',
  });
  expect(ill.code).toBe(1);
  expect(ill.stdout).toMatch(/^FAIL {2}database /m);
  expect(ill.stdout).toMatch(/^FAIL {2}model .*RINGBACK_MODEL/m);
  expect(ill.stdout).not.toContain('s3cret');
}, 60_000);

test('listen: verifies, shows, answers as told', async () => {
  const secret = generateSecret();
  const child = spawn(process.execPath, [
    BINARY,
    'listen',
    '--port',
    '0',
    '--secret',
    secret,
    '--status',
    '503',
  ]);
  const lines: string[] = [];
  const came = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<string>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    const url = /listening on (\S+),/.exec(line)?.[1];
    if (url) ready.resolve(url);
    if (line.startsWith('signature')) came.resolve();
  });
  const body = '{"id":"x","event":"success"}';
  const now = Math.floor(Date.now() / 1_000);
  const response = await fetch(`${await ready.promise}/hooks?a=1`, {
    method: 'PUT',
    body,
    headers: {
      'content-type': 'application/json',
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(now),
      'webhook-signature': sign([secret], 'msg_1', now, body),
    },
  });
  await came.promise;
  child.kill('SIGINT');
  expect(response.status).toBe(503);
  expect(lines).toContain('PUT /hooks?a=1');
  expect(lines).toContain('signature valid');
  expect(await once(child, 'exit')).toEqual([0, null]);
}, 30_000);

test('serve --help names every setting; a bad setting, flag or .env line is refused by name', async () => {
  const help = await run(['serve', '--help']);
  for (const { variable } of SETTINGS) expect(help.stdout).toContain(variable);
  expect(await run(['serve', '--port', 'many'])).toMatchObject({
    code: 1,
    stderr: 'ringback: RINGBACK_PORT: "many" is not a whole number from 0 to 65535\n',
  });
  await writeFile(join(folder, '.env'), 'RINGBACK_WORKERS=0\nRINGBACK_PROT=1\n');
  const { code, stderr } = await run(['serve']);
  await rm(join(folder, '.env'));
  expect(code).toBe(1);
  expect(stderr).toMatch(/RINGBACK_WORKERS: .*\n.*RINGBACK_PROT: there is no such setting/);
}, 30_000);
