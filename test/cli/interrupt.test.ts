// Ctrl-C before a command's work is done: it ends with 130, says nothing, and leaves nothing behind.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../rig/eventually.ts';
import { startSocketServer } from '../rig/receiver.ts';

const BINARY = fileURLToPath(new URL('../../src/cli/ringback.ts', import.meta.url));
const CLIP = fileURLToPath(new URL('../fixtures/jfk.wav', import.meta.url));

let folder: string;
let scratch: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-interrupt-'));
  scratch = join(folder, 'scratch');
  await mkdir(scratch);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

type Running = { child: ChildProcess; said: () => string };

function start(...args: string[]): Running {
  const child = spawn(process.execPath, [BINARY, ...args], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      TMPDIR: scratch,
      RINGBACK_DATA_DIR: join(folder, 'data'),
      RINGBACK_ALLOW_NETWORKS: '127.0.0.0/8',
    },
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return { child, said: () => stderr };
}

async function expectInterrupted({ child, said }: Running): Promise<void> {
  child.kill('SIGINT');
  const [code] = await once(child, 'close');
  expect([code, said()]).toEqual([130, '']);
  expect((await readdir(scratch)).filter((name) => name.startsWith('ringback-'))).toEqual([]);
}

test('transcribe: while it reads, while it downloads, while it listens', async () => {
  const reads = start('transcribe', '-');
  await eventually(
    async () => (await readdir(scratch, { recursive: true })).length,
    (count) => count >= 2,
    20_000,
  );
  await expectInterrupted(reads);

  const asked = Promise.withResolvers<void>();
  const silent = await startSocketServer(() => asked.resolve());
  const downloads = start('transcribe', `${silent.url}/a.wav`);
  await asked.promise;
  await expectInterrupted(downloads);
  await silent.close();

  // Each clip takes a second: the first is done, and the others are not.
  const listens = start('transcribe', CLIP, ...Array.from({ length: 20 }, () => CLIP));
  await once(listens.child.stdout ?? listens.child, 'data');
  await expectInterrupted(listens);
}, 90_000);

test('demo: while its database is made, started and filled, and while it works', async () => {
  for (const afterMs of [0, 300, 800, 1_500, 3_000]) {
    const demo = start('demo');
    await once(demo.child.stdout ?? demo.child, 'data');
    await pause(afterMs);
    await expectInterrupted(demo);
  }
}, 90_000);

test('transcribe --to: two that would be one file are refused before any work', async () => {
  await mkdir(join(folder, 'monday'));
  await writeFile(join(folder, 'monday', 'JFK.wav'), '');
  const { child, said } = start('transcribe', CLIP, 'monday/JFK.wav', '--to', 'words');
  const [code] = await once(child, 'close');
  expect([code, said()]).toEqual([
    1,
    expect.stringMatching(/^error: \S+jfk\.wav and monday\/JFK\.wav would be the same file in --to/),
  ]);
  expect((await readdir(folder)).includes('words')).toBe(false);
}, 30_000);
