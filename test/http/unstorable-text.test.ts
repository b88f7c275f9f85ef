// Found by the generated bodies: a U+0000 or half a surrogate pair anywhere in a body, which PostgreSQL's JSON refuses, was
// a 500; so was metadata nested deeper than the call stack.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { unstorable } from '../../src/http/validation.ts';
import { type Api, startApi } from '../rig/api.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

test.each<[string, string, string]>([
  [
    'U+0000 in a value',
    '{"note":"a\\u0000b"}',
    'custom_metadata.note must not contain U+0000 or half a surrogate pair',
  ],
  [
    'half a pair',
    '{"tags":["x","\\ud83d"]}',
    'custom_metadata.tags.1 must not contain U+0000 or half a surrogate pair',
  ],
  [
    'U+0000 in a name',
    '{"a":{"b\\u0000":1}}',
    'custom_metadata.a must not have names that contain U+0000 or half a surrogate pair',
  ],
  ['65 levels', nested(65), 'custom_metadata must not be nested deeper than 64 levels'],
  ['100,000 levels', nested(100_000), 'custom_metadata must not be nested deeper than 64 levels'],
])('%s is refused with its path', async (_, metadata, sentence) => {
  const body = `{"audio_url":"https://cdn.example.org/a.mp3","custom_metadata":${metadata}}`;
  const answer = await api.call({ method: 'POST', url: '/v2/pre-recorded', body });
  expect([answer.status, answer.json.validation_errors]).toEqual([400, [sentence]]);
});

test('a whole pair, and 60 levels, are taken', async () => {
  const body = `{"audio_url":"https://cdn.example.org/a.mp3","custom_metadata":{"face":"\\ud83d\\ude00","deep":${nested(60)}}}`;
  expect((await api.call({ method: 'POST', url: '/v2/pre-recorded', body })).status).toBe(201);
});

test.each([
  '/v2/pre-recorded?status=%00',
  '/v2/pre-recorded/%00',
  '/api/callbacks?endpoint=%00&after=%00',
  '/file/%00',
])('GET %s is no 5xx', async (url) => {
  expect((await api.call({ url })).status).toBeLessThan(500);
});

test('of several, the first is named, lists and names counted', () => {
  expect(unstorable({ a: [{ b: ['x', 'y\0'] }, 'z\0'], c: '\ud83d' })).toBe(
    'a.0.b.1 must not contain U+0000 or half a surrogate pair',
  );
  expect(unstorable({ a: { '\ud83d': 1, b: '\0' } }, 'custom_metadata')).toBe(
    'custom_metadata.a must not have names that contain U+0000 or half a surrogate pair',
  );
});

test('a body of half a million values takes no longer to look through than to read', () => {
  const body = JSON.stringify({ list: Array.from({ length: 170_000 }, () => [[1]]) });
  const processor = (work: () => unknown) => {
    const before = process.threadCpuUsage();
    for (let times = 0; times < 5; times++) work();
    const after = process.threadCpuUsage();
    return after.user + after.system - before.user - before.system;
  };
  const reading = processor(() => JSON.parse(body));
  const parsed = JSON.parse(body);
  // A fifth; with a path made for each value five to twelve times as long.
  expect(processor(() => unstorable(parsed))).toBeLessThan(reading);
});
