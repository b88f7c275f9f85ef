// Which servers live on a database, and what becomes of those that do not.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { settleKeys } from '../../src/store/keys.ts';
import { beat, leave, printOf, register, type Self } from '../../src/store/processes.ts';
import { migratedDatabase } from '../rig/postgres.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
beforeAll(async () => {
  database = await migratedDatabase();
});
beforeEach(async () => {
  await database.db.deleteFrom('process').execute();
});
afterAll(() => database.drop());

const server = (secret: string, more: Partial<Self> = {}): Self => ({
  id: randomUUID(),
  roles: ['api'],
  apiKeys: [],
  secretPrints: [printOf(secret)],
  ...more,
});
const registered = (self: Self) =>
  register(database.db, self, '/audio', null).then(
    () => 'registered',
    (error: Error) => error.message,
  );
const rows = async () =>
  (await database.db.selectFrom('process').select('id').execute()).map(({ id }) => id).sort();

test('one that left makes room at once; one that fell silent after 30 s', async () => {
  const first = server('one');
  await registered(first);
  expect(await registered(server('two'))).toContain('RINGBACK_SIGNING_SECRET');
  await sql`UPDATE process SET beat_at = now() - interval '29 s'`.execute(database.db);
  expect(await registered(server('two'))).toContain('RINGBACK_SIGNING_SECRET');
  await sql`UPDATE process SET beat_at = now() - interval '31 s'`.execute(database.db);
  const second = server('two');
  expect(await registered(second)).toBe('registered');
  expect(await rows()).toEqual([second.id]);
  await leave(database.db, second.id);
  expect(await registered(server('three'))).toBe('registered');
});

test.skipIf(process.platform !== 'linux')(
  'one of this machine whose process is gone is dead at once',
  async () => {
    const child = spawn('true');
    await once(child, 'exit');
    await registered(server('one'));
    await database.db
      .updateTable('process')
      .set({ pid: child.pid as number, host: hostname(), pid_space: readlinkSync('/proc/self/ns/pid') })
      .execute();
    expect(await registered(server('two'))).toBe('registered');
    await sql`UPDATE process SET pid_space = 'pid:[1]', pid = ${child.pid}`.execute(database.db);
    expect(await registered(server('three'))).toContain('RINGBACK_SIGNING_SECRET');
  },
);

test('ten that start at once with two secrets: those of one secret live', async () => {
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) => registered(server(n % 2 === 0 ? 'even' : 'odd'))),
  );
  expect(answers.filter((answer) => answer === 'registered')).toHaveLength(5);
});

test('one that was taken for dead comes back with its keys', async () => {
  const self = server('one', { apiKeys: ['rb_mine_0123456789abcdef'] });
  await registered(self);
  await settleKeys(database.db, self.apiKeys);
  expect(await beat(database.db, self)).toBe(true);
  await leave(database.db, self.id);
  await settleKeys(database.db, []);
  const key = () =>
    database.db.selectFrom('api_key').select('revoked_at').where('source', '=', 'setting').executeTakeFirst();
  expect((await key())?.revoked_at).not.toBeNull();
  expect(await beat(database.db, self)).toBe(false);
  await settleKeys(database.db, self.apiKeys);
  expect((await key())?.revoked_at).toBeNull();
  expect(await rows()).toEqual([self.id]);
});
