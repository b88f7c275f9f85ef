// Each receiver of examples/receivers, run as a user runs it, against the deliver role: what it accepts, what it refuses,
// and that it answers before it works.
import { randomUUID } from 'node:crypto';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { generateSecret, sign } from '../../src/signature.ts';
import { type DeliverRig, resultOf, startDeliverRig } from '../rig/deliver.ts';
import { eventually } from '../rig/eventually.ts';
import { type Example, exampleFile, RECEIVERS, startExample } from '../rig/example.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const MEGABYTE = 1024 * 1024;
const secrets = [generateSecret(), generateSecret()];
const [secret = '', oldSecret = ''] = secrets;
const API_KEY = 'rb_test_receivers';

let rig: DeliverRig;
beforeAll(async () => {
  rig = await startDeliverRig({ secrets });
});
afterAll(() => rig.stop());

describe.each(RECEIVERS)('%s', (name) => {
  /** Stands for Ringback's own API, where the reference form's result is fetched. */
  let api: Receiver;
  let example: Example;
  const stops: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    api = await startReceiver();
    stops.push(() => api.close());
    example = await start(secret);
  });
  afterEach(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop();
  });

  async function start(withSecret: string): Promise<Example> {
    const started = await startExample(exampleFile(name), {
      secret: withSecret,
      ringbackUrl: api.url,
      apiKey: API_KEY,
    });
    stops.push(() => started.stop());
    return started;
  }

  /** What a sender with `signedWith` would send, past our own delivery. */
  function send(body: Buffer | string, headers: Record<string, string> = {}, url = example.url) {
    const id = randomUUID();
    const timestamp = Math.floor(Date.now() / 1_000);
    return fetch(url, {
      method: 'POST',
      body: typeof body === 'string' ? body : new Uint8Array(body),
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': sign([secret], id, timestamp, body),
        ...headers,
      },
    });
  }
  const status = async (answer: Promise<Response>) => (await answer).status;

  test('takes success and error, by POST and PUT, in both event spellings, with the query', async () => {
    const url = `${example.url}?job=A-17`;
    const ids = await Promise.all([
      rig.open({ url, text: 'Fragt nicht – naïve 日本.' }),
      rig.open({ url, method: 'PUT', text: 'By PUT.' }),
      rig.open({ url, event: 'error' }),
      rig.open({ url, format: 'gladia', text: 'As the hosted service says it.' }),
      rig.open({ url, format: 'gladia', event: 'error' }),
    ]);
    const lines = await Promise.all(ids.map((id) => example.line(id)));
    expect(lines[0]).toMatch(/^success \S+ job=\S+ full: "Fragt nicht – naïve 日本\."$/);
    expect(lines[1]).toMatch(/full: "By PUT\."$/);
    expect(lines[2]).toMatch(/^error \S+ job=\S+ audio_unreachable: The audio could not be fetched/);
    expect(lines[3]).toMatch(/^success .*hosted service/);
    expect(lines[4]).toMatch(/^error \S+ job=\S+ \d+: The audio/);
    for (const id of ids)
      expect(await rig.ended(id)).toMatchObject({ state: 'delivered', attempts: [{ status: 204 }] });
  });

  test('takes 1.5 MB whole; answers 413 to more than 20 MiB, and then fetches by reference', async () => {
    const whole = await rig.open({ url: example.url, bytes: 1.5 * MEGABYTE, text: 'Long.' });
    expect(await example.line(whole)).toMatch(/full: "Long\."$/);
    api.setResponse({ body: JSON.stringify({ id: 'x', status: 'done', result: resultOf('Very long.') }) });
    const id = await rig.open({
      url: example.url,
      bytes: 21 * MEGABYTE,
      resultUrl: `${api.url}/v2/pre-recorded/x`,
    });
    expect(await example.line(id)).toMatch(/reference: "Very long\."$/);
    const { state, attempts } = await rig.ended(id);
    expect(state).toBe('delivered');
    // A receiver that answers by the length alone and closes may cut off the sender in mid-body, before it has read the
    // answer: TCP throws an unread answer away with the rest. That is a failed attempt (on a kept connection it is called
    // stale), and the next one tells.
    const cutOff = ['reset', 'stale_connection'];
    expect(attempts.filter(({ error_class }) => !cutOff.includes(error_class ?? ''))).toMatchObject([
      { status: 413, outcome: 'too_large', form: 'full' },
      { status: 204, outcome: 'delivered', form: 'reference' },
    ]);
    expect(api.requests).toMatchObject([
      { path: '/v2/pre-recorded/x', headers: { 'x-gladia-key': API_KEY } },
    ]);
  });

  test('takes gzip; 413 to more than it takes unpacked, then by reference', async () => {
    const whole = await rig.open({
      url: example.url,
      gzip: true,
      bytes: 1.5 * MEGABYTE,
      text: 'Packed – ü.',
    });
    expect(await example.line(whole)).toMatch(/full: "Packed – ü\."$/);
    expect((await rig.ended(whole)).attempts).toMatchObject([{ status: 204 }]);
    api.setResponse({ body: JSON.stringify({ result: resultOf('Very long.') }) });
    const resultUrl = `${api.url}/v2/pre-recorded/x`;
    const id = await rig.open({ url: example.url, gzip: true, bytes: 21 * MEGABYTE, resultUrl });
    expect(await example.line(id)).toMatch(/reference: "Very long\."$/);
    expect((await rig.ended(id)).attempts).toMatchObject([
      { status: 413, outcome: 'too_large', form: 'full' },
      { status: 204, outcome: 'delivered', form: 'reference' },
    ]);
  });

  test('what is packed otherwise, no gzip, cut short, changed, or a bomb is refused', async () => {
    const body = JSON.stringify({ id: '1', event: 'success', payload: resultOf('Never.') });
    const packed = gzipSync(body);
    const signed = (sent: Buffer, encoding: string, over: Buffer | string = body) => {
      const [id, now] = [randomUUID(), Math.floor(Date.now() / 1_000)];
      return send(sent, {
        'content-encoding': encoding,
        'webhook-id': id,
        'webhook-timestamp': String(now),
        'webhook-signature': sign([secret], id, now, over),
      });
    };
    const changed = gzipSync(body.replace('Never', 'never'));
    const refused: [what: string, status: number, answer: () => Promise<Response>][] = [
      ['an encoding that is not known', 415, () => signed(packed, 'compress')],
      ['two encodings', 415, () => signed(packed, 'gzip, compress')],
      ['no gzip', 400, () => signed(Buffer.from(body), 'gzip')],
      ['cut short', 400, () => signed(packed.subarray(0, -12), 'gzip')],
      ['changed', 401, () => signed(changed, 'gzip')],
      ['signed as packed', 401, () => signed(packed, 'gzip', packed)],
      // Express parses it before it is verified.
      ['packed without saying so', name === 'express.mjs' ? 400 : 401, () => signed(packed, 'identity')],
      ['a bomb', 413, () => signed(gzipSync(Buffer.alloc(400 * MEGABYTE)), 'gzip')],
    ];
    // Express knows it; to the others it is one more that they do not know.
    if (name !== 'express.mjs') refused.push(['br', 415, () => signed(brotliCompressSync(body), 'br')]);
    for (const [what, expected, answer] of refused)
      expect([what, await status(answer())]).toEqual([what, expected]);
    expect(example.count('success')).toBe(0);
    // The control.
    expect(await status(signed(packed, 'gzip'))).toBe(204);
    expect(await status(signed(packed, 'GZIP'))).toBe(204);
    await example.line(/^success /, 2);
  });

  test('answers first: delivered while the work still waits', async () => {
    const gate = Promise.withResolvers<undefined>();
    api.setResponse(async () => {
      await gate.promise;
      return { body: JSON.stringify({ result: resultOf('Later.') }) };
    });
    const id = await rig.open({
      url: example.url,
      form: 'reference',
      resultUrl: `${api.url}/v2/pre-recorded/y`,
    });
    await api.next();
    expect((await rig.ended(id)).state).toBe('delivered');
    expect(example.count(id)).toBe(0);
    gate.resolve(undefined);
    expect(await example.line(id)).toMatch(/reference: "Later\."$/);
  });

  test('handles a webhook-id once, and a resend again only when the work had failed', async () => {
    const id = await rig.open({ url: example.url });
    await example.line(`success ${id}`);
    await rig.ended(id);
    await rig.resend(id);
    await example.line(`duplicate ${id}`);
    expect((await rig.ended(id)).attempts).toMatchObject([{ status: 204 }, { status: 204 }]);
    expect(example.count(`success ${id}`)).toBe(1);

    api.setResponse({ status: 503 });
    const resultUrl = `${api.url}/v2/pre-recorded/z`;
    const unlucky = await rig.open({ url: example.url, form: 'reference', resultUrl });
    await example.line(`failed ${unlucky}`);
    await rig.ended(unlucky);
    api.setResponse({ body: JSON.stringify({ result: resultOf('At last.') }) });
    await rig.resend(unlucky);
    await example.line(`success ${unlucky}`);
    expect(example.count(`duplicate ${unlucky}`)).toBe(0);
  });

  test('the API key goes to RINGBACK_URL alone, also through no redirect', async () => {
    const elsewhere = await startReceiver({ respond: { body: '{"result":{}}' } });
    stops.push(() => elsewhere.close());
    const foreign = await rig.open({
      url: example.url,
      form: 'reference',
      resultUrl: `${elsewhere.url}/v2/pre-recorded/1`,
    });
    await example.line(`failed ${foreign}`);
    api.setResponse({ status: 302, headers: { location: `${elsewhere.url}/v2/pre-recorded/1` } });
    const redirected = await rig.open({
      url: example.url,
      form: 'reference',
      resultUrl: `${api.url}/v2/pre-recorded/1`,
    });
    await example.line(`failed ${redirected}`);
    expect(api.requests).toHaveLength(1);
    expect(elsewhere.connections).toBe(0);
  });

  test('during a rotation the old secret verifies as well as the new one', async () => {
    const notYet = await start(oldSecret);
    const id = await rig.open({ url: notYet.url });
    expect(await notYet.line(id)).toMatch(/^success/);
  });

  test('refuses what is not signed, signed with another secret, changed, or old', async () => {
    const stranger = await start(generateSecret());
    const id = await rig.open({ url: stranger.url });
    const { state, attempts } = await rig.ended(id);
    expect([state, attempts.map((row) => row.status)]).toEqual(['failed', [401, 401, 401]]);

    const body = JSON.stringify({ id: '1', event: 'success', payload: resultOf('Never.') });
    const stale = (seconds: number) => {
      const then = Math.floor(Date.now() / 1_000) + seconds;
      return {
        'webhook-id': 'd-1',
        'webhook-timestamp': String(then),
        'webhook-signature': sign([secret], 'd-1', then, body),
      };
    };
    const refused: Record<string, Promise<Response>> = {
      'not signed': send(body, { 'webhook-signature': '' }),
      'no timestamp': send(body, { 'webhook-timestamp': '' }),
      'no id': send(body, { 'webhook-id': '' }),
      'a timestamp that is no number': send(body, { 'webhook-timestamp': '1e9' }),
      'another id': send(body, { 'webhook-id': randomUUID() }),
      'a signature of another kind': send(body, { 'webhook-signature': 'v1a,AAAA' }),
      'a signature cut short': send(body, { 'webhook-signature': 'v1,AAAA' }),
      'not even a signature': send(body, { 'webhook-signature': 'v1' }),
      'one byte changed': send(body.replace('Never', 'never'), stale(0)),
      'no body under the signature of one': send('', stale(0)),
      'ten minutes old': send(body, stale(-600)),
      'ten minutes early': send(body, stale(600)),
    };
    const statuses = await Promise.all(
      Object.entries(refused).map(async ([what, answer]) => [what, await status(answer)]),
    );
    expect(statuses).toEqual(Object.keys(refused).map((what) => [what, 401]));
    expect(example.lines.filter((line) => !/^(listening|refused) /.test(line))).toEqual([]);
    // The control: the same by hand, with nothing wrong.
    expect(await status(send(body))).toBe(204);
    expect(await status(send(body, stale(-200)))).toBe(204);
    // Spaces and escapes that a parser forgets: the signature is over them.
    expect(await status(send(JSON.stringify(JSON.parse(body), null, 2).replace('N', '\\u004e')))).toBe(204);
    await example.line('success d-1');
    await example.line(/^success /, 3);
    expect(example.count('full: "Never."')).toBe(3);
  });

  test('a hundred at once: each handled once, none lost', async () => {
    const ids = await Promise.all(
      Array.from({ length: 100 }, (_, n) => rig.open({ url: `${example.url}?n=${n}` })),
    );
    await example.line(/^success /, 100);
    for (const id of ids) expect((await rig.ended(id)).attempts).toMatchObject([{ status: 204 }]);
    expect(new Set(example.lines.filter((line) => line.startsWith('success')))).toHaveLength(100);
  });

  test('an upload that breaks off, and a request for something else, change nothing', async () => {
    const aborted = new AbortController();
    const half = new ReadableStream({
      pull(stream) {
        stream.enqueue(new Uint8Array(70_000));
        aborted.abort();
      },
    });
    const broken = fetch(example.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': '1000000' },
      body: half,
      duplex: 'half',
      signal: aborted.signal,
    });
    await expect(broken).rejects.toThrow();
    expect(await status(fetch(new URL('/elsewhere', example.url), { method: 'POST', body: 'x' }))).toBe(404);
    expect(await status(fetch(example.url))).toBeGreaterThanOrEqual(400);
    const id = await rig.open({ url: example.url });
    expect(await example.line(id)).toMatch(/^success/);
    expect(
      await eventually(
        () => example.lines.length,
        (count) => count >= 2,
      ),
    ).toBe(2);
  });
});
