// A database that is away, told at its source: where the connection is known, not by what an error says.
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { shortageOf } from '../../src/shortage.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { freshDatabase } from '../rig/postgres.ts';
import { startProxy, type TcpProxy } from '../rig/proxy.ts';

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let proxy: TcpProxy;
let database: Database;

beforeAll(async () => {
  fresh = await freshDatabase();
  proxy = await startProxy(Number(new URL(fresh.url).port));
  const url = new URL(fresh.url);
  url.host = `127.0.0.1:${proxy.port}`;
  database = openDatabase({ connectionString: url.href, size: 3, onError: () => {} });
});
beforeEach(() => proxy.setMode('forward'));
afterAll(async () => {
  await database.close();
  await proxy.close();
  await fresh.drop();
});

const failing = (statement: string) =>
  sql
    .raw(statement)
    .execute(database.db)
    .then(
      () => null,
      (error: unknown) => error,
    );
const whileRunning = async (how: 'fin' | 'rst') => {
  const error = failing('SELECT pg_sleep(20)');
  for (;;) {
    const { rows } = await sql<{ n: number }>`SELECT count(*) AS n FROM pg_stat_activity
      WHERE query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid() AND state = 'active'`.execute(
      database.db,
    );
    if ((rows[0]?.n ?? 0) > 0) break;
  }
  proxy.cut(how);
  return error;
};

test.each(['fin', 'rst'] as const)(
  'a connection that ends by %s under a statement: the database is away',
  async (how) => {
    expect(shortageOf(await whileRunning(how))).toBe('database');
  },
);

test('no connection to be had: the database is away', async () => {
  await failing('SELECT 1');
  proxy.cut('rst');
  proxy.setMode('refuse');
  const error = await failing('SELECT 1');
  expect(shortageOf(error)).toBe('database');
  expect((error as Error).message).toContain('cannot be reached');
});

test('a connection broken inside a transaction: the database is away, also for what comes after', async () => {
  const told: unknown[] = [];
  const error = await database.db
    .transaction()
    .execute(async (trx) => {
      await sql`SELECT 1`.execute(trx);
      proxy.cut('rst');
      await sql`SELECT 2`.execute(trx).catch((caught: unknown) => told.push(caught));
      await sql`SELECT 3`.execute(trx);
    })
    .catch((caught: unknown) => caught);
  expect([...told, error].map(shortageOf)).toEqual(['database', 'database']);
});

test('a statement that is wrong is our own fault, on a connection that goes on', async () => {
  expect(shortageOf(await failing('SELECT nothing'))).toBeNull();
  expect(shortageOf(await failing('SELECT 1 / 0'))).toBeNull();
  expect(await failing('SELECT 1')).toBeNull();
});

test('values that cannot be sent are our own fault', async () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  const error = await sql`SELECT ${circle}`.execute(database.db).catch((caught: unknown) => caught);
  expect(shortageOf(error)).toBeNull();
  expect(error).toBeInstanceOf(TypeError);
});
