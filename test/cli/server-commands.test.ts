// `ringback callbacks` and `ringback endpoints`, as a person runs them, on a running server: its own data is made by real
// jobs that fail at once and by a receiver that first refuses.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { API_KEY, type App, startApp } from '../rig/app.ts';
import { eventually } from '../rig/eventually.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const BINARY = fileURLToPath(new URL('../../src/cli/ringback.ts', import.meta.url));
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

type Ran = { code: number; stdout: string; stderr: string };

let app: App;
let receiver: Receiver;
let folder: string;
let env: Record<string, string>;
const sent: string[] = [];

function run(args: string[], extra: Record<string, string> = env): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [BINARY, ...args],
      { cwd: folder, env: { PATH: process.env.PATH, ...extra } },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    );
  });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-commands-'));
  app = await startApp({ RINGBACK_RETRY_SCHEDULE: '0s', RINGBACK_WORKERS: '1' });
  env = { RINGBACK_URL: app.url, RINGBACK_API_KEY: API_KEY };
  receiver = await startReceiver({ respond: { status: 500, body: 'no \u001b[31mroom\u0007' } });
  const client = createClient({ url: app.url, key: API_KEY });
  for (let count = 0; count < 2; count += 1) {
    const { id } = await client.transcriptions.create({
      // Its own address is never called: the job ends at once.
      audio_url: `${app.url}/none.wav`,
      callback: true,
      callback_config: { url: `${receiver.url}/hooks?key=s3cret` },
    });
    const [callback] = await eventually(
      () => client.transcriptions.callbacks(id),
      (callbacks) => callbacks[0]?.state === 'failed',
    );
    sent.push(callback?.id ?? '');
  }
});
afterAll(async () => {
  await receiver.close();
  await app.stop();
  await rm(folder, { recursive: true });
});

test('callbacks list: a table, narrowed and cut; JSON when asked for', async () => {
  const all = await run(['callbacks', 'list']);
  expect([all.code, all.stderr]).toEqual([0, '']);
  const lines = all.stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^ID {2,}STATE +EVENT +ATTEMPTS +CREATED +URL +REASON$/);
  expect(lines.slice(1).map((line) => line.slice(0, 36))).toEqual(sent.toReversed());
  expect(lines[1]).toMatch(new RegExp(`failed +error +1 .*${receiver.url}/hooks\\?… `));
  expect(all.stdout).not.toContain('s3cret');

  const one = await run(['callbacks', 'list', '--state', 'failed', 'pending', '--limit', '1', '--json']);
  expect(JSON.parse(one.stdout)).toMatchObject([{ id: sent[1], state: 'failed' }]);
  expect((await run(['callbacks', 'list', '--state', 'delivered'])).stdout).toBe('none\n');
  expect(await run(['callbacks', 'list', '--state', 'lost'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Allowed choices are pending'),
  });
}, 120_000);

test('callbacks show: every attempt; what the far end wrote cannot command the terminal', async () => {
  const shown = await run(['callbacks', 'show', sent[0] ?? '']);
  expect(shown.stdout).toMatch(/^state +failed$/m);
  expect(shown.stdout).toMatch(/^1 +\S+Z +schedule +\S+ +500 +\d+ +127\.0\.0\.1\S* +no �\[31mroom�$/m);
  expect(await run(['callbacks', 'show', '00000000-0000-4000-8000-000000000000'])).toEqual({
    code: 1,
    stdout: '',
    stderr: 'ringback: There is no such callback.\n',
  });
}, 120_000);

test('callbacks resend, then replay of what is left', async () => {
  receiver.setResponse({ status: 200 });
  await receiver.next(receiver.requests.length);
  const resent = await run(['callbacks', 'resend', sent[0] ?? '']);
  expect(resent.stdout).toContain(`due again now, to ${receiver.url}/hooks`);
  const [request] = await receiver.next();
  expect(request?.headers['webhook-id']).toBe(sent[0]);

  const replay = await run(['callbacks', 'replay', '--state', 'failed', '--event', 'error', '--rate', '100']);
  expect([replay.code, replay.stderr]).toEqual([0, '']);
  expect(replay.stdout).toMatch(
    new RegExp(
      `^replay ${UUID.source} done: 1 matched, 1 resent, skipped 0 in flight and 0 without a body\n$`,
    ),
  );
  const [replayed] = await receiver.next();
  expect(replayed?.headers['webhook-id']).toBe(sent[1]);
  expect(await run(['callbacks', 'replay'])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^ringback: filter\.state is required/),
  });
}, 120_000);

test('endpoints: listed in an order, narrowed, disabled, enabled', async () => {
  const listed = await run(['endpoints', 'list']);
  expect(listed.stdout).toMatch(
    new RegExp(`^ID +HEALTH +STATE .*\n${UUID.source} +healthy +closed .* ${receiver.url}/hooks +-\n$`),
  );
  const id = UUID.exec(listed.stdout)?.[0] ?? '';
  expect((await run(['endpoints', 'disable', id])).stdout).toMatch(
    / disabled +disabled .* disabled by its owner\n$/,
  );
  const narrowed = ['endpoints', 'list', '--sort', 'failing', '--search', 'HOOKS', '--limit', '1', '--json'];
  expect(JSON.parse((await run([...narrowed, '--health', 'disabled', 'failing'])).stdout)).toMatchObject([
    { id, health: 'disabled' },
  ]);
  expect((await run([...narrowed, '--state', 'closed'])).stdout).toBe('[]\n');
  expect(await run(['endpoints', 'list', '--sort', 'name'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Allowed choices are url'),
  });
  expect(JSON.parse((await run(['endpoints', 'enable', id, '--json'])).stdout)).toMatchObject({
    id,
    state: 'closed',
  });
}, 120_000);

test('callbacks cancel: one by its id, many by the options; sent elsewhere; then the endpoint is removed', async () => {
  const { id } = JSON.parse((await run(['endpoints', 'list', '--json'])).stdout)[0];
  await run(['endpoints', 'disable', id]);
  const waits = await run(['callbacks', 'resend', sent[0] ?? '']);
  expect(waits.stdout).toContain(', and waits: its endpoint is disabled: disabled by its owner: ');
  expect((await run(['callbacks', 'cancel', sent[0] ?? ''])).stdout).toBe(
    `cancelled: nothing is sent to ${receiver.url}/hooks?…\n`,
  );
  expect(await run(['callbacks', 'cancel', sent[0] ?? ''])).toMatchObject({
    code: 1,
    stderr: 'ringback: This callback is cancelled already: there is nothing left to cancel.\n',
  });
  for (const one of sent) await run(['callbacks', 'resend', one]);
  expect(await run(['callbacks', 'cancel', sent[0] ?? '', '--state', 'pending'])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^error: name one callback by its id, or many by the options, not both/),
  });
  expect(await run(['callbacks', 'cancel'])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^ringback: filter\.state is required/),
  });
  expect((await run(['callbacks', 'cancel', '--endpoint', id, '--event', 'error'])).stdout).toBe(
    '2 waiting callbacks cancelled, 0 being sent at this moment are their last attempts\n',
  );
  await run(['callbacks', 'resend', sent[1] ?? '']);
  expect((await run(['endpoints', 'remove', id])).stdout).toBe(
    `removed ${receiver.url}/hooks: 1 waiting callbacks cancelled, 0 being sent at this moment are their last attempts\n`,
  );
  expect((await run(['endpoints', 'list'])).stdout).toBe('none\n');
  const elsewhere = await run([
    'callbacks',
    'resend',
    sent[1] ?? '',
    '--to',
    `${receiver.url}/elsewhere?key=s3cret`,
  ]);
  expect(elsewhere.stdout).toContain(`due again now, to ${receiver.url}/elsewhere?…: `);
  const shown = await run([
    'callbacks',
    'list',
    '--event',
    'error',
    '--created-after',
    '2026-01-01T00:00:00Z',
  ]);
  expect(shown.stdout).toContain('/elsewhere?…');
}, 120_000);

test('where and with what key: flags over environment over .env; each mistake says its cure', async () => {
  expect(await run(['endpoints', 'list'], {})).toMatchObject({
    code: 1,
    stderr: 'ringback: no API key: set RINGBACK_API_KEY, or give --key, or keep one with "ringback login"\n',
  });
  await writeFile(join(folder, '.env'), `RINGBACK_URL=${app.url}\nRINGBACK_API_KEY=rb_wrong_key\n`);
  expect((await run(['endpoints', 'list'], {})).stderr).toMatch(
    /^ringback: the API key was not accepted \(gladia user not found\): check RINGBACK_API_KEY or --key; .*\n$/,
  );
  expect((await run(['endpoints', 'list'], { RINGBACK_API_KEY: API_KEY })).code).toBe(0);
  expect(
    (await run(['endpoints', 'list', '--key', API_KEY], { RINGBACK_API_KEY: 'rb_wrong_key' })).code,
  ).toBe(0);
  expect((await run(['endpoints', 'list', '--url', 'nowhere'], {})).stderr).toContain('RINGBACK_URL');
  expect((await run(['endpoints', 'list', '--url', 'http://127.0.0.1:1'], {})).stderr).toMatch(
    /^ringback: GET http:\/\/127\.0\.0\.1:1\/api\/endpoints failed: /,
  );
  // One .env for both: the server knows these names, and still refuses their misspellings.
  await writeFile(join(folder, '.env'), 'RINGBACK_URL=http://x\nRINGBACK_API_KEY=k\nRINGBACK_APIKEY=k\n');
  expect((await run(['serve'], {})).stderr).toBe(
    'ringback: RINGBACK_APIKEY: there is no such setting; "ringback serve --help" lists them\n',
  );
}, 120_000);
