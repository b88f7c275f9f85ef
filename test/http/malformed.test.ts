// What is no proper request: every answer is a 4xx or what the request asked for, never a 5xx, and the server goes on.
import fc from 'fast-check';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { USUAL_PATIENCE } from '../../src/http/patience.ts';
import { type Api, startApi } from '../rig/api.ts';
import { openRaw } from '../rig/raw.ts';

let api: Api;
let url: string;
const failures: string[] = [];
beforeAll(async () => {
  const log = pino({ level: 'error' }, { write: (line: string) => void failures.push(line) });
  // What breaks off in the middle is waited for no longer than that.
  const patience = { ...USUAL_PATIENCE, headersMs: 500, bodyMs: 500, answerMs: 2_000, lingerMs: 100 };
  api = await startApi({ log, front: { connections: 1_000, patience } });
  url = await api.server.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => api.stop());

/** What the server says to these bytes; a connection that it keeps open is not waited for. */
async function say(bytes: string | Buffer): Promise<string> {
  const raw = await openRaw(url);
  raw.socket.write(bytes);
  const answer = (await raw.closed(3_000)) ?? raw.text();
  raw.socket.destroy();
  return answer;
}

const statuses = (answer: string) =>
  [...answer.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status));

const request = (line: string, headers: readonly string[] = [], body = '') =>
  `${[line, 'host: x', ...headers, 'connection: close'].join('\r\n')}\r\n\r\n${body}`;
const key = () => `x-gladia-key: ${api.key}`;
const json = 'content-type: application/json';

test.each([
  ['an absolute address', 'GET http://other.example/healthz HTTP/1.1', 200],
  ['an absolute address with a query', 'GET http://other.example/readyz?x=1 HTTP/1.1', 200],
  ['an absolute address of https', 'GET https://other.example/healthz HTTP/1.1', 200],
  ['an absolute address without a path', 'GET http://other.example HTTP/1.1', 200],
  ['an absolute address of no route', 'GET http://other.example/x/y HTTP/1.1', 404],
  ['an absolute address that is none', 'GET http://[/healthz HTTP/1.1', 400],
  ['another scheme', 'GET ftp://other.example/healthz HTTP/1.1', 200],
  ['no address', 'GET mailto:a@b HTTP/1.1', 400],
  ['a path without a slash', 'GET healthz HTTP/1.1', 400],
  ['the server as a whole', 'OPTIONS * HTTP/1.1', 204],
  ['two slashes', 'GET //healthz HTTP/1.1', 404],
  ['a percent sign that is none', 'GET /v2/pre-recorded/%zz HTTP/1.1', 400],
  ['half a character', 'GET /v2/pre-recorded/%e2%82 HTTP/1.1', 400],
  ['U+0000 in a path', 'GET /file/%00 HTTP/1.1', 401],
  ['a long path', `GET /file/${'a'.repeat(8_000)} HTTP/1.1`, 400],
  ['a line that is too long', `GET /${'a'.repeat(70_000)} HTTP/1.1`, 431],
  ['no such method', 'BREW /healthz HTTP/1.1', 400],
  ['a method that is refused', 'TRACE /healthz HTTP/1.1', 404],
  ['a tunnel', 'CONNECT other.example:443 HTTP/1.1', 405],
  ['no such version', 'GET /healthz HTTP/9.9', 400],
  ['HTTP/2 by a client that was not asked', 'PRI * HTTP/2.0', 400],
  ['no HTTP', '\u0016\u0003\u0001 hello', 400],
])('%s', async (_what, line, status) => {
  expect(statuses(await say(request(line)))).toEqual([status]);
});

test('HTTP/1.0, upgrades, Expect, and what headers say of a body', async () => {
  expect(statuses(await say('GET /healthz HTTP/1.0\r\n\r\n'))).toEqual([200]);
  const upgrade = ['connection: upgrade', 'upgrade: websocket'];
  expect(statuses(await say(request('GET /healthz HTTP/1.1', upgrade)))).toEqual([200]);
  expect(statuses(await say(request('GET /healthz HTTP/1.1', ['upgrade: h2c'])))).toEqual([200]);
  expect(
    statuses(
      await say(
        request(
          'POST /v2/pre-recorded HTTP/1.1',
          [key(), json, 'expect: miracles', 'content-length: 2'],
          '{}',
        ),
      ),
    ),
  ).toEqual([417]);
  for (const wrong of [
    ['content-length: -1'],
    ['content-length: 1e3'],
    ['content-length: 3', 'content-length: 4'],
    ['content-length: 3', 'transfer-encoding: chunked'],
    ['transfer-encoding: gzip'],
    ['transfer-encoding: chunked, gzip'],
    ['no colon'],
    [' : x'],
    ['a: b\u0000c'],
  ])
    expect([
      wrong,
      ...statuses(await say(request('POST /v2/pre-recorded HTTP/1.1', [key(), json, ...wrong], 'zz\r\n'))),
    ]).toEqual([wrong, 400]);
  for (const body of ['zz\r\n', '5\r\nabc', 'fffffffffffffffff\r\n', '3\r\nabcdef\r\n0\r\n\r\n'])
    expect(
      statuses(
        await say(
          request('POST /v2/pre-recorded HTTP/1.1', [key(), json, 'transfer-encoding: chunked'], body),
        ),
      ),
    ).not.toContain(500);
});

const PART = '--b\r\ncontent-disposition: form-data; name="audio"; filename="a.wav"\r\n\r\nRIFF\r\n';
const multiparts: [string, string, string][] = [
  ['an end that is none', 'multipart/form-data; boundary=b', `${PART}--b-`],
  ['no end', 'multipart/form-data; boundary=b', PART],
  ['nothing but an end', 'multipart/form-data; boundary=b', '--b--'],
  ['nothing', 'multipart/form-data; boundary=b', ''],
  ['another boundary', 'multipart/form-data; boundary=c', `${PART}--b--\r\n`],
  ['no boundary', 'multipart/form-data', PART],
  ['an empty boundary', 'multipart/form-data; boundary=', PART],
  ['a long boundary', `multipart/form-data; boundary=${'b'.repeat(5_000)}`, PART],
  ['another multipart', 'multipart/mixed; boundary=b', PART],
  [
    'a part without a name',
    'multipart/form-data; boundary=b',
    '--b\r\ncontent-disposition: form-data\r\n\r\nx\r\n--b--\r\n',
  ],
  ['a part without headers', 'multipart/form-data; boundary=b', '--b\r\n\r\nx\r\n--b--\r\n'],
  [
    'a header without an end',
    'multipart/form-data; boundary=b',
    '--b\r\ncontent-disposition: form-data; name="audio',
  ],
  ['a broken header', 'multipart/form-data; boundary=b', '--b\r\n:::\r\n\r\nx\r\n--b--\r\n'],
  [
    'a part with a huge header',
    'multipart/form-data; boundary=b',
    `--b\r\na: ${'x'.repeat(90_000)}\r\n\r\nx\r\n--b--\r\n`,
  ],
  ['__proto__ as a name', 'multipart/form-data; boundary=b', PART.replace('audio', '__proto__')],
  [
    'a thousand fields',
    'multipart/form-data; boundary=b',
    '--b\r\ncontent-disposition: form-data; name="x"\r\n\r\n1\r\n'.repeat(1_000),
  ],
  [
    'a file name that is no text',
    'multipart/form-data; boundary=b',
    `${PART.replace('a.wav', '\u0000/../%00')}--b--\r\n`,
  ],
];
test.each(multiparts)('an upload with %s is refused or taken', async (_what, type, body) => {
  const answer = await say(
    request(
      'POST /v2/upload HTTP/1.1',
      [key(), `content-type: ${type}`, `content-length: ${Buffer.byteLength(body)}`],
      body,
    ),
  );
  const [status] = statuses(answer);
  expect([answer.slice(0, 600), status !== undefined && status < 500]).toEqual([answer.slice(0, 600), true]);
});

/** Requests that are right, to be damaged. */
const good = () => {
  const body = '{"audio_url":"https://cdn.example.org/a.mp3"}';
  const upload = `${PART}--b--\r\n`;
  return [
    request('GET /v2/pre-recorded?limit=2&custom_metadata[a][b]=c&after_date=2026-01-01 HTTP/1.1', [key()]),
    request('GET /api/callbacks?state=failed&endpoint=x HTTP/1.1', [key(), 'range: bytes=0-1']),
    request('POST /v2/pre-recorded HTTP/1.1', [key(), json, `content-length: ${body.length}`], body),
    request(
      'POST /v2/pre-recorded HTTP/1.1',
      [key(), json, 'transfer-encoding: chunked'],
      `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ),
    request(
      'POST /v2/upload HTTP/1.1',
      [key(), 'content-type: multipart/form-data; boundary=b', `content-length: ${upload.length}`],
      upload,
    ),
    request('DELETE /v2/pre-recorded/6f0b1a52-0000-4000-8000-000000000000 HTTP/1.1', [key(), json]),
    request('POST /api/replays HTTP/1.1', [key(), json, 'content-encoding: gzip', 'content-length: 2'], '{}'),
    request('GET /docs HTTP/1.1', ['if-none-match: *', 'accept-encoding: br']),
  ];
};
const odd = fc.constantFrom(
  '\r\n',
  '\n',
  '\0',
  '%',
  '%00',
  '%zz',
  '\u00ff',
  ':',
  ' ',
  '"',
  '--b',
  '[',
  ']',
  '&',
  '=',
  '\t',
  '{',
  '999999999999',
  '-1',
  '../',
  '*',
);
const damage = fc.record({
  of: fc.nat(),
  at: fc.nat(),
  cut: fc.nat({ max: 6 }),
  put: fc.array(odd, { maxLength: 3 }),
  short: fc.boolean(),
});

test('400 requests, each damaged in its own way: none is answered with a 5xx', async () => {
  const cases = fc.sample(damage, { numRuns: 400, seed: 20_261_126 });
  const damaged = cases.map(({ of, at, cut, put, short }) => {
    const whole = good()[of % 8] as string;
    const place = at % whole.length;
    return Buffer.from(
      whole.slice(0, place) + put.join('') + (short ? '' : whole.slice(place + cut)),
      'latin1',
    );
  });
  for (let first = 0; first < damaged.length; first += 20)
    await Promise.all(
      damaged.slice(first, first + 20).map(async (bytes) => {
        const answer = await say(bytes);
        const wrong = statuses(answer).filter((status) => status >= 500);
        expect([bytes.toString('latin1'), wrong]).toEqual([bytes.toString('latin1'), []]);
      }),
    );
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
}, 120_000);

test('nothing of all this was logged as a failure of ours', () => {
  expect(failures).toEqual([]);
});
