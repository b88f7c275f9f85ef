// What is asked of webhooks: made, changed, refused with a sentence, masked at every exit, limited, and kept apart by account.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WEBHOOK_LIMITS } from '../../src/webhook.ts';
import { type Api, startApi } from '../rig/api.ts';

const TOKEN = 'query-s3cret';
const BEARER = 'bearer-s3cret';
const PASSWORD = 'pass-s3cret';
const BASIC = Buffer.from(`ann:${PASSWORD}`).toString('base64');

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const ask = (method: string, url: string, body?: object, as?: string) =>
  api.call({ method: method as 'GET', url, ...(body && { body }), ...(as && { as }) });
const events = ['transcription.success'];

test('nothing secret is shown again: not the query, not a header, not the user of the URL, not the signing secret', async () => {
  const made = await ask('POST', '/api/webhooks', {
    url: `https://ann:${PASSWORD}@app.example.org/hooks?token=${TOKEN}`,
    events,
    headers: { 'X-Token': BEARER },
  });
  expect(made.status).toBe(201);
  const { id, secret } = made.json;
  expect(secret).toMatch(/^whsec_/);
  const rotated = await ask('POST', `/api/webhooks/${id}/secret/rotate`, { overlap_seconds: 60 });
  expect(rotated.json.secret).not.toBe(secret);
  const test = await ask('POST', `/api/webhooks/${id}/test`, {});
  expect(test.status).toBe(202);
  const shown = [
    made.text.replace(secret, ''),
    rotated.text.replace(rotated.json.secret, ''),
    test.text,
    (await ask('GET', `/api/webhooks/${id}`)).text,
    (await ask('GET', '/api/webhooks')).text,
    (await ask('PATCH', `/api/webhooks/${id}`, { description: 'x' })).text,
    (await ask('GET', `/api/callbacks/${test.json.id}`)).text,
    (await ask('GET', `/api/callbacks/${test.json.id}/request`)).text,
    (await ask('GET', '/api/signing-secrets')).text,
  ].join('\n');
  for (const hidden of [TOKEN, BEARER, PASSWORD, BASIC, secret, rotated.json.secret])
    expect(shown).not.toContain(hidden);
  const { json } = await ask('GET', `/api/webhooks/${id}`);
  expect(json).toMatchObject({
    url: 'https://app.example.org/hooks?…',
    headers: { 'x-token': '…', authorization: '…' },
    secrets: [{ expires_at: null }, { expires_at: expect.any(String) }],
  });
});

test('headers stay with the origin they were given for', async () => {
  const { json } = await ask('POST', '/api/webhooks', {
    url: 'https://a.example.org/x',
    events,
    headers: { 'x-token': BEARER },
  });
  const at = `/api/webhooks/${json.id}`;
  expect((await ask('PATCH', at, { url: 'https://a.example.org/y' })).json.headers).toEqual({
    'x-token': '…',
  });
  expect((await ask('PATCH', at, { url: 'https://b.example.org/y' })).json.headers).toEqual({});
  expect((await ask('PATCH', at, { headers: { 'x-b': '1' } })).json.headers).toEqual({ 'x-b': '…' });
  expect((await ask('PATCH', at, { headers: null })).json.headers).toEqual({});
});

test('a change leaves alone what it does not name, and null takes a filter away', async () => {
  const fields = {
    url: 'https://a.example.org/x',
    events,
    metadata: { seats: 12 },
    payload: 'full',
    format: 'gladia',
  };
  const { json } = await ask('POST', '/api/webhooks', fields);
  const at = `/api/webhooks/${json.id}`;
  const paused = await ask('PATCH', at, { enabled: false });
  expect(paused.json).toMatchObject({ ...fields, enabled: false });
  expect((await ask('PATCH', at, { metadata: null })).json).toMatchObject({
    metadata: null,
    payload: 'full',
  });
  expect((await ask('PATCH', at, { metadata: {} })).json.metadata).toBeNull();
});

test.each([
  [{ events }, 'url'],
  [{ url: 'https://a.example.org' }, 'events'],
  [{ url: 'https://a.example.org', events: [] }, 'events'],
  [{ url: 'https://a.example.org', events: ['success'] }, 'events.0'],
  [{ url: 'http://127.0.0.1/hook', events }, 'url'],
  [{ url: 'http://169.254.169.254/latest', events }, 'url'],
  [{ url: 'ftp://a.example.org', events }, 'url'],
  [{ url: 'https://a.example.org', events, headers: { 'webhook-id': 'x' } }, 'headers.webhook-id'],
  [{ url: 'https://a.example.org', events, payload: 'half' }, 'payload'],
  [{ url: 'https://a.example.org', events, retries: 3 }, 'retries'],
  [{ url: 'https://a.example.org', events, metadata: { long: 'x'.repeat(2_000) } }, 'metadata'],
  [{ url: 'https://a.example.org', events, metadata: { many: Array(60).fill(1) } }, 'metadata must contain'],
  [
    { url: 'https://a.example.org', events, metadata: JSON.parse(`${'{"a":'.repeat(12)}1${'}'.repeat(12)}`) },
    'metadata must not be nested',
  ],
])('%j is refused, and the sentence names %s', async (body, field) => {
  const { status, json } = await ask('POST', '/api/webhooks', body);
  expect(status).toBe(400);
  expect(json.validation_errors.join('\n')).toContain(field);
});

test('a test of an event that a webhook does not hear of is refused with those it does', async () => {
  const { json } = await ask('POST', '/api/webhooks', { url: 'https://a.example.org', events });
  const refused = await ask('POST', `/api/webhooks/${json.id}/test`, { event: 'transcription.created' });
  expect([refused.status, refused.text.includes('transcription.success')]).toEqual([400, true]);
});

test('an account has so many at most, however many are asked for at once; another account sees none of them', async () => {
  const asked = Array.from({ length: WEBHOOK_LIMITS.webhooks + 5 }, () =>
    ask('POST', '/api/webhooks', { url: 'https://a.example.org', events }, api.stranger),
  );
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 201)).toHaveLength(WEBHOOK_LIMITS.webhooks);
  expect(statuses.filter((status) => status === 409)).toHaveLength(5);
  const theirs = (await ask('GET', '/api/webhooks?limit=100', undefined, api.stranger)).json.items;
  expect(theirs).toHaveLength(WEBHOOK_LIMITS.webhooks);
  const mine = (await ask('GET', '/api/webhooks?limit=100')).json.items.map(({ id }: { id: string }) => id);
  for (const { id } of theirs) expect(mine).not.toContain(id);
  expect((await ask('DELETE', `/api/webhooks/${theirs[0].id}`)).status).toBe(404);
});
