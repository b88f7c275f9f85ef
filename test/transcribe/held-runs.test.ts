// A run that is ours no more is found out, heard of or not.
import { afterAll, expect, test } from 'vitest';
import { createLog } from '../../src/log.ts';
import { cancelJob } from '../../src/store/cancel.ts';
import { finishJob, startJob } from '../../src/store/jobs.ts';
import { HeldRuns, JOB_LEASE_MS } from '../../src/transcribe/held-runs.ts';
import { insertAccount } from '../rig/account.ts';
import { insertAnyJob } from '../rig/job.ts';
import { migratedDatabase } from '../rig/postgres.ts';

const database = await migratedDatabase();
const { db } = database;
const account = await insertAccount(db);
const runs = new HeldRuns(db, createLog('silent'));
afterAll(async () => {
  await runs.stop();
  await database.drop();
});

const never = new AbortController().signal;
const aborted = (signal: AbortSignal) =>
  new Promise<Error>((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)));
const cancel = (id: string) =>
  cancelJob(db, account, id, () => ({ error: { code: 'cancelled', message: 'so' }, delivery: null }));

async function started(): Promise<string> {
  const id = await insertAnyJob(db, account);
  await startJob(db, id, JOB_LEASE_MS);
  return id;
}

test('without a word from anybody it is seen within seconds', async () => {
  const id = await started();
  const began = performance.now();
  const reason = await runs.during({ id, run: 1 }, never, async (signal) => {
    await cancel(id);
    return aborted(signal);
  });
  expect(reason.name).toBe('Lost');
  expect(performance.now() - began).toBeLessThan(10_000);
});

test('heard of, it is seen at once; another’s end, and news that are not so, leave a run alone', async () => {
  const [mine, theirs] = [await started(), await started()];
  const change = (id: string) => ({ kind: 'job', accountId: account, id, at: 1, status: 'error' }) as const;
  await runs.during({ id: mine, run: 1 }, never, async (signal) => {
    await cancel(theirs);
    runs.heard(change(theirs));
    runs.heard(change(mine));
    await finishJob(db, theirs, 1, {
      ending: { filename: null, duration: 1, channels: 1, result: Buffer.from('{}') },
      delivery: null,
    });
    expect(signal.aborted).toBe(false);
    await cancel(mine);
    const lost = aborted(signal);
    runs.heard(change(mine));
    await lost;
  });
});

test('a stop ends it as well, by its own reason', async () => {
  const id = await started();
  const stopping = new AbortController();
  const reason = await runs.during({ id, run: 1 }, stopping.signal, (signal) => {
    stopping.abort(new Error('stopping'));
    return Promise.resolve(signal.reason as Error);
  });
  expect(reason.message).toBe('stopping');
});
