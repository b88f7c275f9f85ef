// `GET /v2/pre-recorded` on a real database: filters, loose metadata, links that keep them, long pages in pieces.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readMetadataQuery } from '../../src/http/metadata-query.ts';
import type { JobState } from '../../src/job.ts';
import { type Api, startApi } from '../rig/api.ts';

let api: Api;
const named = new Map<string, string>();

type Made = { state?: JobState; at: string; metadata?: object | null; result?: string };

async function make(name: string, { state = 'queued', at, metadata = null, result = '{}' }: Made) {
  const id = randomUUID();
  named.set(id, name);
  const ended = state === 'done' || state === 'error';
  await api.db
    .insertInto('job')
    .values({
      id,
      account_id: api.account,
      state,
      audio_url: 'https://cdn.example.org/call.mp3',
      request: '{}',
      custom_metadata: metadata === null ? null : JSON.stringify(metadata),
      created_at: new Date(at),
      completed_at: ended ? new Date(at) : null,
      lease_until: state === 'processing' ? new Date(at) : null,
      result: state === 'done' ? result : null,
      error_code: state === 'error' ? 'internal' : null,
      error_message: state === 'error' ? 'x' : null,
    })
    .execute();
  return id;
}

beforeAll(async () => {
  api = await startApi();
  await make('ann', {
    at: '2026-03-01T00:00:00Z',
    state: 'done',
    metadata: { user: 'Ann', n: 42, vip: true },
  });
  await make('bob', { at: '2026-03-01T23:59:59.999Z', state: 'error', metadata: { user: 'Bob', n: '42' } });
  await make('cid', {
    at: '2026-03-02T00:00:00Z',
    state: 'processing',
    metadata: { user: { name: 'Cid', tags: ['new', 7], note: null }, __proto__x: 'y', 'a&b': 'c d+é' },
  });
  await make('dan', {
    at: '2026-03-03T12:00:00Z',
    metadata: {
      lines: [
        { sku: 1, size: 'L' },
        { sku: 2, size: 'M' },
      ],
    },
  });
  await make('eve', { at: '2026-03-04T12:00:00Z' });
});
afterAll(() => api.stop());

type Page = { first: string; current: string; next: string | null; items: { id: string }[] };
const names = (page: Page) => page.items.map(({ id }) => named.get(id));

async function list(query: string): Promise<string> {
  const { status, json, text } = await api.call({ url: `/v2/pre-recorded?${query}` });
  expect(status, text).toBe(200);
  return names(json).join(' ');
}

test.each([
  ['', 'eve dan cid bob ann'],
  ['status=done', 'ann'],
  ['status=done&status=error', 'bob ann'],
  ['status=done&status=done', 'ann'],
  ['status=queued&status=processing&status=error&limit=2&offset=1', 'dan cid'],
  ['date=2026-03-01', 'bob ann'],
  ['date=2026-03-05', ''],
  ['date=2026-03-01T13:00:00Z', 'bob ann'],
  ['date=2026-03-02T00:30:00%2B01:00', 'bob ann'],
  ['after_date=2026-03-02', 'eve dan cid'],
  ['after_date=2026-03-02T00:00:00.001Z', 'eve dan'],
  ['before_date=2026-03-02', 'bob ann'],
  ['before_date=2026-03-02T01:00:00%2B01:00', 'bob ann'],
  ['after_date=2026-03-02&before_date=2026-03-04&status=queued', 'dan'],
  ['date=2026-03-01&after_date=2026-03-01T12:00:00Z', 'bob'],
  ['offset=4', 'ann'],
  ['offset=5', ''],
  ['date=&custom_metadata=&limit=', 'eve dan cid bob ann'],
])('?%s', async (query, expected) => {
  expect(await list(query)).toBe(expected);
});

test.each([
  ['{"user":"Ann"}', 'ann'],
  ['{"user":"ann"}', ''],
  ['{"n":42}', 'bob ann'],
  ['{"n":"42"}', 'bob ann'],
  ['{"n":"42.0"}', 'ann'],
  ['{"vip":"true"}', 'ann'],
  ['{"user":{"name":"Cid"}}', 'cid'],
  ['{"user":{"tags":["7","new"]}}', 'cid'],
  ['{"user":{"tags":["new","old"]}}', ''],
  ['{"user":{"note":"null"}}', 'cid'],
  ['{"user":{}}', 'cid'],
  ['{"lines":[{"sku":"1","size":"L"}]}', 'dan'],
  // One element has to have both.
  ['{"lines":[{"sku":1,"size":"M"}]}', ''],
  ['{"lines":[{"sku":1},{"size":"M"}]}', 'dan'],
  ['{"user":"Ann","n":"42"}', 'ann'],
  ['{}', 'eve dan cid bob ann'],
])('custom_metadata=%s', async (json, expected) => {
  expect(await list(`custom_metadata=${encodeURIComponent(json)}`)).toBe(expected);
});

test.each([
  ['custom_metadata[user]=Ann', 'ann'],
  ['custom_metadata%5Bn%5D=42', 'bob ann'],
  ['custom_metadata[n]=42&custom_metadata[user]=Ann', 'ann'],
  ['custom_metadata[user][name]=Cid', 'cid'],
  ['custom_metadata[user][tags][]=7&custom_metadata[user][tags][]=new', 'cid'],
  ['custom_metadata[user][tags][0]=7', 'cid'],
  ['custom_metadata[a%26b]=c+d%2B%C3%A9', 'cid'],
  ['custom_metadata[__proto__]=x', ''],
])('%s', async (query, expected) => {
  expect(await list(query)).toBe(expected);
});

test.each([
  ['limit=0', 'limit must not be less than 1'],
  ['limit=1001', 'limit must not be greater than 1000'],
  ['limit=ten', 'limit must be an integer number'],
  ['offset=-1', 'offset must not be less than 0'],
  ['status=finished', 'status must be one of the following values: queued, processing, done, error'],
  ['date=2026-02-30', 'date must be a date written YYYY-MM-DD, or a date and time with its zone on that day'],
  ['before_date=yesterday', /^before_date must be a valid ISO 8601 date string/],
  ['after_date=2026-03-02T00:00:00', /^after_date must be a valid ISO 8601 date string/],
  ['custom_metadata=Ann', /^custom_metadata must be an object/],
  ['custom_metadata=[1]', /^custom_metadata must be an object/],
  ['custom_metadata[user]=[object%20Object]', /^custom_metadata\.user must be a value: .* in JSON$/],
  [
    'custom_metadata[a]=1&custom_metadata[a][b]=2',
    /^custom_metadata\.a\.b must be either a value or an object/,
  ],
  ['custom_metadata[]=1', /^custom_metadata must be written/],
  ['custom_metadata[a]=%00', /^custom_metadata\.a must not contain/],
  [`custom_metadata[a]=${'x'.repeat(2_000)}`, /^custom_metadata must be shorter/],
  // Unbounded, these took seconds to compare, and were too deep to walk.
  [`custom_metadata={"a":[[${'1,'.repeat(3_500)}1]]}`, /^custom_metadata must be shorter/],
  [`custom_metadata={"a":${'['.repeat(3_500)}1${']'.repeat(3_500)}}`, /^custom_metadata must be shorter/],
  [`custom_metadata={"a":[[${'1,'.repeat(900)}1]]}`, /^custom_metadata must contain no more than 50 values/],
  [`custom_metadata=${'{"a":'.repeat(11)}1${'}'.repeat(11)}`, /^custom_metadata must not be nested deeper/],
  [
    `custom_metadata=${encodeURIComponent(JSON.stringify({ a: [Array.from({ length: 7 }, (_, n) => n)] }))}`,
    /^custom_metadata must ask for less at once/,
  ],
])('400 names the field: ?%s', async (query, expected) => {
  const { status, json } = await api.call({ url: `/v2/pre-recorded?${query}` });
  expect([status, json.validation_errors]).toEqual([
    400,
    [typeof expected === 'string' ? expected : expect.stringMatching(expected)],
  ]);
});

test('result=false leaves the results out and everything else in', async () => {
  const whole = (await api.call({ url: '/v2/pre-recorded?status=done&date=2026-03-01' })).json.items[0];
  const light = (await api.call({ url: '/v2/pre-recorded?status=done&date=2026-03-01&result=false' })).json;
  expect(whole.result).toEqual({});
  expect(light.items).toEqual([{ ...whole, result: null }]);
  expect(light.first).toContain('result=false');
  const wrong = await api.call({ url: '/v2/pre-recorded?result=no' });
  expect([wrong.status, wrong.json.validation_errors]).toEqual([400, ['result must be true or false']]);
});

test('links are absolute and keep every filter: following next walks the whole list', async () => {
  const filters =
    'status=queued&status=processing&status=done&status=error&after_date=2026-02-01&custom_metadata[user][name]=Cid';
  const found = await api.call({ url: `/v2/transcription/?${filters}` });
  expect(names(found.json)).toEqual(['cid']);
  expect(new URL(found.json.current).searchParams.getAll('status')).toHaveLength(4);
  expect(new URL(found.json.current).searchParams.get('custom_metadata[user][name]')).toBe('Cid');

  let url: string | null =
    '/v2/pre-recorded?after_date=2026-03-01&status=queued&status=done&status=error&limit=1';
  const walked: unknown[] = [];
  const firsts = new Set<string>();
  while (url !== null) {
    const { json } = await api.call({ url });
    walked.push(...names(json));
    firsts.add(json.first);
    expect(json.current).toContain(
      'https://stt.example.org/v2/pre-recorded?after_date=2026-03-01&status=queued',
    );
    url = json.next?.replace('https://stt.example.org', '') ?? null;
  }
  expect(walked).toEqual(['eve', 'dan', 'bob', 'ann']);
  expect([...firsts]).toEqual([
    'https://stt.example.org/v2/pre-recorded?after_date=2026-03-01&status=queued&status=done&status=error&limit=1&offset=0',
  ]);
});

test('a page of long results comes whole, in order', async () => {
  const words = 'word '.repeat(220_000);
  const long = JSON.stringify({ text: words });
  const ids: string[] = [];
  for (let n = 0; n < 5; n++)
    ids.unshift(await make(`long ${n}`, { at: `2027-01-01T00:00:0${n}Z`, state: 'done', result: long }));
  const { json } = await api.call({ url: '/v2/pre-recorded?after_date=2027-01-01' });
  expect(json.items.map((item: { id: string }) => item.id)).toEqual(ids);
  expect(json.items.every((item: { result: { text: string } }) => item.result.text === words)).toBe(true);
});

test('brackets and JSON mean the same', () => {
  const read = (query: Record<string, unknown>) => {
    const problems: string[] = [];
    return [readMetadataQuery(query, problems), problems];
  };
  expect(read({ 'custom_metadata[a][b]': '1', 'custom_metadata[c]': ['x', 'y'] })).toEqual(
    read({ custom_metadata: '{"a":{"b":"1"},"c":["x","y"]}' }),
  );
  expect(read({ limit: '5' })).toEqual([undefined, []]);
});
