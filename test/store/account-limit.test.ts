// Jobs of one account at a time, through the real queue and several workers: never one too many, and never in the way of
// somebody else's.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expireRuns, finishJob, startJob } from '../../src/store/jobs.ts';
import { openQueue, type Queue } from '../../src/store/queue.ts';
import { insertAccount } from '../rig/account.ts';
import { eventually } from '../rig/eventually.ts';
import { insertAnyJob } from '../rig/job.ts';
import { migratedDatabase } from '../rig/postgres.ts';

const MOST = 2;

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let queues: Queue[];
beforeAll(async () => {
  database = await migratedDatabase();
  const open = () =>
    openQueue({ connectionString: database.url, onError: () => {}, onWarning: () => {}, perAccount: MOST });
  queues = [await open(), await open()];
});
afterAll(async () => {
  for (const queue of queues) await queue.stop();
  await database.drop();
});

const account = () => insertAccount(database.db);
const insert = (accountId: string) => insertAnyJob(database.db, queues[0] as Queue, accountId);

async function finish(id: string): Promise<void> {
  await finishJob(database.db, id, 1, {
    ending: { filename: 'a.mp3', duration: 1, channels: 1, result: Buffer.from('{}') },
    delivery: null,
    fetched: null,
  });
}

test('an account with many jobs runs two at a time, and another one is served past them', async () => {
  const { db } = database;
  const [busy, other] = [await account(), await account()];
  const many = [];
  for (let n = 0; n < 8; n++) many.push(await insert(busy));
  const running = new Map<string, () => void>();
  const most: number[] = [];
  const owner = new Map<string, string>(many.map((id) => [id, busy]));
  const stops = await Promise.all(
    queues.map((queue) =>
      queue.work(3, async (id) => {
        const job = await startJob(db, id, 60_000, { most: MOST, queue });
        if (!job) return;
        await new Promise<void>((resolve) => {
          running.set(id, resolve);
          most.push([...running.keys()].filter((one) => owner.get(one) === busy).length);
        });
        running.delete(id);
        await finish(id);
      }),
    ),
  );
  await eventually(
    () => running.size,
    (count) => count === MOST,
  );
  const late = await insert(other);
  await eventually(() => running.has(late), Boolean);
  expect(running.size).toBe(MOST + 1);
  running.get(late)?.();
  // Each that ends makes room for the next.
  await eventually(
    async () => {
      for (const end of running.values()) end();
      const left = await db.selectFrom('job').select('id').where('state', '!=', 'done').execute();
      return left.length;
    },
    (left) => left === 0,
    50_000,
  );
  expect(Math.max(...most)).toBe(MOST);
  await Promise.all(stops.map((stop) => stop()));
});

test('jobs of a process that died do not hold their account up once their leases are over', async () => {
  const { db } = database;
  const [dead, heir] = queues as [Queue, Queue];
  const busy = await account();
  const ids = [await insert(busy), await insert(busy)];
  const lost = new Set<string>();
  // It starts its rows and is never heard of again; its queue jobs stay active, as after a kill.
  const stopDead = await dead.work(MOST, async (id, stopping) => {
    await startJob(db, id, 0, null);
    lost.add(id);
    await new Promise((resolve) => stopping.addEventListener('abort', resolve));
  });
  await eventually(
    () => lost.size,
    (count) => count === ids.length,
  );
  const { requeued } = await expireRuns(db, heir, () => {
    throw new Error('this was its first run');
  });
  expect(requeued).toBe(ids.length);
  const again = new Set<string>();
  const stopHeir = await heir.work(MOST, async (id) => {
    if (await startJob(db, id, 60_000, { most: MOST, queue: heir })) again.add(id);
  });
  // pg-boss itself would see the missing heartbeats after 30 to 90 s.
  await eventually(
    () => again.size,
    (count) => count === ids.length,
    20_000,
  );
  await Promise.all([stopDead(), stopHeir()]);
});

test('starts at the same instant: as many as allowed, and the others are back in the queue', async () => {
  const { db } = database;
  const [queue] = queues as [Queue];
  const busy = await account();
  const ids = await Promise.all(Array.from({ length: 10 }, () => insert(busy)));
  const started = await Promise.all(ids.map((id) => startJob(db, id, 60_000, { most: MOST, queue })));
  expect(started.filter((job) => job !== undefined)).toHaveLength(MOST);
  const rows = await db
    .selectFrom('job')
    .select(['id', 'queue_id'])
    .where('account_id', '=', busy)
    .where('state', '=', 'queued')
    .execute();
  expect(rows).toHaveLength(ids.length - MOST);
  const alive = await queue.alive(
    db,
    rows.map((row) => row.queue_id as string),
  );
  expect(alive.size).toBe(rows.length);
});
