// What a transcription meets that is short on our side is reported as that, by both ways of decoding and by the engine,
// and the next transcription works. Real disks, processes and decoders.
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { isSuspect, shortageOf } from '../../src/shortage.ts';
import { findFfmpeg } from '../../src/speech/ffmpeg.ts';
import type { SpeechPool, SpeechPoolOptions } from '../../src/speech/pool.ts';
import { type SmallDisk, smallDisk } from '../rig/tmpfs.ts';
import { fakePool } from './fake-pool.ts';

const run = promisify(execFile);
const clip = fileURLToPath(new URL('../fixtures/formats/clip.mp3', import.meta.url));
const transport = fileURLToPath(new URL('../fixtures/formats/clip.ts', import.meta.url));
const { path: ffmpeg } = await findFfmpeg();

let folder: string;
let disk: SmallDisk | null;
const pools: SpeechPool[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-short-'));
  disk = await smallDisk(1);
});
afterEach(() => Promise.all(pools.splice(0).map((pool) => pool.close())));
afterAll(async () => {
  await disk?.remove();
  await rm(folder, { recursive: true });
});

function pool(model: string, more: Partial<SpeechPoolOptions> = {}): SpeechPool {
  const made = fakePool(folder, model, more);
  pools.push(made);
  return made;
}

const failing = (job: Promise<unknown>) =>
  job.then(
    () => null,
    (error: unknown) => error,
  );

async function processOf(parent: number, name: string): Promise<number | undefined> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = await readFile(`/proc/${entry}/stat`, 'latin1').catch(() => '');
    if (Number(/\) \S (\d+)/.exec(stat)?.[1]) !== parent) continue;
    const command = await readFile(`/proc/${entry}/cmdline`, 'latin1').catch(() => '');
    if (command.includes(name)) return Number(entry);
  }
  return undefined;
}

test.for([
  ['ffmpeg', ffmpeg],
  ['WebAssembly', null],
] as const)(
  'a full scratch disk under %s is a shortage, and no fault of the file',
  async ([way, path], { skip }) => {
    if (!disk) return skip('mounting a small disk needs root');
    if (way === 'ffmpeg' && path === null) return skip('ffmpeg is not installed');
    const one = pool('echo', { ffmpeg: path, scratchDirectory: join(disk.folder, 'scratch') });
    await disk.fill(16_384);
    const error = await failing(one.transcribe({ path: clip }));
    expect([shortageOf(error), isSuspect(error)]).toEqual(['disk', false]);
    await disk.empty();
    expect((await one.transcribe({ path: clip })).channels).toBe(1);
    expect(await readdir(join(disk.folder, 'scratch'))).toEqual([]);
  },
);

test.for(['0', '1', '3', '6', '10'])(
  'with %s file descriptors left, transcribing is a shortage of them',
  async (left) => {
    const program = fileURLToPath(new URL('./short-parent.ts', import.meta.url));
    const { stdout } = await run('prlimit', [
      '--nofile=120',
      process.execPath,
      program,
      join(folder, `few-${left}`),
      clip,
      left,
    ]);
    const [short, then, free] = JSON.parse(stdout);
    expect(['descriptors', '1 channel']).toContain(short);
    if (left === '0') expect(short).toBe('descriptors');
    expect([then, free]).toEqual(['1 channel', 1]);
  },
);

test.for(['decoding', 'recognising'])(
  'a speech process killed from outside while %s is short of memory, and suspect',
  async (phase) => {
    // It is still at work when it is killed.
    const one = pool('slow');
    await one.ready();
    const pid = await processOf(process.pid, 'worker.ts');
    const killed = one.transcribe({
      path: clip,
      onProgress: (at) => {
        if (at.phase === phase) process.kill(pid ?? 0, 'SIGKILL');
      },
    });
    const error = await failing(killed);
    expect([shortageOf(error), isSuspect(error)]).toEqual(['memory', true]);
    expect((await one.transcribe({ path: clip })).channels).toBe(1);
    await one.close();
  },
);

test('an engine that finds no memory is no failure of the engine', async () => {
  const error = await failing(pool('no memory').transcribe({ path: clip }));
  expect([shortageOf(error), isSuspect(error)]).toEqual(['memory', true]);
});

async function fakeFfmpeg(script: string): Promise<string> {
  const path = join(await mkdtemp(join(folder, 'bin-')), 'ffmpeg');
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

test.for([
  ['is killed from outside', 'kill -9 $$', 'memory'],
  ['is stopped from outside', 'kill -15 $$', 'processes'],
  [
    'finds no descriptor in the whole machine',
    'echo "x: Too many open files in system" >&2; exit 1',
    'descriptors',
  ],
])('an ffmpeg that %s is no damaged file', async ([, script, short]) => {
  const one = pool('echo', { ffmpeg: await fakeFfmpeg(script as string) });
  expect(shortageOf(await failing(one.transcribe({ path: clip })))).toBe(short);
});

test.for([
  ['is gone', null],
  ['cannot load its libraries', 'exit 127'],
  ['may not be run', 'exit 126'],
])('an ffmpeg that %s leaves the file to the other decoders, or waits', async ([, script]) => {
  const one = pool('echo', { ffmpeg: script ? await fakeFfmpeg(script) : join(folder, 'no-ffmpeg') });
  expect((await one.transcribe({ path: clip })).channels).toBe(1);
  const error = await failing(one.transcribe({ path: transport }));
  expect([shortageOf(error), isSuspect(error)]).toEqual(['processes', true]);
});

test('limits that may not be set, because a lower one binds us, are no damaged file', async ({ skip }) => {
  if (ffmpeg === null) return skip('ffmpeg is not installed');
  const script = 'echo "prlimit: failed to set the DATA resource limit: Operation not permitted" >&2; exit 1';
  expect((await pool('echo', { ffmpeg: await fakeFfmpeg(script) }).transcribe({ path: clip })).channels).toBe(
    1,
  );
});
