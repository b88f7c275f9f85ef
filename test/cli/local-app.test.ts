// One forwarded request to a program on this machine, over real sockets: what it gets, and what is made of its answer.
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { callLocal, endToEnd, localUrl } from '../../src/cli/local-app.ts';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function listen(server: Server | ReturnType<typeof createTcp>): Promise<URL> {
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`);
}
/** Says these bytes, whatever it is asked. */
const saying = (text: string) => listen(createTcp((socket) => socket.once('data', () => socket.end(text))));
const REQUEST = { method: 'POST', query: '', headers: [['content-length', '2']] };
const call = (target: URL, signal = AbortSignal.timeout(5_000)) =>
  callLocal(target, REQUEST, Buffer.from('{}'), signal);

test('headers in their order, spelling and number; not those of the connection, nor those it names', async () => {
  const raw: string[][] = [];
  const target = await listen(
    createServer((request, response) => {
      for (let at = 0; at < request.rawHeaders.length; at += 2)
        raw.push(request.rawHeaders.slice(at, at + 2));
      request.resume().on('end', () => response.end());
    }),
  );
  const headers = [
    ['Host', 'stt.example.org'],
    ['X-Two', '1'],
    ['Connection', 'close, X-Hop'],
    ['x-hop', 'a'],
    ['Transfer-Encoding', 'chunked'],
    ['Keep-Alive', 'timeout=5'],
    ['Webhook-Signature', 'v1,a= v1,b='],
    ['x-two', 'caf\u00e9'],
  ];
  await callLocal(
    target,
    { method: 'POST', query: '', headers },
    Buffer.from('{}'),
    AbortSignal.timeout(5_000),
  );
  expect(raw.filter(([name]) => name !== 'Connection')).toEqual([
    ['host', target.host],
    ['X-Two', '1'],
    ['Webhook-Signature', 'v1,a= v1,b='],
    ['x-two', 'caf\u00e9'],
    ['content-length', '2'],
  ]);
  expect(
    endToEnd([
      ['TE', 'trailers'],
      ['a', 'b'],
    ]),
  ).toEqual([['a', 'b']]);
});

test("a query goes behind the target's own", () => {
  expect(localUrl(new URL('http://x/h'), '?a=%20').href).toBe('http://x/h?a=%20');
  expect(localUrl(new URL('http://x/h?b=1'), '?a=2').href).toBe('http://x/h?b=1&a=2');
  expect(localUrl(new URL('http://x/h?b=1'), '').href).toBe('http://x/h?b=1');
});

test('its answer: bounded, without what is of the connection; a status that is none, and one cut short', async () => {
  const { answer, trouble } = await call(
    await saying(
      `HTTP/1.1 413 No\r\nX-A: 1\r\nx-a: 2\r\nSet-Cookie: a=b\r\nRetry-After: 9\r\nConnection: close\r\nX-Long: ${'l'.repeat(9_000)}\r\n\r\n${'b'.repeat(100_000)}`,
    ),
  );
  expect(trouble).toBeNull();
  expect(answer).toMatchObject({ status: 413, headers: { 'x-a': '1, 2', 'retry-after': '9' } });
  expect(Object.keys(answer.headers).sort()).toEqual(['retry-after', 'x-a']);
  expect(answer.body.length).toBe(65_536);
  expect((await call(await saying('HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n'))).answer.status).toBe(
    502,
  );
  // The status line has arrived: that is the answer.
  expect(
    (await call(await saying('HTTP/1.1 201 Yes\r\ncontent-length: 9\r\n\r\nbroken'))).answer,
  ).toMatchObject({
    status: 201,
  });
  const nonsense = await call(await saying('hello\r\n\r\n'));
  expect([nonsense.answer.status, nonsense.trouble]).toEqual([
    502,
    expect.stringContaining('gave no answer (HPE_'),
  ]);
});

test('nobody there, too slow, stopped: each an answer that makes the sender try again', async () => {
  const closed = await listen(createTcp());
  for (const server of open.splice(0)) server.close();
  const none = await call(closed);
  expect(none.answer).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
  expect(none.trouble).toMatch(/^nothing listens at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)/);
  const silent = await listen(createTcp((socket) => socket.on('error', () => {}).resume()));
  const late = await call(silent, AbortSignal.any([new AbortController().signal, AbortSignal.timeout(100)]));
  expect([late.answer.status, late.trouble]).toEqual([504, `${silent.origin} did not answer in time`]);
  const stopping = new AbortController();
  const stopped = call(silent, AbortSignal.any([stopping.signal, AbortSignal.timeout(5_000)]));
  setTimeout(() => stopping.abort(), 50);
  expect((await stopped).answer).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
});
