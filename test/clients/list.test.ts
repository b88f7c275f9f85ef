// The filters of `GET /v2/pre-recorded`, sent by the official client in its own spelling.
import { GladiaClient } from '@gladiaio/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { API_KEY, type App, startApp } from '../rig/app.ts';

const DAY_MS = 86_400_000;
const day = (offset: number) => new Date(Date.now() + offset * DAY_MS).toISOString();

let app: App;
let sdk: ReturnType<GladiaClient['preRecorded']>;
const id: Record<string, string> = {};

beforeAll(async () => {
  app = await startApp({ RINGBACK_ROLE: 'api' });
  sdk = new GladiaClient({ apiKey: API_KEY, apiUrl: app.url }).preRecorded();
  for (const [name, custom_metadata] of [
    ['ann', { user: 'Ann', order: 17 }],
    ['bob', { user: 'Bob', order: 18 }],
    ['none', undefined],
  ] as const)
    id[name] = (
      await sdk.create({
        audio_url: 'https://cdn.example.org/call-42.mp3',
        ...(custom_metadata && { custom_metadata }),
      })
    ).id;
});
afterAll(() => app.stop());

const found = async (params: Parameters<typeof sdk.list>[0]) =>
  (await sdk.list(params)).items.map((item) => item.id);

test('custom_metadata in brackets, compared loosely: the client sends every value as text', async () => {
  expect(await found({ custom_metadata: { user: 'Ann' } })).toEqual([id.ann]);
  expect(await found({ custom_metadata: { order: 18 } })).toEqual([id.bob]);
  expect(await found({ custom_metadata: { user: 'Ann', order: '18' } })).toEqual([]);
});

test('custom_metadata as JSON text', async () => {
  const query = new URLSearchParams({ custom_metadata: JSON.stringify({ user: 'Bob' }) });
  const { json } = await app.call('GET', `/v2/pre-recorded?${query}`);
  expect(json.items.map((item: { id: string }) => item.id)).toEqual([id.bob]);
});

test('date, before_date, after_date', async () => {
  const all = [id.none, id.bob, id.ann];
  expect(await found({ date: day(0).slice(0, 10) })).toEqual(all);
  expect(await found({ date: day(-2).slice(0, 10) })).toEqual([]);
  expect(await found({ after_date: day(-1), before_date: day(1) })).toEqual(all);
  expect(await found({ after_date: day(1) })).toEqual([]);
  expect(await found({ before_date: day(-1) })).toEqual([]);
});

test('links keep the filters: a page followed by its link is filtered like the first', async () => {
  const first = await sdk.list({ after_date: day(-1), custom_metadata: { user: 'Ann' }, limit: 1 });
  expect(first.items.map((item) => item.id)).toEqual([id.ann]);
  expect(first.next).toBeNull();
  expect((await sdk.list({ url: first.first })).items.map((item) => item.id)).toEqual([id.ann]);
});

test('a date that is none is refused by name', async () => {
  await expect(sdk.list({ date: 'yesterday' })).rejects.toMatchObject({
    status: 400,
    responseBody: { validation_errors: [expect.stringMatching(/^date must/)] },
  });
});
