// Bodies of as many bytes as are allowed, made to cost as much work as they can: none stops the process, which others'
// requests, the callbacks and the database wait for, for more than 200 ms at a time.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Api, NO_LIMITS, startApi } from '../rig/api.ts';

const BYTES = NO_LIMITS.requestBytes;
const MOST_MS = 200;

let api: Api;
let url: string;
beforeAll(async () => {
  api = await startApi();
  url = await api.server.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => api.stop());

/** As many of `item(n)`, divided by commas, as fit between the two. */
function filled(before: string, item: string | ((number: number) => string), after: string): string {
  const items: string[] = [];
  let left = BYTES - before.length - after.length - 10;
  for (let number = 0; left > 0; number++) {
    const one = typeof item === 'string' ? item : item(number);
    items.push(one);
    left -= one.length + 1;
  }
  items.pop();
  return `${before}${items.join(',')}${after}`;
}

const job = '{"audio_url":"https://cdn.example.org/a.mp3"';
const BODIES: Record<string, string> = {
  'half a million wrong words of a vocabulary': filled(`${job},"custom_vocabulary":[`, '0', ']}'),
  'half a million wrong languages': filled(`${job},"language_config":{"languages":[`, '1', ']}}'),
  'half a million nulls': filled(`${job},"custom_vocabulary":[`, 'null', ']}'),
  'empty objects as words': filled(`${job},"custom_vocabulary_config":{"vocabulary":[`, '{}', ']}}'),
  'good words, too many': filled(`${job},"custom_vocabulary":[`, '"a"', ']}'),
  'a spelling dictionary of wrong lists': filled(
    `${job},"custom_spelling_config":{"spelling_dictionary":{`,
    (n) => `"${n.toString(36)}":1`,
    '}}}',
  ),
  'a spelling dictionary of good lists': filled(
    `${job},"custom_spelling":true,"custom_spelling_config":{"spelling_dictionary":{`,
    (n) => `"${n.toString(36)}":["a"]`,
    '}}}',
  ),
  'wrong values under one long name': `${job},"custom_spelling_config":{"spelling_dictionary":{"${'~'.repeat(900_000)}":[${Array(1_900).fill(1)}]}}}`,
  'wrong values under names of 10 kB': filled(
    `${job},"custom_spelling_config":{"spelling_dictionary":{`,
    (n) => `"${`${n}`.padEnd(10_000, '~')}":[${Array(19).fill(1)}]`,
    '}}}',
  ),
  'metadata of small values': filled(`${job},"custom_metadata":{`, (n) => `"${n.toString(36)}":1`, '}}'),
  'metadata of one list': filled(`${job},"custom_metadata":{"a":[`, '1', ']}}'),
  'unknown fields': filled(`${job},`, (n) => `"x${n.toString(36)}":1`, '}'),
  'fields that are null': filled(`${job},`, (n) => `"x${n.toString(36)}":null`, '}'),
  'one field again and again': filled(`${job},`, '"a":1', '}'),
  'lists in lists': `${job},"custom_metadata":{"a":${'['.repeat(450_000)}${']'.repeat(450_000)}}}`,
  'objects in objects': `${job},"a":${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}}`,
  'wide lists in lists': filled(`${job},"a":[`, `${'['.repeat(60)}${']'.repeat(60)}`, ']}'),
  '__proto__ everywhere': filled(`${job},"a":[`, '{"__proto__":1}', ']}'),
  'names with escapes': filled(`${job},"a":[`, '{"\\u005f\\u005fproto":1}', ']}'),
  'numbers that JavaScript would write otherwise': filled(`${job},"a":[`, '1.0', ']}'),
  'one such number after half a million others': filled(`${job},"a":[1.0,`, '1', ']}'),
  'one such number after lists in lists': filled(`${job},"a":[1.0,`, '[[1]]', ']}'),
  'numbers of 16 digits': filled(`${job},"a":[`, '1234567890123456', ']}'),
  'a long number': `${job},"a":${'9'.repeat(BYTES - 100)}}`,
  'a long name': `${job},"${'n'.repeat(BYTES - 100)}":1}`,
  'a long URL': `{"audio_url":"https://cdn.example.org/${'a'.repeat(BYTES - 100)}"}`,
  'a long text with half a pair at its end': `${job},"context_prompt":"${'a'.repeat(BYTES - 100)}\\ud800"}`,
  'no JSON after a megabyte': `${job},"a":"${'a'.repeat(BYTES - 100)}"`,
  'entity types': filled(
    `${job},"pii_redaction":true,"pii_redaction_config":{"entity_types":[`,
    '"x"',
    ']}}',
  ),
};

/** Processor time of the longest turn of the event loop: what other programs on this machine take does not count. */
async function longestBlock(body: string): Promise<number> {
  let longest = 0;
  let going = true;
  let before = process.threadCpuUsage();
  const turn = () => {
    const { user, system } = process.threadCpuUsage(before);
    longest = Math.max(longest, (user + system) / 1_000);
    before = process.threadCpuUsage();
    if (going) setImmediate(turn);
  };
  setImmediate(turn);
  const response = await fetch(`${url}/v2/pre-recorded`, {
    method: 'POST',
    headers: {
      'x-gladia-key': api.key,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    },
    body,
  });
  expect((await response.text()).length).toBeLessThan(64_000);
  going = false;
  expect([201, 400]).toContain(response.status);
  return longest;
}

test.each(Object.entries(BODIES))('%s', async (_what, body) => {
  expect(body.length).toBeLessThanOrEqual(BYTES);
  // The first time, the code is not compiled yet.
  const blocks = [await longestBlock(body), await longestBlock(body)];
  expect(Math.min(...blocks)).toBeLessThan(MOST_MS);
});

const long = '\u00e9'.repeat(100_000);
test.each([
  [
    'a long name on the way',
    { custom_spelling: true, custom_spelling_config: { spelling_dictionary: { [long]: [1, 2] } } },
  ],
  ['a long name of a field that no database holds', { [long]: '\0' }],
  ['a long name above what is too deep', { [long]: JSON.parse(`${'['.repeat(70)}${']'.repeat(70)}`) }],
  ['a long name in metadata', { custom_metadata: { a: { [long]: '\ud800' } } }],
  [
    'long names of types',
    { pii_redaction: true, pii_redaction_config: { entity_types: Array(4).fill(long) } },
  ],
  [
    '200 types',
    { pii_redaction: true, pii_redaction_config: { entity_types: Array(200).fill('\u0001'.repeat(99)) } },
  ],
  ['1,000 languages', { custom_vocabulary: Array(1_000).fill({ value: 'a', language: long.slice(0, 9) }) }],
  [
    'long URLs',
    { audio_url: `ftp://${'\u0001'.repeat(8_000)}`, callback_url: `ftp://${'\u0001'.repeat(8_000)}` },
  ],
])('a refusal of %s quotes the beginning of it', async (_what, fields) => {
  const body = { audio_url: 'https://cdn.example.org/a.mp3', ...fields };
  const { status, text, json } = await api.call({ method: 'POST', url: '/v2/pre-recorded', body });
  expect(status).toBe(400);
  expect(Buffer.byteLength(text)).toBeLessThan(64_000);
  for (const sentence of json.validation_errors) expect(sentence).not.toMatch(/(.)\1{200}/);
});

test('a refusal of a long path quotes the beginning of it', async () => {
  const raw = await fetch(`${url}/${'n'.repeat(15_000)}`);
  expect(raw.status).toBe(404);
  expect((await raw.text()).length).toBeLessThan(2_000);
});
