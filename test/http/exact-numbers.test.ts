// What a request says in numbers comes back as it was written: in the record, the lists, the callback; two orders beyond
// 2^53 are two, for the filter and for an Idempotency-Key as well.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cancelJob } from '../../src/store/cancel.ts';
import { type Api, startApi } from '../rig/api.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const AUDIO = '"audio_url":"https://cdn.example.org/a.mp3"';
async function create(fields: string, key?: string) {
  const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
  return api.call({ method: 'POST', url: '/v2/pre-recorded', body: `{${AUDIO},${fields}}`, headers });
}
const list = async (query: string) =>
  (await api.call({ url: `/v2/pre-recorded?${query}` })).json.items.map(({ id }: { id: string }) => id);
const byJson = (json: string) => list(`custom_metadata=${encodeURIComponent(json)}`);

const METADATA =
  '{"order":9007199254740993,"z":[1.0,0.1000,-0,1e400,1E5,12345678901234567890,4.9e-324],"b":{"a":1e+2,"n":null},"10":1}';
/** As JavaScript orders names: those that are numbers first. */
const KEPT = METADATA.replace(',"10":1', '').replace('{', '{"10":1,');

test('the record, the lists, a wait, a cancellation and its callback have each number as it was written', async () => {
  const callback = '"callback":true,"callback_config":{"url":"https://app.example.org/hooks"}';
  const { json } = await create(`${callback},"price":19.90,"custom_metadata":${METADATA}`);
  const url = `/v2/pre-recorded/${json.id}`;
  const shown = async (of: string) => (await api.call({ url: of })).text;
  const request = `"request_params":{${AUDIO},${callback},"price":19.90,"custom_metadata":${KEPT},`;
  for (const text of [
    await shown(url),
    await shown('/v2/pre-recorded?limit=1'),
    await shown(`${url}?wait=0`),
  ]) {
    expect(text).toContain(`"custom_metadata":${KEPT},"error_code"`);
    expect(text).toContain(request);
  }
  const cancelled = await api.call({ method: 'POST', url: `/api/transcriptions/${json.id}/cancel` });
  expect(cancelled.text).toContain(`"custom_metadata":${KEPT},"error_code"`);
  const { full_body } = await api.db
    .selectFrom('delivery')
    .select('full_body')
    .where('job_id', '=', json.id)
    .executeTakeFirstOrThrow();
  expect(String(full_body)).toContain(`"custom_metadata":${KEPT}}`);
});

test('known fields take any spelling of their number, and are checked as ever', async () => {
  const config = (fields: string) => create(`"subtitles":true,"subtitles_config":{${fields}}`);
  expect((await config('"minimum_duration":1.0,"maximum_rows_per_caption":2e0')).status).toBe(201);
  for (const [fields, sentence] of [
    ['"minimum_duration":30.0000000000000001e1', 'minimum_duration must not be greater than 30'],
    ['"maximum_rows_per_caption":1.50', 'maximum_rows_per_caption must be an integer number'],
    ['"minimum_duration":2.0,"maximum_duration":1.0', 'minimum_duration must not be greater than'],
  ] as const)
    expect((await config(fields)).json.validation_errors[0]).toContain(`subtitles_config.${sentence}`);
  const metadata = `{"a":${'1'.repeat(1_994)}}`;
  expect((await create(`"custom_metadata":${metadata}`)).status).toBe(201);
  expect((await create(`"custom_metadata":${metadata.replace('}', '1}')}`)).json.validation_errors).toEqual([
    'custom_metadata must be shorter than or equal to 2000 characters as JSON',
  ]);
});

test.each(['__proto__', 'constructor":{"prototype', 'toString'])(
  'a field called %s changes nothing',
  async (name) => {
    const close = name.includes('{') ? '}' : '';
    const { status } = await create(`"custom_metadata":{"n":1.0,"${name}":{"polluted":1.0}${close}}`);
    expect(status).toBe(name === 'toString' ? 201 : 400);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect((await api.call({ url: '/v2/pre-recorded' })).status).toBe(200);
  },
);

const made = async (metadata: string) => (await create(`"custom_metadata":${metadata}`)).json.id as string;

test('the filter finds a number by its value, with all of its digits, however it is written', async () => {
  const [even, odd, text] = [
    await made('{"n":9007199254740992}'),
    await made('{"n":9007199254740993}'),
    await made('{"n":"9007199254740993"}'),
  ];
  expect(await byJson('{"n":9007199254740992}')).toEqual([even]);
  for (const query of ['{"n":9007199254740993}', '{"n":"9007199254740993"}'])
    expect(await byJson(query)).toEqual([text, odd]);
  expect(await byJson('{"n":9007199254740993.0}')).toEqual([odd]);
  expect(await list('custom_metadata[n]=9007199254740993')).toEqual([text, odd]);
  expect(await list('custom_metadata[n]=9007199254740992')).toEqual([even]);
});

test.each([
  ['1.0', ['1', '1.0', '1.00', '10e-1', '"1"', '"1.0"', '"01"'], ['1.01', '"1."']],
  ['1', ['1', '1.0', '1E0', '"1"', '"1.00"'], ['2']],
  ['"1.0"', ['1.0', '"1.0"'], ['1', '1.00']],
  ['-0', ['0', '-0', '0.0', '"-0"', '0e99999999999999999999'], ['1']],
  ['1e400', ['1e400', '10E399', '"1e400"'], ['1e401', '-1e400', '1e308']],
  ['-1e-99999', ['-1e-99999', '-10e-100000'], ['1e-99999', '0']],
  ['1E99999999999999999999', ['1e99999999999999999999'], ['1e400']],
  ['0.1000', ['0.1', '0.10', '1e-1', '"0.1"'], ['0.1000000000000000055511151231257827']],
  ['true', ['true', '"true"'], ['1']],
])('a stored %s is found by %j, not by %j', async (stored, by, notBy) => {
  const tag = randomUUID();
  const id = await made(`{"tag":"${tag}","a":{"n":${stored}},"list":[7,${stored}]}`);
  for (const [values, expected] of [
    [by, [id]],
    [notBy, []],
  ] as const)
    for (const value of values)
      for (const query of [`{"tag":"${tag}","a":{"n":${value}}}`, `{"tag":"${tag}","list":[${value}]}`])
        expect([query, await byJson(query)]).toEqual([query, expected]);
});

test('under one Idempotency-Key: bodies that differ beyond 2^53 are two, spellings of one number are one', async () => {
  const [first, other] = [
    '"custom_metadata":{"n":9007199254740993}',
    '"custom_metadata":{"n":9007199254740992}',
  ];
  const key = randomUUID();
  const { json } = await create(first, key);
  expect((await create(first, key)).json).toEqual(json);
  expect((await create(first.replace('3}', '3.0}'), key)).json).toEqual(json);
  expect((await create(other, key)).status).toBe(409);
  const plain = randomUUID();
  const one = await create('"custom_metadata":{"n":1}', plain);
  expect((await create('"custom_metadata":{"n":1.0}', plain)).json).toEqual(one.json);
  expect((await create('"custom_metadata":{"n":1.0000000000000000001}', plain)).status).toBe(409);
});

test('numbers that PostgreSQL would write out with thousands of digits take no room', async () => {
  const id = await made(`{"n":[${Array(200).fill('1e9999')}]}`);
  const { rows } = await api.db.executeQuery<{ bytes: number }>({
    sql: 'SELECT octet_length(custom_metadata::text) AS bytes FROM job WHERE id = $1',
    parameters: [id],
  } as never);
  expect(rows[0]?.bytes).toBeLessThan(4_000);
  await cancelJob(api.db, api.account, id, () => ({
    error: { code: 'cancelled', message: 'x' },
    delivery: null,
  }));
});
