// The receiver zoo: every kind of far end a callback has met or will meet, over real sockets, and the record each must
// leave. No receiver here may keep an attempt past its deadline, have more than 16 KiB read, or be called twice.
// Slow and dead networks before a receiver is reached are in zoo-network.test.ts.
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ANSWER_HEAD_BYTES, type AttemptOutcome, post } from '../../src/deliver/post.ts';
import { verdict } from '../../src/deliver/verdict.ts';
import { parseNetworks } from '../../src/outbound/address.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { type Respond, startReceiver, startSocketServer } from '../rig/receiver.ts';

const pem = (name: string) => readFileSync(new URL(`../rig/tls/${name}.pem`, import.meta.url), 'utf8');
const pair = (name: string) => ({ key: pem(`${name}.key`), cert: pem(`${name}.cert`) });

/** Short for those that never end, long for those that do. */
const SHORT = 400;
const LONG = 10_000;
const BODY = Buffer.from('{"id":"1"}');
const LARGE = Buffer.alloc(8 * 1024 * 1024, 'a');

let outbound: Outbound;
beforeAll(() => {
  const allow = parseNetworks(['127.0.0.0/8', '::1/128']);
  outbound = new Outbound({ policy: { allow, own: [] }, ca: pem('good.cert') + pem('expired.cert') });
});
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});
afterAll(() => outbound.close());

async function send(url: string, deadlineMs: number, body: Uint8Array = BODY): Promise<AttemptOutcome> {
  const started = performance.now();
  const outcome = await post(
    { url, method: 'POST', headers: { 'webhook-id': 'd-1' }, body },
    { outbound, deadlineMs },
  );
  const took = performance.now() - started;
  expect(took, 'the deadline is hard').toBeLessThan(deadlineMs + 1_000);
  expect(outcome.answerHead.length).toBeLessThanOrEqual(ANSWER_HEAD_BYTES);
  return outcome;
}

type SocketCase = {
  name: string;
  onSocket: (socket: Socket) => void;
  deadlineMs?: number;
  body?: Uint8Array;
  expected: Partial<AttemptOutcome>;
  kind: string;
  text?: string;
};

/** Once the request's head is here. */
const onRequest = (answer: (socket: Socket) => void) => (socket: Socket) => {
  socket.once('data', () => answer(socket));
};
const onWholeRequest = (answer: (socket: Socket) => void) => (socket: Socket) => {
  let seen = '';
  socket.on('data', (chunk) => {
    seen += chunk.toString('latin1');
    if (seen.endsWith(BODY.toString())) answer(socket);
  });
};
const every = (socket: Socket, milliseconds: number, what: () => void) => {
  const timer = setInterval(what, milliseconds);
  socket.on('close', () => clearInterval(timer));
};
const HEAD = 'HTTP/1.1 200 OK\r\n';

const SOCKETS: SocketCase[] = [
  {
    name: 'accepts and never answers',
    onSocket: () => {},
    deadlineMs: SHORT,
    expected: { status: null, errorClass: 'timeout', address: '127.0.0.1' },
    kind: 'retry',
  },
  {
    name: 'never reads: a large body stays in the pipe',
    onSocket: (socket) => socket.pause(),
    deadlineMs: SHORT,
    body: Buffer.alloc(64 * 1024 * 1024),
    expected: {
      status: null,
      errorClass: 'timeout',
      errorMessage: 'The far end did not take the whole request within 0.4 s.',
    },
    kind: 'retry',
  },
  {
    name: 'drips the headers',
    onSocket: onRequest((socket) => {
      socket.write(HEAD);
      every(socket, 20, () => socket.write(`x-${Math.random()}: y\r\n`));
    }),
    deadlineMs: SHORT,
    expected: { status: 200, errorClass: null },
    kind: 'delivered',
  },
  {
    name: 'drips the body',
    onSocket: onRequest((socket) => {
      socket.write(`${HEAD}content-length: 1000\r\n\r\n`);
      every(socket, 20, () => socket.write('x'));
    }),
    deadlineMs: SHORT,
    expected: { status: 200, errorClass: null, answerBytes: 1_000, answerTruncated: true },
    kind: 'delivered',
  },
  {
    name: 'sends 103 for ever',
    onSocket: onRequest((socket) =>
      every(socket, 5, () => socket.write('HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n')),
    ),
    deadlineMs: SHORT,
    expected: { status: null, errorClass: 'timeout' },
    kind: 'retry',
  },
  {
    name: 'sends 103 with a head too large to read',
    onSocket: onRequest((socket) => {
      socket.write(`HTTP/1.1 103 Early Hints\r\n${'link: <a>\r\n'.repeat(2_000)}`);
    }),
    // A 103 is no answer: a record of status 103 would say that there was one.
    expected: { status: null, errorClass: 'too_large_headers' },
    kind: 'retry',
  },
  {
    name: 'puts a NUL into a header',
    onSocket: onRequest((socket) => {
      socket.write('HTTP/1.1 302 Found\r\nlocation: /a\0b\r\ncontent-length: 0\r\n\r\n');
    }),
    // As RFC 9110 5.5 has it. PostgreSQL keeps no NUL in a text, and one such answer stopped the recording of all.
    expected: { status: 302, location: '/a b' },
    kind: 'retry',
  },
  {
    name: 'sends 103 twice, then answers',
    onSocket: onRequest((socket) => {
      socket.write(
        `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(2)}HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n`,
      );
    }),
    expected: { status: 202, answerBytes: 0, answerTruncated: false },
    kind: 'delivered',
  },
  {
    name: 'sends a body without end',
    onSocket: onRequest((socket) => {
      socket.write(`${HEAD}\r\n`);
      const fill = () => {
        while (socket.writable && socket.write(Buffer.alloc(65_536, 'z')));
      };
      socket.on('drain', fill);
      fill();
    }),
    expected: { status: 200, answerBytes: null, answerTruncated: true },
    kind: 'delivered',
    text: 'z'.repeat(ANSWER_HEAD_BYTES),
  },
  {
    name: 'sends 500 and a body without end',
    onSocket: onRequest((socket) => {
      socket.write('HTTP/1.1 500 Oops\r\ntransfer-encoding: chunked\r\n\r\n');
      every(socket, 1, () => socket.write(`4000\r\n${'z'.repeat(0x4000)}\r\n`));
    }),
    expected: { status: 500, answerBytes: null, answerTruncated: true },
    kind: 'retry',
  },
  {
    name: 'resets before reading',
    onSocket: (socket) => socket.resetAndDestroy(),
    expected: { status: null, errorClass: 'reset' },
    kind: 'retry',
  },
  {
    name: 'resets after reading everything',
    onSocket: onWholeRequest((socket) => socket.resetAndDestroy()),
    expected: { status: null, errorClass: 'reset' },
    kind: 'retry',
  },
  {
    name: 'closes politely without an answer',
    onSocket: onWholeRequest((socket) => socket.end()),
    expected: { status: null, errorClass: 'reset' },
    kind: 'retry',
  },
  {
    name: 'resets in the middle of the headers',
    onSocket: onRequest((socket) => socket.write(`${HEAD}x-a: `, () => socket.resetAndDestroy())),
    expected: { status: 200, errorClass: null },
    kind: 'delivered',
  },
  {
    name: 'breaks off in the middle of a 200’s body',
    onSocket: onRequest((socket) => socket.end(`${HEAD}content-length: 1000\r\n\r\nhalf`)),
    expected: { status: 200, errorClass: null, answerBytes: 1_000, answerTruncated: true },
    kind: 'delivered',
    text: 'half',
  },
  {
    name: 'breaks off in the middle of a chunk',
    onSocket: onRequest((socket) => socket.end(`${HEAD}transfer-encoding: chunked\r\n\r\nff\r\nhalf`)),
    expected: { status: 200, answerBytes: null, answerTruncated: true },
    kind: 'delivered',
    text: 'half',
  },
  {
    name: 'sends 20 KB of headers',
    onSocket: onRequest((socket) => socket.end(`${HEAD}x-big: ${'h'.repeat(20_000)}\r\n\r\n`)),
    expected: { status: 200, errorClass: null },
    kind: 'delivered',
  },
  {
    name: 'sends headers without end',
    onSocket: onRequest((socket) => {
      socket.write(HEAD);
      every(socket, 1, () => socket.write(`x-${Math.random()}: ${'h'.repeat(1_000)}\r\n`));
    }),
    expected: { status: 200, errorClass: null },
    kind: 'delivered',
  },
  {
    name: 'speaks another protocol',
    onSocket: (socket) => socket.write('220 mail.example ESMTP\r\n'),
    expected: { status: null, errorClass: 'protocol' },
    kind: 'retry',
  },
  {
    name: 'speaks TLS on a plain port',
    onSocket: onRequest((socket) => socket.end(Buffer.from([0x15, 3, 1, 0, 2, 2, 70]))),
    expected: { status: null, errorClass: 'protocol' },
    kind: 'retry',
  },
  {
    name: 'answers twice',
    onSocket: onRequest((socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 Oops\r\n\r\n')),
    expected: { status: 204, answerBytes: 0 },
    kind: 'delivered',
  },
  {
    name: 'sends a body with a 204',
    onSocket: onRequest((socket) =>
      socket.write('HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello'),
    ),
    expected: { status: 204, answerTruncated: false },
    kind: 'delivered',
    text: '',
  },
  {
    name: 'announces two different lengths',
    onSocket: onRequest((socket) => socket.end(`${HEAD}content-length: 1\r\ncontent-length: 2\r\n\r\nab`)),
    expected: { status: 200, errorClass: null },
    kind: 'delivered',
  },
  {
    name: 'wants to switch protocols',
    onSocket: onRequest((socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n');
    }),
    expected: { status: 101, errorClass: null },
    kind: 'retry',
  },
  {
    name: 'answers 413 in the middle of a large upload and reads no further',
    onSocket: onRequest((socket) => {
      socket.pause();
      socket.write('HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n');
    }),
    body: LARGE,
    expected: { status: 413, errorClass: null },
    kind: 'too_large',
  },
  {
    name: 'answers 413 in the middle of a large upload and closes while reading on',
    onSocket: onRequest((socket) => {
      socket.on('data', () => {});
      socket.write('HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    }),
    body: LARGE,
    expected: { status: 413, errorClass: null },
    kind: 'too_large',
  },
  {
    name: 'answers before the body has arrived, then resets',
    onSocket: onRequest((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n', () =>
        setImmediate(() => socket.resetAndDestroy()),
      );
    }),
    expected: { status: 200, errorClass: null, answerTruncated: true },
    kind: 'delivered',
  },
];

/** Answers that curl, Python and browsers read: their status line arrived, so they are answers. */
const ODD: [name: string, answer: string][] = [
  ['an unasked 100 Continue', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'],
  ['bare line feeds', 'HTTP/1.1 200 OK\ncontent-length: 2\n\nok'],
  ['the same length twice', `${HEAD}content-length: 2\r\ncontent-length: 2\r\n\r\nok`],
  [
    'a length beside chunks',
    `${HEAD}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  ],
  ['a folded header', `${HEAD}x-note: one\r\n  two\r\ncontent-length: 2\r\n\r\nok`],
  ['a space before a colon', `${HEAD}x-note : one\r\ncontent-length: 2\r\n\r\nok`],
  ['no reason phrase', 'HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok'],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nok'],
  ['letters beyond ASCII', `${HEAD}x-note: Gr\u00fc\u00dfe\r\ncontent-length: 2\r\n\r\nok`],
];

it.each(ODD)(
  '%s: it is a 200, and its connection is not used again unless it was read without doubt',
  async (_name, answer) => {
    const server = await startSocketServer((socket) => {
      let seen = '';
      socket.on('data', (chunk) => {
        seen += chunk.toString('latin1');
        if (!seen.endsWith(BODY.toString())) return;
        seen = '';
        socket.write(Buffer.from(answer, 'latin1'));
      });
    });
    open.push(server);
    for (let attempt = 1; attempt <= 2; attempt++) {
      const outcome = await send(server.url, LONG);
      expect(outcome).toMatchObject({ status: 200, errorClass: null });
      expect(verdict({ outcome, form: 'full', packed: false, now: new Date() }).kind).toBe('delivered');
    }
  },
);

it('a 2xx whose body stays open is an answer at once, and holds its place no longer', async () => {
  const server = await startSocketServer(
    onWholeRequest((socket) => socket.write(`${HEAD}content-length: 10\r\n\r\nhalf`)),
  );
  open.push(server);
  const outcome = await send(server.url, LONG);
  expect(outcome).toMatchObject({ status: 200, answerTruncated: true });
  expect(outcome.durationMs).toBeLessThan(3_000);
});

it('an early 413 on a line that stays open: the next callback does not wait behind the body that was not sent', async () => {
  const server = await startSocketServer((socket) => {
    socket.once('data', (chunk) => {
      if (chunk.length > 60_000 || chunk.includes('content-length: 8388608')) {
        socket.pause();
        socket.write('HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n');
      } else socket.write('HTTP/1.1 204 No Content\r\n\r\n');
    });
  });
  open.push(server);
  expect(await send(server.url, LONG, LARGE)).toMatchObject({ status: 413 });
  const next = await send(server.url, LONG);
  expect(next).toMatchObject({ status: 204 });
  expect(next.durationMs).toBeLessThan(1_000);
});

describe('bare sockets', () => {
  it.each(SOCKETS)('$name', async ({ onSocket, deadlineMs = LONG, body, expected, kind, text }) => {
    const server = await startSocketServer(onSocket);
    open.push(server);
    const outcome = await send(server.url, deadlineMs, body);
    expect(outcome).toMatchObject(expected);
    expect(server.connections, 'sent once').toBe(1);
    if (text !== undefined) expect(Buffer.from(outcome.answerHead).toString()).toBe(text);
    if (outcome.errorClass) {
      expect(outcome.errorMessage).toMatch(/^[A-Z].*[.)]$/);
      expect(outcome.errorMessage).not.toMatch(/127\.0|::1|undefined/);
    }
    if (deadlineMs === SHORT) expect(outcome.durationMs).toBeGreaterThanOrEqual(SHORT - 5);
    else expect(outcome.durationMs).toBeLessThan(LONG);
    expect(verdict({ outcome, form: 'full', packed: false, now: new Date() }).kind).toBe(kind);
  });
});

describe('HTTP answers', () => {
  it.each<[name: string, respond: Respond, expected: object, kind: string]>([
    ['204', { status: 204 }, { status: 204, answerBytes: 0, answerTruncated: false }, 'delivered'],
    [
      '200 with a short body',
      { body: 'ok' },
      { status: 200, answerBytes: 2, answerTruncated: false },
      'delivered',
    ],
    [
      '200 with exactly 16 KiB',
      { body: 'x'.repeat(ANSWER_HEAD_BYTES) },
      { answerBytes: ANSWER_HEAD_BYTES, answerTruncated: false },
      'delivered',
    ],
    [
      '200 with one byte more, announced',
      {
        headers: { 'content-length': String(ANSWER_HEAD_BYTES + 1) },
        body: 'x'.repeat(ANSWER_HEAD_BYTES + 1),
      },
      { answerBytes: ANSWER_HEAD_BYTES + 1, answerTruncated: true },
      'delivered',
    ],
    ['301', { status: 301, headers: { location: '/x' } }, { status: 301, location: '/x' }, 'retry'],
    ['404', { status: 404, body: 'nobody' }, { status: 404, errorClass: null }, 'retry'],
    ['410', { status: 410 }, { status: 410 }, 'gone'],
    ['413', { status: 413 }, { status: 413 }, 'too_large'],
    ['429 without Retry-After', { status: 429 }, { retryAfter: null }, 'retry'],
    ['429 with seconds', { status: 429, headers: { 'retry-after': '120' } }, { retryAfter: '120' }, 'paused'],
    [
      '429 with a date',
      { status: 429, headers: { 'retry-after': 'Fri, 31 Dec 2100 23:59:59 GMT' } },
      { retryAfter: 'Fri, 31 Dec 2100 23:59:59 GMT' },
      'paused',
    ],
    [
      '429 with nonsense',
      { status: 429, headers: { 'retry-after': 'later' } },
      { retryAfter: 'later' },
      'retry',
    ],
    ['503 with seconds', { status: 503, headers: { 'retry-after': '1' } }, { retryAfter: '1' }, 'paused'],
    [
      '200 that disables',
      { headers: { 'webhook-delivery': 'Disable' } },
      { webhookDelivery: 'disable' },
      'delivered',
    ],
    [
      '500 that disables',
      { status: 500, headers: { 'webhook-delivery': 'disable' } },
      { webhookDelivery: 'disable' },
      'disable',
    ],
    [
      '400 that drops the message',
      { status: 400, headers: { 'webhook-delivery': 'abort-message' } },
      { webhookDelivery: 'abort-message' },
      'abort',
    ],
  ])('%s', async (_name, respond, expected, kind) => {
    const receiver = await startReceiver({ respond });
    open.push(receiver);
    const outcome = await send(receiver.url, LONG);
    expect(outcome).toMatchObject(expected);
    expect(receiver.requests).toHaveLength(1);
    expect(verdict({ outcome, form: 'full', packed: false, now: new Date() }).kind).toBe(kind);
  });

  it('a gzip bomb stays packed', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024));
    const receiver = await startReceiver({
      respond: { headers: { 'content-encoding': 'gzip' }, body: bomb },
    });
    open.push(receiver);
    const before = process.memoryUsage().rss;
    const outcome = await send(receiver.url, LONG);
    expect(outcome).toMatchObject({ status: 200, answerTruncated: true });
    expect(Buffer.from(outcome.answerHead)).toEqual(bomb.subarray(0, ANSWER_HEAD_BYTES));
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
    expect((await receiver.next())[0]?.headers['accept-encoding']).toBe('identity');
  });

  it('flapping: each attempt tells its own story', async () => {
    let count = 0;
    const receiver = await startReceiver({
      respond: (_request, response) => {
        count += 1;
        if (count % 2 === 1) return { status: 503 };
        response.destroy();
        return undefined;
      },
    });
    open.push(receiver);
    const outcomes = [];
    for (let round = 0; round < 4; round++) outcomes.push(await send(receiver.url, LONG));
    expect(outcomes.map((outcome) => outcome.status ?? outcome.errorClass)).toEqual([
      503,
      'stale_connection',
      503,
      'stale_connection',
    ]);
    expect(receiver.requests).toHaveLength(4);
  });
});

describe('no connection', () => {
  it('nothing listens', async () => {
    const receiver = await startReceiver();
    await receiver.close();
    const outcome = await send(receiver.url, LONG);
    expect(outcome).toMatchObject({ status: null, errorClass: 'connect', address: null });
    expect(outcome.errorMessage).toContain('refused the connection');
  });
});

describe('TLS', () => {
  it('a good certificate', async () => {
    const receiver = await startReceiver({ tls: pair('good') });
    open.push(receiver);
    const outcome = await send(`https://localhost:${receiver.port}/`, LONG);
    expect(outcome).toMatchObject({ status: 200, errorClass: null });
    expect(outcome.phases).toMatchObject({ connect: expect.any(Number), tls: expect.any(Number) });
  });

  it.each([
    ['expired', /expired/],
    ['other-name', /unknown|self-signed|another name/],
  ])('%s', async (name, message) => {
    const receiver = await startReceiver({ tls: pair(name) });
    open.push(receiver);
    const outcome = await send(`https://localhost:${receiver.port}/`, LONG);
    expect(outcome).toMatchObject({
      status: null,
      errorClass: 'tls',
      errorMessage: expect.stringMatching(message),
    });
    expect(receiver.requests).toEqual([]);
  });

  it('for another name, from a trusted authority', async () => {
    const trusting = new Outbound({ policy: outbound.policy, ca: pem('other-name.cert') });
    const receiver = await startReceiver({ tls: pair('other-name') });
    open.push(receiver);
    const outcome = await post(
      { url: `https://localhost:${receiver.port}/`, method: 'POST', headers: {}, body: BODY },
      { outbound: trusting, deadlineMs: LONG },
    );
    expect(outcome).toMatchObject({
      errorClass: 'tls',
      errorMessage: 'The TLS certificate of the host is for another name: issue one for the name in the URL.',
    });
    trusting.close();
  });

  it('a plain server on an https URL', async () => {
    const receiver = await startReceiver();
    open.push(receiver);
    const outcome = await send(`https://127.0.0.1:${receiver.port}/`, LONG);
    expect(outcome).toMatchObject({ status: null, errorClass: 'tls' });
  });

  it('a handshake that never ends', async () => {
    const server = await startSocketServer(() => {});
    open.push(server);
    const outcome = await send(`https://127.0.0.1:${server.port}/`, SHORT);
    expect(outcome).toMatchObject({ status: null, errorClass: 'timeout' });
    expect(outcome.errorMessage).toContain('TLS handshake');
  });

  it('a handshake that is cut', async () => {
    const server = await startSocketServer(onRequest((socket) => socket.destroy()));
    open.push(server);
    expect(await send(`https://127.0.0.1:${server.port}/`, LONG)).toMatchObject({ errorClass: 'tls' });
  });
});
