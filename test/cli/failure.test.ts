// What a person reads of failures: each made by the real thing that fails so.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { sentenceOf } from '../../src/cli/failure.ts';
import { SettingsError } from '../../src/settings.ts';
import { freshDatabase } from '../rig/postgres.ts';

const failureOf = (work: () => Promise<unknown>) =>
  work().then(
    () => 'it worked',
    (error: unknown) => sentenceOf(error),
  );

function listening(host: string, port: number): Promise<unknown> {
  const server = createServer().listen(port, host);
  return once(server, 'listening').finally(() => server.close());
}

function connecting(connectionString: string, query = 'SELECT 1'): Promise<unknown> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  return client
    .connect()
    .then(() => client.query(query))
    .finally(() => client.end());
}

test('a port that is taken, and an address of another machine', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  expect(await failureOf(() => listening('127.0.0.1', port))).toMatch(
    new RegExp(`^something listens on port ${port} already: .*--port \\(RINGBACK_PORT\\)$`),
  );
  taken.close();
  expect(await failureOf(() => listening('192.0.2.1', 0))).toBe(
    '192.0.2.1 is no address of this machine: see --host (RINGBACK_HOST)',
  );
});

test('a database that is away, that refuses, that has other tables: never its raw error', async () => {
  const fresh = await freshDatabase();
  const at = (change: (url: URL) => void) => {
    const url = new URL(fresh.url);
    change(url);
    return url.href;
  };
  const away = at((url) => {
    url.port = '1';
  });
  expect(await failureOf(() => connecting(away))).toMatch(
    /^DATABASE_URL: nothing listens at 127\.0\.0\.1:1: /,
  );
  const nowhere = at((url) => {
    url.hostname = 'nowhere.invalid';
  });
  expect(await failureOf(() => connecting(nowhere))).toMatch(/^DATABASE_URL: its host has no address/);
  const missing = at((url) => {
    url.pathname = '/no_such_database';
  });
  expect(await failureOf(() => connecting(missing))).toMatch(/^DATABASE_URL: .*"no_such_database".*createdb/);
  expect(await failureOf(() => connecting(fresh.url, 'SELECT * FROM no_such_table'))).toMatch(
    /^the database was made by another version of Ringback \(.*no_such_table/,
  );
  expect(
    await failureOf(() => connecting(fresh.url, 'SET transaction_read_only = on; CREATE TABLE t ()')),
  ).toMatch(/^the database is read-only .*DATABASE_URL must name the primary server$/);
  await fresh.drop();
});

test('our own faults keep their stack and their causes, and name a database that refused underneath', () => {
  const refused = Object.assign(new Error('too many clients already'), { severity: 'FATAL', code: '53300' });
  expect(sentenceOf(new Error('starting failed', { cause: refused }))).toBe(
    'starting failed: the database has no connection left (too many clients already): raise its max_connections, or run fewer processes',
  );
  const fault = new Error('undefined is not a function', { cause: new Error('deeper') });
  expect(sentenceOf(fault)).toMatch(
    /^Error: undefined is not a function\n {4}at .*[\s\S]*\ncaused by Error: deeper\n/,
  );
  expect(sentenceOf(new SettingsError(['RINGBACK_PORT: must be a number']))).toBe(
    'RINGBACK_PORT: must be a number',
  );
  expect(sentenceOf('thrown as it is')).toBe('thrown as it is');
});
