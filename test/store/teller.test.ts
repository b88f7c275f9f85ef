// What is told of commits, and to whom: two pools with a teller each stand for two processes.
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import pg from 'pg';
import { pino } from 'pino';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { SharedPool } from '../../src/shared-pool.ts';
import { deliveryChange } from '../../src/store/changes.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { resend } from '../../src/store/deliveries.ts';
import { disableEndpoint, enableEndpoint } from '../../src/store/endpoints.ts';
import { deleteJob, expireRuns, finishJob, handBackJob, startJob } from '../../src/store/jobs.ts';
import { ANY_HOST, claimEndpoints, endAllLeases, freeDisabledEndpoints } from '../../src/store/leases.ts';
import { type News, pack, unpack } from '../../src/store/news.ts';
import { startNext, startSeveral } from '../../src/store/next-job.ts';
import { Outbox } from '../../src/store/outbox.ts';
import { createReplay, stepReplay } from '../../src/store/replays.ts';
import { StageWorker } from '../../src/transcribe/stage.ts';
import { insertAccount } from '../rig/account.ts';
import { anyDelivery, openAnyDelivery } from '../rig/delivery.ts';
import { eventually } from '../rig/eventually.ts';
import { insertAnyJob } from '../rig/job.ts';
import { migratedDatabase } from '../rig/postgres.ts';

let here: Awaited<ReturnType<typeof migratedDatabase>>;
let there: Database;
let account: string;
let ends: (() => unknown)[];

beforeAll(async () => {
  here = await migratedDatabase();
  there = openDatabase({ connectionString: here.url, size: 2, onError: () => {} });
  const leaves = [await here.join(), await there.join()];
  account = await insertAccount(here.db);
  return async () => {
    for (const leave of leaves) await leave();
    await there.close();
    await here.drop();
  };
});
beforeEach(async () => {
  ends = [];
  // What the test before has told has arrived.
  const heard = hear(there);
  here.db.teller.tell([{ kind: 'disabled', endpointId: 'the end' }]);
  await eventually(
    () => heard,
    (news) => news.some(({ kind }) => kind === 'disabled'),
  );
});
afterEach(async () => {
  for (const end of ends) await end();
});

/** What is heard from now on. */
function hear({ db }: Database): News[] {
  const heard: News[] = [];
  ends.push(db.teller.hear((news) => heard.push(news)));
  return heard;
}
const until = (heard: News[], count: number) =>
  eventually(
    () => heard,
    ({ length }) => length >= count,
  );

test('a commit is heard in its own process at once, in the other a moment later, once each and in order', async () => {
  const [mine, theirs] = [hear(here), hear(there)];
  const id = await insertAnyJob(here.db, account);
  const own = [{ kind: 'job', accountId: account, id, status: 'queued', at: expect.any(Number) }];
  expect(mine).toEqual(own);
  await startJob(here.db, id, 60_000);
  expect(mine.at(-1)).toMatchObject({ kind: 'job', id, status: 'processing' });
  await until(theirs, 2);
  expect(theirs.filter(({ kind }) => kind === 'job')).toEqual(mine.filter(({ kind }) => kind === 'job'));
  // Our own NOTIFY comes back to us as well: by the time the other has answered, we have had it.
  there.db.teller.tell([{ kind: 'due' }]);
  await until(mine, 3);
  expect(mine.map(({ kind }) => kind)).toEqual(['job', 'job', 'due']);
});

test('of a transaction that is undone nothing is heard', async () => {
  const mine = hear(here);
  await expect(
    here.db.commit(async (trx) => {
      trx.changed.push({ kind: 'due' });
      throw new Error('undone');
    }),
  ).rejects.toThrow('undone');
  await openAnyDelivery(here.db, account, 'https://app.example.org/');
  expect(mine.map(({ kind }) => kind)).toEqual(['endpoint_due', 'delivery']);
});

test('nothing is heard before it is committed', async () => {
  const mine = hear(here);
  await here.db.commit(async (trx) => {
    trx.changed.push({ kind: 'due' });
    await trx.selectFrom('account').select('id').execute();
    expect(mine).toEqual([]);
  });
  expect(mine).toEqual([{ kind: 'due' }]);
});

test('from submission to deletion no statement has a NOTIFY in it, but those of the line between processes', async () => {
  const spy = vi.spyOn(pg.Client.prototype, 'query');
  ends.push(() => spy.mockRestore());
  const { db } = here;
  const id = await insertAnyJob(db, account);
  await startJob(db, id, 60_000);
  await handBackJob(db, { id, run: 1 });
  await startJob(db, id, 0);
  await expireRuns(db, () => {
    throw new Error('this was its first run');
  });
  await startNext(db, 'fetch', { leaseMs: 60_000, most: 5, full: [] });
  await finishJob(db, id, 3, {
    ending: { filename: null, duration: 1, channels: 1, result: Buffer.from('{}') },
    delivery: anyDelivery(account, 'https://quiet.example.org/', { jobId: id }),
  });
  await claimEndpoints(db, { endpoints: 10, room: () => 10, leaseMs: 60_000, told: [], hosts: ANY_HOST });
  await endAllLeases(db);
  // Taken over: what the first holder had is put back.
  await claimEndpoints(db, { endpoints: 10, room: () => 10, leaseMs: 60_000, told: [], hosts: ANY_HOST });
  const { id: endpoint } = await db
    .selectFrom('endpoint')
    .select('id')
    .where('url', '=', 'https://quiet.example.org/')
    .executeTakeFirstOrThrow();
  await disableEndpoint(db, account, endpoint, 'enough');
  await endAllLeases(db);
  await freeDisabledEndpoints(db);
  await enableEndpoint(db, account, endpoint);
  const delivery = await db
    .selectFrom('delivery')
    .select('id')
    .where('job_id', '=', id)
    .executeTakeFirstOrThrow();
  expect(await resend(db, account, delivery.id)).toBe('resent');
  await createReplay(db, account, { state: ['pending'] }, { rate: 1_000 });
  expect(await stepReplay(db)).toMatchObject({ resent: expect.any(Number) });
  expect(await deleteJob(db, account, id)).not.toBe('unknown');
  const texts = spy.mock.calls.map(([query]: unknown[]) =>
    typeof query === 'string' ? query : (query as { text: string }).text,
  );
  const notifying = () => new Set(texts.filter((text) => /notify/i.test(text)));
  expect(texts.some((text) => /UPDATE endpoint/.test(text))).toBe(true);
  expect(texts.some((text) => /UPDATE account SET|update "account"/.test(text))).toBe(true);
  expect(notifying()).toEqual(new Set(['SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload']));
});

test('a change that is heard late, behind one that came after it, is not taken for the state', async () => {
  const [mine, theirs] = [hear(here), hear(there)];
  const change = { kind: 'delivery', accountId: account, id: randomUUID(), jobId: randomUUID() } as const;
  const cancelled = { ...change, at: 2_000, state: 'cancelled', attempts: 1 } as const;
  there.db.teller.tell([cancelled]);
  await until(mine, 1);
  here.db.teller.tell([{ ...change, at: 1_000, state: 'pending', attempts: 1 }, { kind: 'due' }]);
  await until(theirs, 2);
  expect(mine).toEqual([cancelled, { kind: 'due' }]);
  expect(theirs).toEqual([cancelled, { kind: 'due' }]);
});

test('of two changes of one row the later has the later time, whichever transaction began first', async () => {
  const id = await openAnyDelivery(here.db, account, 'https://times.example.org/');
  const mine = hear(here);
  const began = Promise.withResolvers<void>();
  const may = Promise.withResolvers<void>();
  const early = here.db.commit(async (trx) => {
    await trx.selectFrom('account').select('id').execute();
    began.resolve();
    await may.promise;
    const { change } = await trx
      .updateTable('delivery')
      .set({ attempts: 2 })
      .where('id', '=', id)
      .returning(deliveryChange)
      .executeTakeFirstOrThrow();
    trx.changed.push(change);
  });
  await began.promise;
  await resend(here.db, account, id);
  may.resolve();
  await early;
  expect(mine.filter(({ kind }) => kind === 'delivery')).toMatchObject([{ attempts: 0 }, { attempts: 2 }]);
});

test('a process that falls silent without a goodbye may have died with something untold; one that says goodbye has not', async () => {
  const third = openDatabase({ connectionString: here.url, size: 1, onError: () => {} });
  const leave = await third.join(100);
  ends.push(
    () => leave(),
    () => third.close(),
  );
  const heard = hear(third);
  const say = (payloads: string[]) =>
    sql`SELECT pg_notify('ringback_news', payload) FROM unnest(${payloads}::text[]) AS payload`.execute(
      here.db,
    );
  await say([...pack('polite', [{ kind: 'due' }]), ...pack('polite', [{ kind: 'goodbye' }])]);
  await until(heard, 1);
  const from = performance.now();
  await say(pack('killed', [{ kind: 'due' }]));
  await until(heard, 3);
  expect(heard.map(({ kind }) => kind)).toEqual(['due', 'due', 'missed']);
  expect(performance.now() - from).toBeGreaterThan(290);
});

test('news of any number go through in payloads that PostgreSQL takes, and come out as they went in', async () => {
  const news = Array.from(
    { length: 1_000 },
    (_, n): News => ({
      kind: 'delivery',
      accountId: account,
      id: randomUUID(),
      at: 1_795_422_999_000_000 + n,
      jobId: randomUUID(),
      state: 'delivering',
      attempts: 2_147_483_647,
    }),
  );
  const theirs = hear(there);
  here.db.teller.tell([...news, { kind: 'disabled', endpointId: account }]);
  await until(theirs, 1_001);
  expect(theirs).toEqual([...news, { kind: 'disabled', endpointId: account }]);
  const longest = pack('x'.repeat(8), news).map((payload) => Buffer.byteLength(payload));
  expect(Math.max(...longest)).toBeLessThan(8_000);
  expect(pack('me', []).map(unpack)).toEqual([{ from: 'me', news: [] }]);
});

test('what another program sends on our channel is reported and harms nothing', async () => {
  const errors: Error[] = [];
  const third = openDatabase({ connectionString: here.url, size: 1, onError: (error) => errors.push(error) });
  const leave = await third.join();
  ends.push(
    () => leave(),
    () => third.close(),
  );
  const heard = hear(third);
  for (const payload of ['', 'hello', '[]', '["a",["spam"]]', 'null'])
    await sql`SELECT pg_notify('ringback_news', ${payload})`.execute(here.db);
  here.db.teller.tell([{ kind: 'due' }]);
  await until(heard, 1);
  expect(heard).toEqual([{ kind: 'due' }]);
  expect(errors.map(({ message }) => message)).toContain('heard news that makes no sense');
});

test('idle workers of another process begin at once, not at their next poll', async () => {
  await sql`DELETE FROM job`.execute(here.db);
  const handled: string[] = [];
  const worker = new StageWorker({
    name: 'fetch',
    places: new SharedPool(1),
    next: () => startSeveral(there.db, 'fetch', { leaseMs: 60_000, most: null, full: [], places: 1 }),
    run: async ({ id }) => {
      handled.push(id);
    },
    log: pino({ level: 'silent' }),
  });
  ends.push(
    there.db.teller.hear((news) => {
      if (news.kind === 'job' && news.status === 'queued') worker.wake();
    }),
    () => worker.stop(),
  );
  const from = performance.now();
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) {
    ids.push(await insertAnyJob(here.db, account));
    await eventually(() => handled.length === n + 1, Boolean);
  }
  expect(handled).toEqual(ids);
  // Polls alone, every 2 s, take 5 to 10 s.
  expect(performance.now() - from).toBeLessThan(3_000);
});

test('a thousand commits while one statement runs cost one statement more', async () => {
  const sent: (readonly News[])[] = [];
  const slow = Promise.withResolvers<void>();
  const outbox = new Outbox(
    async (news) => {
      sent.push(news);
      await slow.promise;
    },
    () => {},
  );
  for (let n = 0; n < 1_000; n++) outbox.add([{ kind: 'due' }, { kind: 'disabled', endpointId: `${n}` }]);
  slow.resolve();
  await outbox.stop();
  expect(sent.map(({ length }) => length)).toEqual([2, 1_000]);
});

test('news that cannot be sent is kept, up to a limit, and sent when the database is back', async () => {
  const sent: News[] = [];
  const errors: Error[] = [];
  const [away, tried] = [{ is: true }, Promise.withResolvers<void>()];
  const outbox = new Outbox(
    async (news) => {
      if (away.is) throw new Error('away');
      sent.push(...news);
    },
    (error) => {
      errors.push(error);
      tried.resolve();
    },
  );
  outbox.add([{ kind: 'disabled', endpointId: 'first' }, { kind: 'due' }]);
  await tried.promise;
  outbox.add([{ kind: 'disabled', endpointId: 'second' }]);
  away.is = false;
  await eventually(
    () => sent,
    ({ length }) => length === 3,
  );
  expect(sent).toEqual([
    { kind: 'disabled', endpointId: 'first' },
    { kind: 'disabled', endpointId: 'second' },
    { kind: 'due' },
  ]);
  expect(errors).toHaveLength(1);
  outbox.add(Array.from({ length: 30_000 }, (_, n): News => ({ kind: 'disabled', endpointId: `${n}` })));
  await outbox.stop();
  // The oldest are gone: those who hear must look for themselves.
  expect(sent.length).toBeLessThan(20_000);
  expect(sent.at(-1)).toEqual({ kind: 'missed' });
  expect(sent.at(-2)).toEqual({ kind: 'disabled', endpointId: '29999' });
});

test('who waits for news to be told is told when they are on their way, and waits no longer than a moment', async () => {
  const log: string[] = [];
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let sends = 0;
  const outbox = new Outbox(
    async () => {
      await gates[sends++]?.promise;
      log.push(`sent ${sends}`);
    },
    () => {},
  );
  await outbox.emptied(60_000);
  outbox.add([{ kind: 'due' }]);
  const first = outbox.emptied(60_000).then(() => log.push('first'));
  outbox.add([{ kind: 'missed' }]);
  const second = outbox.emptied(60_000).then(() => log.push('second'));
  await outbox.emptied(1);
  log.push('tired of waiting');
  gates[0]?.resolve();
  await first;
  gates[1]?.resolve();
  await second;
  expect(log).toEqual(['tired of waiting', 'sent 1', 'first', 'sent 2', 'second']);
  await outbox.stop();
});
