// Signed addresses of audio are long: 8,192 characters are stored and shown whole; longer ones are refused with their length.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Api, startApi } from '../rig/api.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const START = 'https://cdn.example.org/a.mp3?X-Amz-Security-Token=';
const url = (length: number) => START + 'Aé%2B'.repeat(length).slice(0, length - START.length);
const create = (fields: object) =>
  api.call({ method: 'POST', url: '/v2/pre-recorded', body: JSON.stringify(fields) });

test('8,192 characters are taken, stored and shown; 8,193 are not', async () => {
  const audio_url = url(8_192);
  const { status, json } = await create({ audio_url });
  expect(status).toBe(201);
  const record = await api.call({ url: `/v2/pre-recorded/${json.id}` });
  expect(record.json.request_params.audio_url).toBe(audio_url);
  const row = await api.db
    .selectFrom('job')
    .select('audio_url')
    .where('id', '=', json.id)
    .executeTakeFirstOrThrow();
  expect(row.audio_url).toBe(audio_url);
  expect((await api.call({ url: '/v2/pre-recorded' })).json.items[0].request_params.audio_url).toBe(
    audio_url,
  );

  const refused = await create({ audio_url: url(8_193) });
  expect(refused.status).toBe(400);
  expect(refused.json.validation_errors).toEqual([
    'audio_url must be shorter than or equal to 8192 characters (it has 8193)',
  ]);
});

test('an upload by URL, and the shorter limit of a callback, say the length too', async () => {
  const upload = (audio_url: string) =>
    api.call({ method: 'POST', url: '/v2/upload', body: JSON.stringify({ audio_url }) });
  // Fetched, which fails here.
  expect((await upload(url(8_192))).json.error.reason).toBe('audio_unreachable');
  expect((await upload(url(8_193))).json.validation_errors[0]).toMatch(/^audio_url .*8193/);
  const { json } = await create({
    audio_url: url(100),
    callback: true,
    callback_config: { url: url(2_049) },
  });
  expect(json.validation_errors[0]).toMatch(/^callback_config.url .* 2049 characters, and at most 2048/);
});
