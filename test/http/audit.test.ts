// `GET /api/audit`: who made and revoked keys, and rotated the signing secret.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MOST_ENTRIES } from '../../src/store/audit.ts';
import { createKey, revokeKey } from '../../src/store/keys.ts';
import { type Api, startApi } from '../rig/api.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const audit = async (as: string) => (await api.call({ url: '/api/audit', as })).json.items;

test('every change of keys and secrets is there with who asked for it, to its account alone', async () => {
  const { key, accountId, id } = await createKey(api.db, 'owner');
  const make = { method: 'POST', url: '/api/keys', body: { name: 'for CI' }, as: key } as const;
  const { json: ci } = await api.call(make);
  const rotated = await api.call({ method: 'POST', url: '/api/signing-secrets/rotate', as: ci.key });
  expect([rotated.status, rotated.text]).toEqual([201, expect.any(String)]);
  await api.call({ method: 'DELETE', url: `/api/keys/${ci.id}`, as: key });
  const local = await createKey(api.db, 'by command', { id: accountId });
  await revokeKey(api.db, local.id);
  const owner = { id, name: 'owner', prefix: key.slice(0, 8) };
  const byCi = { id: ci.id, name: 'for CI', prefix: ci.prefix };
  expect(await audit(key)).toEqual(
    [
      ['key.revoked', null, { id: local.id, name: 'by command' }],
      ['key.created', null, { id: local.id, name: 'by command' }],
      ['key.revoked', owner, { id: ci.id, name: 'for CI' }],
      ['secret.rotated', byCi, null],
      ['key.created', owner, { id: ci.id, name: 'for CI' }],
      ['key.created', null, { id, name: 'owner' }],
    ].map(([action, by, key]) => ({ at: expect.any(String), action, by, key })),
  );
  expect(JSON.stringify(await audit(api.stranger))).not.toContain('for CI');
});

test('what is refused changes nothing, and is not there', async () => {
  const { key, id } = await createKey(api.db, 'lonely');
  const refused = await api.call({ method: 'DELETE', url: `/api/keys/${id}`, as: key });
  expect(refused.json.error.reason).toBe('api_key_last');
  expect(await audit(key)).toHaveLength(1);
});

test('the last 200 of an account are kept, and all of its neighbours', async () => {
  const { key } = await createKey(api.db, 'busy');
  const neighbour = await createKey(api.db, 'quiet');
  for (let n = 0; n < MOST_ENTRIES / 2 + 5; n++) {
    const { json } = await api.call({
      method: 'POST',
      url: '/api/keys',
      body: { name: `key ${n}` },
      as: key,
    });
    await api.call({ method: 'DELETE', url: `/api/keys/${json.id}`, as: key });
  }
  const entries = await audit(key);
  expect(entries).toHaveLength(MOST_ENTRIES);
  expect(entries[0]).toMatchObject({ action: 'key.revoked', key: { name: `key ${MOST_ENTRIES / 2 + 4}` } });
  expect(await audit(neighbour.key)).toHaveLength(1);
});
