// Everything that tries to reach the inside of the network, against the real sender of callbacks and the real audio
// fetcher. The dial spy sits where net.connect is: a refused case must not even dial.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { post } from '../../src/deliver/post.ts';
import { prepare } from '../../src/deliver/prepare.ts';
import { JobError } from '../../src/errors.ts';
import { PUBLIC_ONLY, parseNetworks } from '../../src/outbound/address.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { createResolve, type Query } from '../../src/outbound/resolve.ts';
import { MAX_AUDIO_URL_LENGTH, MAX_URL_LENGTH } from '../../src/outbound/url.ts';
import { fetchAudio } from '../../src/transcribe/fetch.ts';
import { MINIMUM_RATE } from '../../src/transcribe/slow-host.ts';
import { type DialSpy, dialSpy } from '../rig/dial-spy.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';
import cases from './ssrf-cases.json' with { type: 'json' };

const PUBLIC = '93.184.216.34';
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
let folder: string;
let internal: Receiver;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-ssrf-'));
  internal = await startReceiver();
});
afterAll(async () => {
  expect(internal.connections).toBe(0);
  await internal.close();
  await rm(folder, { recursive: true });
});

type Attempted = { refused: boolean; message: string };

const senders = {
  'callback sender': async (outbound: Outbound, url: string): Promise<Attempted> => {
    const request = prepare({
      delivery: { id: 'd1', url, method: 'POST', body: Buffer.from('{}') },
      attempt: 1,
      secrets: [SECRET],
      now: new Date(),
      version: '0',
    });
    const outcome = await post(request, { outbound, deadlineMs: 5_000 });
    return {
      refused: outcome.errorClass === 'blocked_address' || outcome.errorClass === 'config',
      message: `${outcome.errorMessage} ${outcome.address}`,
    };
  },
  'audio fetcher': async (outbound: Outbound, url: string): Promise<Attempted> => {
    const fetching = fetchAudio({
      outbound,
      url,
      path: join(folder, 'audio'),
      maxBytes: 1_000_000,
      totalMs: 5_000,
      idleMs: 5_000,
      minimumRate: MINIMUM_RATE,
      version: '0',
    });
    const error = await fetching.then(
      () => null,
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(JobError);
    const { code, message } = error as JobError;
    // A spied dial is refused as a connection, which is audio_unreachable too, with a sentence of its own.
    const refused =
      code === 'audio_blocked_address' ||
      (code === 'audio_unreachable' && !message.includes('refused the con'));
    return { refused, message };
  },
};

/** Names with an address inside answer it, as wildcard DNS services do; every other name is public. */
const wildcardDns: Query = async (host) => ({
  addresses: [/(\d+\.\d+\.\d+\.\d+)\.nip\.io$/.exec(host)?.[1] ?? PUBLIC],
  ttlSeconds: 60,
});

function guarded(query: Query): { outbound: Outbound; spy: DialSpy } {
  const spy = dialSpy();
  const outbound = new Outbound({
    policy: PUBLIC_ONLY,
    resolve: createResolve({ query }),
    connect: spy.connect,
  });
  return { outbound, spy };
}

describe.each(Object.entries(senders))('%s', (name, send) => {
  describe.each(cases.urls)('$group: $expect', ({ expect: given, urls }) => {
    it.each(urls)('%j', async (url) => {
      // Signed addresses of audio are longer than any of a receiver.
      const isLongAudio =
        name === 'audio fetcher' && url.length > MAX_URL_LENGTH && url.length <= MAX_AUDIO_URL_LENGTH;
      const verdict = isLongAudio ? 'allow' : given;
      const { outbound, spy } = guarded(wildcardDns);
      const attempted = await send(outbound, url);
      expect(attempted.refused).toBe(verdict === 'refuse');
      expect(spy.dialled).toHaveLength(verdict === 'refuse' ? 0 : 1);
      if (verdict === 'allow') expect([PUBLIC, '8.8.8.8']).toContain(spy.dialled[0]);
    });
  });

  describe.each(cases.addresses)('$group: $expect', ({ expect: verdict, addresses }) => {
    it.each(addresses)('%s, as a literal and as the answer of DNS', async (address) => {
      const literal = guarded(wildcardDns);
      const asLiteral = await send(
        literal.outbound,
        `http://${address.includes(':') ? `[${address}]` : address}/`,
      );
      const named = guarded(async () => ({ addresses: [address], ttlSeconds: 60 }));
      const asAnswer = await send(named.outbound, 'http://rebound.example/');

      expect([asLiteral.refused, asAnswer.refused]).toEqual(Array(2).fill(verdict === 'refuse'));
      expect(literal.spy.dialled.length + named.spy.dialled.length).toBe(verdict === 'refuse' ? 0 : 2);
      // What the owner reads must not tell what the name pointed at.
      if (verdict === 'refuse') expect(asAnswer.message).not.toContain(address);
    });
  });

  describe.each(cases.dns)('DNS: $name: $expect', ({ expect: verdict, answers }) => {
    it('is judged by every answer and dials only vetted ones', async () => {
      let asked = 0;
      const { outbound, spy } = guarded(async () => {
        asked += 1;
        return { addresses: answers[asked - 1] ?? answers.at(-1) ?? [], ttlSeconds: 0 };
      });
      const attempted = await send(outbound, 'http://name.example/');
      expect(attempted.refused).toBe(verdict === 'refuse');
      expect(asked).toBe(1);
      expect(spy.dialled).toEqual(verdict === 'refuse' ? [] : answers[0]);
      if (verdict === 'refuse') expect(attempted.message).not.toMatch(/\d+\.\d+\.\d+\.\d+|fd00/);
    });
  });

  it('judges all of 1501 answers and dials at most 16', async () => {
    const good = Array.from({ length: 1500 }, (_, index) => `93.184.${index >> 8}.${index & 255}`);
    const bad = guarded(async () => ({ addresses: [...good, '10.0.0.1'], ttlSeconds: 60 }));
    expect((await send(bad.outbound, 'http://many.example/')).refused).toBe(true);
    expect(bad.spy.dialled).toEqual([]);
    const fine = guarded(async () => ({ addresses: good, ttlSeconds: 60 }));
    await send(fine.outbound, 'http://many.example/');
    expect(fine.spy.dialled).toEqual(good.slice(0, 16));
  });

  it('refuses at send time what was public when it was saved', async () => {
    let address = PUBLIC;
    const { outbound, spy } = guarded(async () => ({ addresses: [address], ttlSeconds: 0 }));
    expect((await send(outbound, 'http://moved.example/')).refused).toBe(false);
    address = '10.1.2.3';
    expect((await send(outbound, 'http://moved.example/')).refused).toBe(true);
    expect(spy.dialled).toEqual([PUBLIC]);
  });

  it('is no port scanner: a refused address tells nothing of what listens there', async () => {
    const { outbound } = guarded(wildcardDns);
    const listening = await send(outbound, internal.url);
    const silent = await send(outbound, 'http://127.0.0.1:1025');
    expect(listening).toEqual(silent);
  });

  it('uses no proxy of the environment', async () => {
    const before = { ...process.env };
    Object.assign(process.env, {
      HTTP_PROXY: internal.url,
      http_proxy: internal.url,
      ALL_PROXY: internal.url,
      NODE_USE_ENV_PROXY: '1',
    });
    try {
      const { outbound, spy } = guarded(wildcardDns);
      await send(outbound, 'http://example.com/');
      expect(spy.dialled).toEqual([PUBLIC]);
    } finally {
      process.env = before;
    }
  });

  it('destroys a socket whose peer is not the vetted one, before a byte is sent', async () => {
    const { connect } = await import('node:net');
    const elsewhere = await startReceiver();
    const outbound = new Outbound({
      policy: PUBLIC_ONLY,
      resolve: async () => [PUBLIC],
      // A route, NAT or resolver hook that leads somewhere else than the vetted address.
      connect: () => connect({ host: '127.0.0.1', port: elsewhere.port }),
    });
    const attempted = await send(outbound, 'http://example.com/');
    expect(attempted.refused).toBe(true);
    expect(attempted.message).not.toContain('127.0.0.1');
    expect(elsewhere.requests).toEqual([]);
    await elsewhere.close();
  });

  it('destroys a socket to a peer that is allowed but was not vetted for this name', async () => {
    const { connect } = await import('node:net');
    const elsewhere = await startReceiver();
    const outbound = new Outbound({
      policy: { allow: parseNetworks(['127.0.0.0/8']), own: [] },
      resolve: async () => ['127.0.0.5'],
      connect: () => connect({ host: '127.0.0.1', port: elsewhere.port }),
    });
    expect((await send(outbound, `http://a.example:${elsewhere.port}/`)).refused).toBe(true);
    expect(elsewhere.requests).toEqual([]);
    await elsewhere.close();
  });

  it('never calls its own listener, allowed network or not', async () => {
    const outbound = new Outbound({
      policy: {
        allow: parseNetworks(['127.0.0.0/8', '::1/128']),
        own: [{ address: '127.0.0.1', port: internal.port }],
      },
    });
    expect((await send(outbound, internal.url)).refused).toBe(true);
    expect((await send(outbound, `http://localhost:${internal.port}`)).message).not.toContain('127.');
    outbound.close();
  });
});

describe('redirects', () => {
  it.each([300, 301, 302, 303, 304, 305, 307, 308])(
    'a callback answered %i goes no further',
    async (status) => {
      const location = `${internal.url}/secret?token=1`;
      const receiver = await startReceiver({
        respond: { status, headers: status === 300 || status === 304 ? {} : { location } },
      });
      const outbound = new Outbound({ policy: { allow: parseNetworks(['127.0.0.0/8']), own: [] } });
      const outcome = await post(
        { url: receiver.url, method: 'POST', headers: {}, body: Buffer.from('{}') },
        { outbound, deadlineMs: 5_000 },
      );
      expect(outcome).toMatchObject({
        status,
        location: status === 300 || status === 304 ? null : location,
        errorClass: null,
      });
      expect(receiver.requests).toHaveLength(1);
      outbound.close();
      await receiver.close();
    },
  );

  it('a Refresh header and a meta redirect are only text', async () => {
    const receiver = await startReceiver({
      respond: {
        headers: { refresh: `0;url=${internal.url}`, 'content-type': 'text/html' },
        body: `<meta http-equiv=refresh content="0;url=${internal.url}">`,
      },
    });
    const outbound = new Outbound({ policy: { allow: parseNetworks(['127.0.0.0/8']), own: [] } });
    const outcome = await post(
      { url: receiver.url, method: 'POST', headers: {}, body: Buffer.from('{}') },
      { outbound, deadlineMs: 5_000 },
    );
    expect(outcome.status).toBe(200);
    outbound.close();
    await receiver.close();
  });

  it.each([301, 302, 303, 307, 308])('an audio host answering %i leads nowhere inside', async (status) => {
    const host = await startReceiver({ respond: { status, headers: { location: `${internal.url}/a.wav` } } });
    // Only this one port of loopback is allowed: the other server stands for the inside of the network.
    const outbound = new Outbound({
      policy: { allow: parseNetworks([`127.0.0.1/32:${host.port}`]), own: [] },
    });
    await expect(
      fetchAudio({
        outbound,
        url: host.url,
        path: join(folder, 'redirected'),
        maxBytes: 1_000,
        totalMs: 5_000,
        idleMs: 5_000,
        minimumRate: MINIMUM_RATE,
        version: '0',
      }),
    ).rejects.toMatchObject({ code: 'audio_blocked_address' });
    expect(await readFile(join(folder, 'redirected'), 'utf8')).toBe('');
    outbound.close();
    await host.close();
  });
});

describe('header values', () => {
  it.each(cases.headers)('$group: not sent, and a fault of configuration', async ({ name, value }) => {
    const { outbound, spy } = guarded(wildcardDns);
    const outcome = await post(
      { url: 'http://example.com/', method: 'POST', headers: { [name]: value }, body: Buffer.from('{}') },
      { outbound, deadlineMs: 5_000 },
    );
    expect(outcome).toMatchObject({ status: null, errorClass: 'config' });
    expect(spy.dialled).toEqual([]);
  });
});
