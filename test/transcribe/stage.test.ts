// The places of a stage: filled while there are jobs, left empty while something is short, emptied at a stop.
import { Writable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { createLog } from '../../src/log.ts';
import { SharedPool } from '../../src/shared-pool.ts';
import { ShortageError } from '../../src/shortage.ts';
import type { Started } from '../../src/store/jobs.ts';
import { StageWorker } from '../../src/transcribe/stage.ts';
import { eventually } from '../rig/eventually.ts';

let stop: () => Promise<void> = async () => {};
afterEach(() => stop());

function start(places: number, next: () => Promise<Started | undefined>) {
  const running = new Map<string, () => void>();
  const logged: string[] = [];
  const log = createLog(
    'trace',
    new Writable({
      write(line, _encoding, done) {
        logged.push(JSON.parse(String(line)).msg);
        done();
      },
    }),
  );
  const worker = new StageWorker({
    name: 'transcribe',
    places: new SharedPool(places),
    next: async () => [(await next()) ?? []].flat(),
    run: (job, stopping) =>
      new Promise((resolve, reject) => {
        running.set(job.id, () => {
          running.delete(job.id);
          if (job.id === 'faulty') reject(new Error('a fault of ours'));
          else resolve();
        });
        stopping.addEventListener('abort', () => resolve());
      }),
    log,
  });
  stop = () => worker.stop();
  return { worker, running, logged };
}

test('as many at a time as there are places; each that ends, also by a fault of ours, makes room for the next', async () => {
  const jobs = ['a', 'faulty', 'c', 'd'].map((id) => ({ id, account_id: 'one' }) as Started);
  const { running, logged } = start(2, async () => jobs.shift());
  await eventually(
    () => [...running.keys()],
    (ids) => ids.length === 2,
  );
  running.get('faulty')?.();
  await eventually(() => running.has('c'), Boolean);
  expect([...running.keys()]).toEqual(['a', 'c']);
  expect(logged).toEqual(['a run broke off']);
});

test('while something is short nothing is begun, and that is said once; afterwards a ring is enough', async () => {
  let short = true;
  let asked = 0;
  const { worker, running, logged } = start(1, async () => {
    asked++;
    if (short) throw new ShortageError('disk', 'the disk is full');
    return running.size === 0 ? ({ id: 'a', account_id: 'one' } as Started) : undefined;
  });
  await eventually(
    () => {
      worker.wake();
      return asked;
    },
    (count) => count > 3,
  );
  expect([running.size, logged]).toEqual([0, ['no job can be begun at this moment; it is tried again']]);
  short = false;
  worker.wake();
  await eventually(() => running.has('a'), Boolean);
});
