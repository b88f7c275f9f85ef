// `GET /api/search`: what somebody has in hand, found among their own things alone.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bounds } from '../../src/store/search.ts';
import { type Api, startApi } from '../rig/api.ts';
import { openAnyDelivery } from '../rig/delivery.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

// biome-ignore lint/suspicious/noExplicitAny: bodies are what the tests are about; each asserts their shape
async function search(q: string, as?: string): Promise<any[]> {
  const { status, json } = await api.call({
    url: `/api/search?q=${encodeURIComponent(q)}`,
    ...(as && { as }),
  });
  expect(status).toBe(200);
  return json.items;
}

test('an id or its beginning finds each kind; of nobody else', async () => {
  const { json: job } = await api.call({
    method: 'POST',
    url: '/v2/pre-recorded',
    body: {
      audio_url: 'https://cdn.example.org/a.wav?token=s3cret',
      callback: true,
      callback_config: { url: 'https://app.example.org/hooks?key=s3cret' },
      custom_metadata: { order: 'A-17' },
    },
  });
  const { json: inbox } = await api.call({ method: 'POST', url: '/api/inboxes', body: { name: 'mine' } });
  for (const [kind, id] of [
    ['transcription', job.id],
    ['inbox', inbox.id],
  ])
    for (const digits of [4, 8, 9, 13, 20, 36]) {
      const q = id.slice(0, digits);
      expect(await search(q), q).toContainEqual(expect.objectContaining({ kind, id, matched: 'id' }));
      expect(await search(q.toUpperCase())).toContainEqual(expect.objectContaining({ id }));
      expect(await search(q, api.stranger), q).not.toContainEqual(expect.objectContaining({ id }));
    }
  const keys = (await api.call({ url: '/api/keys' })).json.items;
  expect(await search(keys[0].id)).toMatchObject([{ kind: 'key', id: keys[0].id, state: 'active' }]);

  expect(await search('order=A-17')).toMatchObject([
    { kind: 'transcription', id: job.id, matched: 'custom_metadata' },
  ]);
  expect(await search('order=A-18')).toEqual([]);
  expect(await search('order=A-17', api.stranger)).toEqual([]);
  expect(JSON.stringify(await search(job.id))).not.toContain('s3cret');
});

test('callbacks and endpoints by id, endpoints by a part of their URL', async () => {
  const callback = await openAnyDelivery(api.db, api.account, 'https://app.example.org/hooks/stt?key=s3cret');
  const endpoint = (await api.call({ url: `/api/callbacks/${callback}` })).json.endpoint_id;
  expect(await search(callback.slice(0, 8))).toContainEqual(
    expect.objectContaining({ kind: 'callback', id: callback, title: 'https://app.example.org/hooks/stt?…' }),
  );
  expect(await search(endpoint)).toMatchObject([{ kind: 'endpoint', id: endpoint, matched: 'id' }]);
  expect(await search('hooks/stt')).toMatchObject([{ kind: 'endpoint', id: endpoint, matched: 'url' }]);
  expect(await search('APP.example')).toMatchObject([{ id: endpoint }]);
  expect(await search('%')).toEqual([]);
  expect(JSON.stringify(await search('hooks/stt'))).not.toContain('s3cret');
});

test.each(['', '   ', 'x'.repeat(2_001)])('what cannot be looked for is refused by name: %#', async (q) => {
  const { status, json } = await api.call({ url: `/api/search?q=${encodeURIComponent(q)}` });
  expect([status, json.validation_errors[0]]).toEqual([400, expect.stringMatching(/^q must/)]);
});

test('odd texts find nothing and break nothing', async () => {
  for (const q of [
    "'; drop table job; --",
    '\\',
    '=',
    'a=',
    '[x]=1',
    'order[a]=1',
    '____',
    '0000',
    '🎧',
    'zzzz',
  ])
    expect(await search(q), q).toEqual([]);
});

test('bounds of a beginning', () => {
  expect(bounds('1ea8f66a')).toEqual([
    '1ea8f66a-0000-0000-0000-000000000000',
    '1ea8f66a-ffff-ffff-ffff-ffffffffffff',
  ]);
  expect(bounds('1ea8f66a-d5')).toEqual([
    '1ea8f66a-d500-0000-0000-000000000000',
    '1ea8f66a-d5ff-ffff-ffff-ffffffffffff',
  ]);
});
