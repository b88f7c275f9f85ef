// The pool's promise: whatever happens to one job costs that job only. Real processes and real decoding; the engine is
// a fake that can crash, hang and grow (fake-engine.ts).

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SpeechPool, SpeechPoolOptions } from '../../src/speech/pool.ts';
import { fakePool } from './fake-pool.ts';

const fixture = (name: string) => new URL(`../fixtures/formats/${name}`, import.meta.url).pathname;
const clip = fixture('clip.mp3');

let folder: string;
let scratch: string;
const pools: SpeechPool[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-pool-'));
  scratch = join(folder, 'scratch');
});
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
  await rm(folder, { recursive: true, force: true });
});

function pool(model: string, more: Partial<SpeechPoolOptions> = {}): SpeechPool {
  const made = fakePool(folder, model, more);
  pools.push(made);
  return made;
}

/** Aborts once the engine works: after decoding, so the phase is known. */
function whenRecognising(act: () => void) {
  return ({ phase, fraction }: { phase: string; fraction: number | null }) => {
    if (phase === 'recognising' && fraction !== 0) act();
  };
}

describe('a job', () => {
  it('is decoded, recognised channel by channel, put in order, and leaves nothing behind', async () => {
    const phases = new Set<string>();
    const transcript = await pool('echo').transcribe({
      path: fixture('stereo-different.mp3'),
      onProgress: ({ phase }) => phases.add(phase),
    });
    expect(transcript).toMatchObject({ channels: 2, distinctChannels: 2 });
    expect(transcript.audioDuration).toBeCloseTo(11, 1);
    expect(transcript.utterances.map((u) => [u.channel, u.start])).toEqual([
      [1, 0.5],
      [0, 1],
    ]);
    expect([...phases]).toEqual(['decoding', 'recognising']);
    expect(await readdir(scratch)).toEqual([]);
  });

  it('takes room of its account while it runs, by what its file says of itself, and gives it back', async () => {
    const one = pool('patient', { size: 2, accountScratchBytes: 300_000 });
    const stop = new AbortController();
    // 11 s of one channel: 352 kB of decoded sound.
    const run = (account: string) =>
      new Promise<void>((resolve, reject) => {
        const job = { path: clip, account, signal: stop.signal, onProgress: whenRecognising(resolve) };
        one.transcribe(job).catch(reject);
      });
    expect(one.withoutRoom()).toEqual([]);
    await run('a');
    expect(one.withoutRoom()).toEqual(['a']);
    await run('b');
    expect(one.withoutRoom()).toEqual(['a', 'b']);
    const ended = Promise.allSettled([run('a'), run('b')]);
    stop.abort();
    await ended;
    await one.close();
    expect(one.withoutRoom()).toEqual([]);
  });

  it('is measured by its container alone where that is exact; damage in its header is told as ever', async () => {
    const one = pool('unloadable');
    expect(await one.measure({ path: clip })).toEqual({ durationSeconds: 11, channels: 1 });
    expect(await one.measure({ path: fixture('clip.webm') })).toBe(null);
    expect(await one.probe({ path: fixture('clip.webm') })).toEqual({ durationSeconds: 11, channels: 1 });
    const cut = join(folder, 'cut.mp3');
    await writeFile(cut, (await readFile(clip)).subarray(0, 20_000));
    await expect(one.measure({ path: cut })).rejects.toMatchObject({ code: 'audio_corrupt' });
    expect(await readdir(scratch)).toEqual([]);
  });

  it('runs at low priority', async () => {
    const transcript = await pool('echo').transcribe({ path: clip });
    expect(transcript.utterances[0]?.text).toMatch(/priority 1[0-9]$/);
  });

  it('that cannot be decoded fails with the reason of the decoder', async () => {
    const page = join(folder, 'page.mp3');
    await writeFile(page, '<!doctype html><p>gone');
    const one = pool('echo');
    await expect(one.transcribe({ path: page })).rejects.toMatchObject({
      name: 'JobError',
      code: 'audio_unsupported',
      message: expect.stringContaining('HTML page'),
    });
    expect(await readdir(scratch)).toEqual([]);
  });

  it('over the capacity waits its turn', async () => {
    const one = pool('echo', { size: 2 });
    expect(one.free).toBe(2);
    const jobs = Array.from({ length: 5 }, () => one.transcribe({ path: clip }));
    expect(one.free).toBe(0);
    expect(await Promise.all(jobs)).toHaveLength(5);
    expect(one.free).toBe(2);
  });

  it('that waits can be taken back', async () => {
    const one = pool('patient');
    const stop = new AbortController();
    const first = one.transcribe({ path: clip, signal: stop.signal });
    const second = one.transcribe({ path: clip, signal: AbortSignal.abort(new Error('changed my mind')) });
    await expect(second).rejects.toThrow('changed my mind');
    stop.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    expect(one.free).toBe(1);
  });
});

describe('a failure costs its own job only', () => {
  it.each([
    ['crash', 'engine_failed', /crashed/],
    ['throw', 'engine_failed', /failed on this audio/],
    ['unloadable', 'engine_failed', /could not be loaded/],
  ])('engine: %s', async (model, code, message) => {
    const one = pool(model);
    for (const _ of [1, 2]) {
      // The second time shows that the place was filled again.
      await expect(one.transcribe({ path: clip })).rejects.toMatchObject({
        name: 'JobError',
        code,
        message: expect.stringMatching(message),
      });
    }
    expect(one.free).toBe(1);
    expect(await readdir(scratch)).toEqual([]);
  });

  it('an engine that grows without end is stopped at the ceiling', async () => {
    const one = pool('hog', { memoryLimitBytes: 700 * 2 ** 20 });
    await expect(one.transcribe({ path: clip })).rejects.toMatchObject({
      code: 'engine_failed',
      message: expect.stringContaining('more memory'),
    });
  });

  it('a job out of time', async () => {
    await expect(pool('patient').transcribe({ path: clip, timeoutMs: 1500 })).rejects.toMatchObject({
      code: 'engine_timeout',
    });
  });

  it('a decoder that dies is blamed on the file', async () => {
    const one = pool('echo');
    await one.ready();
    const [pid] = await children(process.pid, 'worker.ts');
    const job = one.transcribe({ path: clip, onProgress: () => process.kill(pid ?? 0, 'SIGSEGV') });
    await expect(job).rejects.toMatchObject({ code: 'audio_corrupt' });
    expect((await one.transcribe({ path: clip })).channels).toBe(1);
  });
});

describe('stopping', () => {
  it.each([
    ['patient', 'an engine that listens'],
    ['deaf', 'an engine that hangs in a loop'],
  ])('%s: ends %s within the grace period, with the given reason', async (model) => {
    const one = pool(model);
    const stop = new AbortController();
    const reason = new Error('shutting down');
    const job = one.transcribe({
      path: clip,
      signal: stop.signal,
      onProgress: whenRecognising(() => stop.abort(reason)),
    });
    await expect(job).rejects.toBe(reason);
    expect(await readdir(scratch)).toEqual([]);
  });

  it('close ends running and waiting jobs and every process', async () => {
    const one = pool('patient');
    const working = Promise.withResolvers<void>();
    const jobs = [
      one.transcribe({ path: clip, onProgress: whenRecognising(working.resolve) }),
      one.transcribe({ path: clip }),
    ];
    const settled = Promise.allSettled(jobs);
    await working.promise;
    await one.close();
    expect((await settled).map((s) => s.status)).toEqual(['rejected', 'rejected']);
    expect(await children(process.pid, 'worker.ts')).toEqual([]);
    await expect(one.transcribe({ path: clip })).rejects.toThrow('closed');
  });
});

describe('starting', () => {
  it('ready loads the engine, and says why it cannot', async () => {
    await expect(pool('echo', { size: 2 }).ready()).resolves.toBeUndefined();
    await expect(pool('unloadable').ready()).rejects.toThrow('no such model');
  });

  it('removes what killed processes left, and nothing else', async () => {
    const tag = hostname().replace(/\W/g, '_').slice(0, 40);
    // 2^22 is the largest process number of Linux; the parent of this test lives.
    const dead = `speech-${tag}-4194304-abc-x1`;
    const mine = `speech-${tag}-${process.pid}-earlier-x1`;
    const alive = `speech-${tag}-${process.ppid}-abc-x1`;
    const foreign = 'speech-otherhost-4194304-abc-x1';
    for (const name of [dead, mine, alive, foreign, 'notes'])
      await mkdir(join(scratch, name), { recursive: true });
    await writeFile(join(scratch, dead, 'channel-0.pcm'), 'left');
    await pool('echo').transcribe({ path: clip });
    expect((await readdir(scratch)).sort()).toEqual([alive, foreign, 'notes'].sort());
  });

  it.skipIf(process.platform !== 'linux')(
    'leaves no orphan when its parent is killed (Linux: reads /proc)',
    async () => {
      const parent = fork(new URL('./pool-parent.ts', import.meta.url), [scratch, clip], { execArgv: [] });
      await once(parent, 'message');
      const [child] = await children(parent.pid ?? 0, 'worker.ts');
      expect(child).toBeGreaterThan(0);
      parent.kill('SIGKILL');
      await once(parent, 'exit');
      await expect.poll(() => isAlive(child ?? 0), { timeout: 5000 }).toBe(false);
      // And the next start removes its folder.
      expect((await readdir(scratch)).length).toBe(1);
      await pool('echo').ready();
      expect(await readdir(scratch)).toEqual([]);
    },
  );
});

/** Living child processes of `parent` whose command line has `what`; empty where there is no /proc. */
async function children(parent: number, what: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc').catch(() => [])) {
    const pid = Number(name);
    if (!pid) continue;
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const [state, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (Number(ppid) === parent && state !== 'Z' && command.includes(what)) found.push(pid);
  }
  return found;
}

async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !stat.includes(') Z ');
}
