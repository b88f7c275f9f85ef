// The pool and the connection for news when the network between us and PostgreSQL fails, through a real TCP proxy. A
// lost connection that ended the process would fail this file as an uncaught exception.
import { sql } from 'kysely';
import { beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { type Database, type Db, openDatabase } from '../../src/store/database.ts';
import type { News } from '../../src/store/news.ts';
import { eventually } from '../rig/eventually.ts';
import { startProxy, type TcpProxy } from '../rig/proxy.ts';

const STATEMENT_MS = 500;

let proxy: TcpProxy;
let database: Database;
let direct: Database;
let errors: Error[];

beforeAll(async () => {
  direct = openDatabase({ connectionString: inject('postgres'), size: 2, onError: () => {} });
  const leave = await direct.join();
  return async () => {
    await leave();
    await direct.close();
  };
});
beforeEach(async () => {
  const url = new URL(inject('postgres'));
  proxy = await startProxy(Number(url.port));
  url.port = String(proxy.port);
  errors = [];
  database = openDatabase({
    connectionString: url.href,
    size: 3,
    statementMs: STATEMENT_MS,
    onError: (error) => errors.push(error),
  });
  return async () => {
    await database.close();
    await proxy.close();
  };
});

const ask = (db: Db = database.db) => sql<{ one: number }>`SELECT 1 AS one`.execute(db);

/** What is heard through the proxy of what is told without it. */
function hear(): News['kind'][] {
  const heard: News['kind'][] = [];
  database.db.teller.hear(({ kind }) => heard.push(kind));
  return heard;
}
const tell = () => direct.db.teller.tell([{ kind: 'due' }]);

test.each(['fin', 'rst'] as const)(
  'a connection cut (%s) with a query in flight costs that query only',
  async (how) => {
    const running = sql`SELECT pg_sleep(0.4)`.execute(database.db);
    await eventually(
      () => proxy.open,
      (open) => open === 1,
    );
    proxy.cut(how);
    await expect(running).rejects.toThrow();
    expect((await ask()).rows).toEqual([{ one: 1 }]);
  },
);

test('a connection cut inside a transaction, between its statements, costs that transaction only', async () => {
  const transaction = database.db.transaction().execute(async (trx) => {
    await ask(trx);
    proxy.cut('rst');
    await eventually(
      () => proxy.open,
      (open) => open === 0,
    );
    await ask(trx);
  });
  await expect(transaction).rejects.toThrow();
  expect((await ask()).rows).toEqual([{ one: 1 }]);
});

test('when the answer to a commit is lost, hearers are told to look for themselves', async () => {
  const heard = hear();
  const lost = database.db.commit(async (trx) => {
    await ask(trx);
    trx.changed.push({ kind: 'due' });
    proxy.cut('rst');
  });
  await expect(lost).rejects.toThrow();
  expect(heard).toEqual(['missed']);
});

test('a connection that falls silent is given up, and the pool is as good as new afterwards', async () => {
  await ask();
  proxy.setMode('silent');
  await expect(ask()).rejects.toThrow('did not answer within 5.5 s');
  proxy.setMode('forward');
  for (let n = 0; n < 5; n++) expect((await ask()).rows).toEqual([{ one: 1 }]);
}, 30_000);

test('the row locks of a client that vanished in mid-transaction are free again soon', async () => {
  await sql`CREATE TABLE public.vanished (id int PRIMARY KEY)`.execute(direct.db);
  await sql`INSERT INTO public.vanished VALUES (1)`.execute(direct.db);
  const free = async () =>
    (await sql`SELECT id FROM public.vanished FOR UPDATE SKIP LOCKED`.execute(direct.db)).rows.length === 1;
  const locked = Promise.withResolvers<void>();
  const transaction = database.db.transaction().execute(async (trx) => {
    await sql`SELECT id FROM public.vanished FOR UPDATE`.execute(trx);
    locked.resolve();
    await ask(trx);
    // The server never hears this, nor the rollback.
    await new Promise((resolve) => setImmediate(resolve));
    await ask(trx);
  });
  transaction.catch(() => {});
  await locked.promise;
  proxy.setMode('silent');
  expect(await free()).toBe(false);
  await eventually(free, (is) => is, 10_000);
  await expect(transaction).rejects.toThrow();
}, 30_000);

test('statements that take too long are ended by the server; migrations have no limit', async () => {
  await expect(sql`SELECT pg_sleep(2)`.execute(database.db)).rejects.toMatchObject({ code: '57014' });
  const unhurried = openDatabase({
    connectionString: inject('postgres'),
    size: 1,
    onError: () => {},
    statementMs: null,
  });
  const { rows } = await sql<{ statement_timeout: string }>`SHOW statement_timeout`.execute(unhurried.db);
  await unhurried.close();
  expect(rows).toEqual([{ statement_timeout: '0' }]);
});

test('a listener through an outage: one try at a time, one connection afterwards, and it hears again', async () => {
  const heard = hear();
  const leave = await database.join();
  expect(heard).toEqual(['missed']);
  proxy.setMode('refuse');
  proxy.cut('rst');
  // Two tries planned per failed one made 32 of them in 3 s, and 542 listeners after 6 s.
  await eventually(
    () => proxy.accepted,
    (accepted) => accepted >= 5,
  );
  const before = proxy.accepted;
  const from = performance.now();
  await eventually(
    () => proxy.accepted,
    (accepted) => accepted >= before + 4,
  );
  expect(performance.now() - from).toBeGreaterThan(1_400);
  proxy.setMode('forward');
  await eventually(
    () => heard.length,
    (count) => count === 2,
  );
  expect(proxy.open).toBe(1);
  tell();
  await eventually(
    () => heard,
    (all) => all.includes('due'),
  );
  await leave();
  expect(errors.length).toBeGreaterThan(0);
}, 30_000);

test('a listener on a silent connection notices by itself and hears again', async () => {
  const heard = hear();
  const leave = await database.join();
  proxy.setMode('silent');
  proxy.setMode('forward');
  tell();
  // The news is lost on the dead line; after the reconnect its hearer is told to look for itself.
  await eventually(
    () => heard,
    (all) => all.length === 2,
    30_000,
  );
  expect(heard).toEqual(['missed', 'missed']);
  tell();
  await eventually(
    () => heard,
    (all) => all.includes('due'),
  );
  await leave();
}, 60_000);

test('a listener that cannot connect at first says so and leaves nothing behind', async () => {
  proxy.setMode('refuse');
  await expect(database.join()).rejects.toThrow();
  const before = proxy.accepted;
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  expect(proxy.accepted).toBe(before);
});
