// An account's own keys through the API: shown once, listed without their secret part, revoked but never the last.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listKeys, settleKeys } from '../../src/store/keys.ts';
import { type Api, startApi } from '../rig/api.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const make = (name: unknown, as = api.key) =>
  api.call({ method: 'POST', url: '/api/keys', body: { name }, as });
const revoke = (id: string, as = api.key) => api.call({ method: 'DELETE', url: `/api/keys/${id}`, as });
const works = async (key: string) => (await api.call({ url: '/v2/pre-recorded?limit=1', as: key })).status;

test('a key is shown when it is made and never again; it opens the same account until it is revoked', async () => {
  const made = await make('ci');
  expect(made).toMatchObject({
    status: 201,
    headers: { 'cache-control': 'no-store' },
    json: { name: 'ci', source: 'created', key: expect.stringMatching(/^rb_/), revoked_at: null },
  });
  const { id, key, prefix } = made.json;
  expect(key.startsWith(prefix)).toBe(true);
  expect(await works(key)).toBe(200);
  const listed = await api.call({ url: '/api/keys', as: key });
  expect(listed.json.items).toMatchObject([
    { name: 'mine', last_used_at: expect.any(String) },
    { id, name: 'ci', prefix, last_used_at: expect.any(String), revoked_at: null },
  ]);
  expect(listed.text).not.toContain(key);
  expect(listed.text).not.toContain('hash');

  expect(await revoke(id)).toMatchObject({ status: 200, json: { id, revoked_at: expect.any(String) } });
  expect(await works(key)).toBe(401);
  expect(await revoke(id)).toMatchObject({ status: 404, json: { error: { reason: 'api_key_unknown' } } });
});

test('the last key in use cannot be revoked, not even by two that revoke one another at the same instant', async () => {
  const [only] = (await api.call({ url: '/api/keys', as: api.stranger })).json.items;
  expect(await revoke(only.id, api.stranger)).toMatchObject({
    status: 409,
    json: { error: { reason: 'api_key_last' } },
  });
  for (let round = 0; round < 5; round++) {
    const second = (await make('second', api.stranger)).json;
    const [first] = (await api.call({ url: '/api/keys', as: second.key })).json.items.filter(
      (key: { revoked_at: string | null; id: string }) => key.revoked_at === null && key.id !== second.id,
    );
    const outcomes = await Promise.all([revoke(first.id, second.key), revoke(second.id, second.key)]);
    expect(outcomes.filter(({ status }) => status === 200)).toHaveLength(1);
    // The survivor goes on.
    if (outcomes[0].status === 200) api.stranger = second.key;
  }
});

test('a key of the setting is taken out there, not here', async () => {
  await settleKeys(api.db, ['configured-0123456789']);
  const row = (await listKeys(api.db)).find(({ source }) => source === 'setting');
  expect(await revoke(row?.id as string, 'configured-0123456789')).toMatchObject({
    status: 409,
    json: { error: { reason: 'api_key_configured', message: expect.stringContaining('RINGBACK_API_KEYS') } },
  });
});

test('bad names, unknown ids, other accounts, and too many', async () => {
  expect((await make('')).json.validation_errors).toEqual(['name must not be empty']);
  expect((await make('x'.repeat(101))).json.validation_errors).toEqual([
    'name must be shorter than or equal to 100 characters (it has 101)',
  ]);
  expect((await api.call({ method: 'POST', url: '/api/keys', body: {} })).json.validation_errors).toEqual([
    'name is required',
  ]);
  expect((await revoke(randomUUID())).status).toBe(404);
  expect((await revoke('nonsense')).status).toBe(404);
  const theirs = (await api.call({ url: '/api/keys', as: api.stranger })).json.items[0];
  expect((await revoke(theirs.id)).status).toBe(404);
  const inUse = (await listKeys(api.db, api.account)).filter(({ revoked_at }) => revoked_at === null).length;
  await api.db
    .insertInto('api_key')
    .values(
      Array.from({ length: 98 - inUse }, (_, n) => ({
        account_id: api.account,
        name: `key ${n}`,
        prefix: 'rb_',
        hash: Buffer.from(`hash ${n}`),
        source: 'created' as const,
      })),
    )
    .execute();
  const made = await Promise.all(Array.from({ length: 6 }, (_, n) => make(`late ${n}`)));
  expect(made.map(({ status }) => status).toSorted()).toEqual([201, 201, 409, 409, 409, 409]);
  expect(made.find(({ status }) => status === 409)?.json.error.reason).toBe('api_keys_too_many');
});
