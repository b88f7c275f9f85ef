// `ringback webhooks`, as a person runs it, on a running server.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyCallback } from '../../src/client/verify.ts';
import { API_KEY, type App, startApp } from '../rig/app.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const BINARY = fileURLToPath(new URL('../../src/cli/ringback.ts', import.meta.url));

let app: App;
let receiver: Receiver;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-commands-'));
  app = await startApp({ RINGBACK_ROLE: 'api,deliver' });
  receiver = await startReceiver();
});
afterAll(async () => {
  await receiver.close();
  await app.stop();
  await rm(folder, { recursive: true });
});

/** What it prints; what it says of a failure where it fails. */
function run(...args: string[]): Promise<{ code: number; text: string }> {
  const env = { PATH: process.env.PATH, RINGBACK_URL: app.url, RINGBACK_API_KEY: API_KEY };
  return new Promise((resolve) => {
    execFile(process.execPath, [BINARY, 'webhooks', ...args], { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, text: stdout + stderr }),
    );
  });
}

test('one is made, shown without its secret, tested, paused, resumed, given a new secret and deleted', async () => {
  const made = await run(
    ...[
      'create',
      `${receiver.url}/hooks?token=t0ken`,
      '--events',
      'transcription.created',
      'transcription.success',
    ],
    ...['--metadata', 'customer=acme', '--header', 'x-token=h3ader', '--description', 'For the archive'],
  );
  expect(made.code, made.text).toBe(0);
  const [, id = ''] = /webhook\s+(\S+)/.exec(made.text) ?? [];
  const [secret = ''] = /whsec_\S+/.exec(made.text) ?? [];
  const short = id.slice(0, 8);

  const sent = await run('test', short, '--event', 'transcription.success');
  expect(sent.code, sent.text).toBe(0);
  const [request] = await receiver.next();
  const { headers, body } = request as NonNullable<typeof request>;
  expect(headers['x-token']).toBe('h3ader');
  expect(JSON.parse(body.toString()).event).toBe('transcription.success');
  expect(verifyCallback(headers, body, secret)).toMatchObject({ ok: true });

  const paused = await run('pause', short);
  expect(paused.text).toContain('paused');
  expect((await run('list')).text).toMatch(/paused\s+transcription\.created,transcription\.success/);
  expect((await run('resume', short)).text).not.toContain('paused');
  const shown = await run('show', short);
  expect(shown.text).toContain('acme');
  for (const hidden of ['t0ken', 'h3ader', secret]) expect(shown.text + paused.text).not.toContain(hidden);

  const rotated = await run('rotate', short, '--overlap', '0');
  const [renewed = ''] = /whsec_\S+/.exec(rotated.text) ?? [];
  await run('test', id);
  const [after] = await receiver.next();
  const latest = after as NonNullable<typeof after>;
  expect(verifyCallback(latest.headers, latest.body, renewed)).toMatchObject({ ok: true });
  expect(verifyCallback(latest.headers, latest.body, secret).ok).toBe(false);

  expect((await run('delete', short)).text).toContain('deleted');
  const gone = await run('show', short);
  expect([gone.code, gone.text]).toEqual([
    1,
    expect.stringContaining('there is no webhook whose id begins with'),
  ]);
}, 60_000);

test('what is wrong is a sentence that names it', async () => {
  const nowhere = await run('create', 'http://10.0.0.1/hooks');
  expect([nowhere.code, nowhere.text]).toEqual([1, expect.stringContaining('url must be a URL address')]);
  const event = await run('create', 'https://app.example.org', '--events', 'success');
  expect([event.code, event.text]).toEqual([1, expect.stringContaining('transcription.success')]);
}, 60_000);
