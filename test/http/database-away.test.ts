import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { findAccounts } from '../../src/store/keys.ts';
import { type Api, startApi } from '../rig/api.ts';

let api: Api;
/** Nobody listens on port 1. */
let gone: Database;
let away = true;

beforeAll(async () => {
  gone = openDatabase({
    connectionString: 'postgres://nobody:x@127.0.0.1:1/none',
    size: 1,
    onError: () => {},
  });
  api = await startApi({
    findAccounts: (keys) => findAccounts(away ? gone.db : api.db, keys),
  });
});

afterAll(async () => {
  await api.stop();
  await gone.close();
});

test('while the database is away the answer is 503 with Retry-After, and 200 when it is back', async () => {
  const { status, headers, json } = await api.call({ url: '/v2/pre-recorded' });
  expect([status, headers['retry-after'], json.error.reason]).toEqual([503, '5', 'not_ready']);
  away = false;
  expect((await api.call({ url: '/v2/pre-recorded' })).status).toBe(200);
});
