// What a language model's server may do to us, over real sockets.
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { chatWith, jsonIn } from '../../src/addons/chat.ts';
import { AddonFailure } from '../../src/addons/envelope.ts';
import { type ChatServer, completion, type Say, startChatServer } from '../rig/chat-server.ts';

let server: ChatServer;
beforeEach(async () => {
  server = await startChatServer();
});
afterEach(() => server.close());

const never = new AbortController().signal;
const HI = [{ role: 'user', content: 'Hi' }] as const;
const ask = (timeoutMs = 20_000, signal = never, apiKey: string | null = 'sk-secret') =>
  chatWith({ url: server.url, model: 'local', apiKey, timeoutMs, totalMs: 200_000 }, signal)(HI);
const failure = (asking: Promise<string>) =>
  asking.then(
    (text) => `said ${text}`,
    (error: unknown) => {
      expect(error).toBeInstanceOf(AddonFailure);
      return (error as AddonFailure).error;
    },
  );
const refuse =
  (status: number, headers = {}): Say =>
  (_request, response) => {
    response.writeHead(status, headers);
    response.end('{"error":{"message":"no, and here is sk-secret"}}');
    return undefined;
  };

test('a question and its answer, with the model and the key', async () => {
  expect(await ask()).toBe('Fine.');
  expect(server.asked).toEqual([
    { model: 'local', messages: [{ role: 'user', content: 'Hi' }], stream: false },
  ]);
  expect(server.requests[0]?.headers.authorization).toBe('Bearer sk-secret');
  await ask(20_000, never, null);
  expect(server.requests[1]?.headers.authorization).toBeUndefined();
});

test('reasoning in front of the answer and characters that cannot be stored are left out', async () => {
  server.say(() => '<think>hmm</think>\n It\0 is \ud800fine. ');
  expect(await ask()).toBe('It is \ufffdfine.');
});

test.each([[500], [429], [503]])('%i passes: asked again, and answered', async (status) => {
  server.say((request, response, nth) => (nth === 1 ? refuse(status)(request, response, nth) : 'Better.'));
  expect(await ask()).toBe('Better.');
  expect(server.asked).toHaveLength(2);
});

test('three times 429: the reason, and nothing of the body', async () => {
  server.say(refuse(429, { 'retry-after': '0' }));
  expect(await failure(ask())).toEqual({
    status_code: 429,
    exception: 'LanguageModelFailed',
    message: 'The language model answered 429: it gets too many requests.',
  });
  expect(server.asked).toHaveLength(3);
});

test.each([
  [401, /RINGBACK_LLM_API_KEY/],
  [404, /RINGBACK_LLM_MODEL/],
  [400, /too long/],
  [302, /answered 302/],
])('%i does not pass: asked once', async (status, says) => {
  server.say(refuse(status, { location: `${server.url}/elsewhere` }));
  expect(await failure(ask())).toMatchObject({ status_code: 502, message: expect.stringMatching(says) });
  expect(server.requests).toHaveLength(1);
});

test.each<[string, Say, RegExp]>([
  ['no JSON', (_, response) => void response.end('<html>Hello'), /not answer in JSON/],
  ['other JSON', (_, response) => void response.end('{"choices":[{"message":null}]}'), /choices\[0\]/],
  ['a list', (_, response) => void response.end('[1]'), /choices\[0\]/],
  ['content that is no text', (_, response) => void response.end(completion({ a: 1 }).body), /choices\[0\]/],
  ['nothing', () => ' ', /with nothing/],
  [
    'half an answer',
    (_, response) => void response.end(completion('And then', 'length').body),
    /length limit/,
  ],
  ['a huge answer', () => 'x'.repeat(2_000_000), /more than 1048576 bytes/],
  [
    'an endless body',
    (_, response) => {
      const chunk = Buffer.alloc(65_536, 32);
      const more = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
      return undefined;
    },
    /more than 1048576 bytes/,
  ],
])('%s is a failure with its reason', async (_name, say, says) => {
  server.say(say);
  expect(await failure(ask())).toMatchObject({ status_code: 502, message: expect.stringMatching(says) });
  expect(server.asked).toHaveLength(1);
});

test('a server that hangs, before its head or in its body, costs the timeout once', async () => {
  const timedOut = { status_code: 504, message: expect.stringContaining('within 0.3 s') };
  server.say(() => undefined);
  expect(await failure(ask(300))).toMatchObject(timedOut);
  server.say((_, response) => void response.write('{"choices":'));
  expect(await failure(ask(300))).toMatchObject(timedOut);
  // A byte now and then does not keep it open.
  server.say((_, response) => {
    const drip = setInterval(() => response.write(' '), 50);
    response.on('close', () => clearInterval(drip));
    return undefined;
  });
  expect(await failure(ask(300))).toMatchObject(timedOut);
  expect(server.asked).toHaveLength(3);
});

test('a question on its way when another was not answered in time keeps its own time, but no second try', async () => {
  const chat = chatWith(
    { url: server.url, model: 'local', apiKey: null, timeoutMs: 2_000, totalMs: 200_000 },
    never,
  );
  let first = true;
  let late: (() => void) | undefined;
  server.say((_, response) => {
    if (!first) late = () => void response.writeHead(503).end();
    first = false;
    return undefined;
  });
  const hanging = failure(chat(HI));
  await server.next(1);
  await delay(1_000);
  const other = failure(chat(HI));
  expect(await hanging).toMatchObject({ status_code: 504 });
  late?.();
  expect(await other).toEqual(await hanging);
  expect(server.asked).toHaveLength(2);
});

test('connections that are cut, and no server at all', async () => {
  server.say((_, response) => void response.socket?.destroy());
  expect(await failure(ask())).toMatchObject({
    status_code: 502,
    message: expect.stringMatching(/not be reached/),
  });
  expect(server.asked).toHaveLength(3);
  await server.close();
  expect(await failure(ask())).toMatchObject({ message: expect.stringMatching(/not be reached/) });
});

test('an aborted signal ends the question, and the wait before the next', async () => {
  const abort = new AbortController();
  const reason = new Error('stopping');
  server.say(() => {
    abort.abort(reason);
    return undefined;
  });
  await expect(ask(20_000, abort.signal)).rejects.toBe(reason);
  const second = new AbortController();
  server.say(refuse(500, { 'retry-after': '3600' }));
  const waiting = ask(20_000, second.signal);
  await server.next(2);
  await Promise.race([waiting.catch(() => {}), delay(50)]);
  second.abort(reason);
  await expect(waiting).rejects.toThrow();
});

test('JSON in an answer, fenced or not; nothing that could not be stored or written out again', () => {
  expect(jsonIn('["a"]')).toEqual(['a']);
  // A fence that never closes, before a mebibyte of lines: hours for a pattern that looks lazily for its end.
  expect(() => jsonIn(`\`\`\`${'\n'.repeat(1_048_576)}x`)).toThrow(AddonFailure);
  expect(jsonIn('Here you are:\n```json\n{"a": ["\\u0000b"]}\n```')).toEqual({ a: ['b'] });
  for (const text of ['no', '', '[', `${'['.repeat(100_000)}${']'.repeat(100_000)}`])
    expect(() => jsonIn(text)).toThrow(AddonFailure);
});
