// Names to addresses, asked of a real DNS server on loopback by the real resolver.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUBLIC_ONLY } from '../../src/outbound/address.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { createQuery, createResolve } from '../../src/outbound/resolve.ts';
import { dialSpy } from '../rig/dial-spy.ts';
import { type DnsServer, startDns } from '../rig/dns.ts';

let dns: DnsServer;
let folder: string;
let hostsFile: string;

beforeAll(async () => {
  dns = await startDns({
    'public.example': { addresses: ['93.184.216.34', '2606:4700:4700::1111'] },
    'four.example': { addresses: ['93.184.216.34'] },
    'alias.example': { cname: 'second.example' },
    'second.example': { cname: 'db.corp.example' },
    'db.corp.example': { addresses: ['10.0.0.7'] },
    'empty.example': {},
    'silent.example': { silent: 'both' },
    'half.example': { addresses: ['93.184.216.34'], silent: 'AAAA' },
    'moving.example': { addresses: ['93.184.216.34'], ttl: 0 },
  });
  folder = await mkdtemp(join(tmpdir(), 'ringback-hosts-'));
  hostsFile = join(folder, 'hosts');
  await writeFile(
    hostsFile,
    '# comment\n10.9.9.9\tintra.example Other.Example # intra.example\n::1 six.example\n',
  );
});
afterAll(async () => {
  await dns.close();
  await rm(folder, { recursive: true });
});

const query = (graceMs = 1_000) => createQuery({ hostsFile, servers: [dns.server], graceMs });

describe('the system view', () => {
  it('gives both families, IPv4 first', async () => {
    expect(await createResolve({ query: query() })('public.example')).toEqual([
      '93.184.216.34',
      '2606:4700:4700::1111',
    ]);
  });

  it('takes one family where the other is empty', async () => {
    expect(await createResolve({ query: query() })('four.example')).toEqual(['93.184.216.34']);
  });

  it('waits only the grace period for the second family', async () => {
    expect(await createResolve({ query: query(50) })('half.example')).toEqual(['93.184.216.34']);
  });

  it('reads the hosts file before it asks anybody', async () => {
    const before = dns.asked.length;
    const resolve = createResolve({ query: query() });
    expect(await resolve('intra.example')).toEqual(['10.9.9.9']);
    expect(await resolve('other.example')).toEqual(['10.9.9.9']);
    expect(await resolve('six.example')).toEqual(['::1']);
    expect(await resolve('localhost')).toEqual(['127.0.0.1', '::1']);
    expect(dns.asked).toHaveLength(before);
  });

  it('asks for exactly the name, whatever search domains the machine has', async () => {
    await expect(createResolve({ query: query() })('kubernetes')).rejects.toMatchObject({ code: 'dns' });
    expect(dns.asked.filter((question) => question.startsWith('kubernetes.'))).toEqual([]);
    expect(dns.asked).toContain('kubernetes A');
  });

  it.each([
    ['missing.example', /does not exist/],
    ['empty.example', /has no address/],
  ])('%s fails with a sentence', async (host, sentence) => {
    await expect(createResolve({ query: query() })(host)).rejects.toMatchObject({
      code: 'dns',
      message: expect.stringMatching(sentence),
    });
  });

  it('gives up on a silent server at its own limit', async () => {
    const started = performance.now();
    const resolve = createResolve({ query: query(), timeoutMs: 200 });
    await expect(resolve('silent.example')).rejects.toMatchObject({ code: 'dns' });
    expect(performance.now() - started).toBeLessThan(1_500);
  });
});

describe('sharing', () => {
  it('asks once for many at the same time, and again after the TTL', async () => {
    let now = 0;
    let asked = 0;
    const resolve = createResolve({
      now: () => now,
      query: async () => {
        asked += 1;
        return { addresses: ['93.184.216.34'], ttlSeconds: 2 };
      },
    });
    await Promise.all(Array.from({ length: 50 }, () => resolve('a.example')));
    expect(asked).toBe(1);
    now = 1_999;
    await resolve('a.example');
    expect(asked).toBe(1);
    now = 2_001;
    await resolve('a.example');
    expect(asked).toBe(2);
  });

  it('asks every time when the TTL is 0', async () => {
    const resolve = createResolve({ query: query() });
    const before = dns.asked.length;
    await resolve('moving.example');
    await resolve('moving.example');
    expect(dns.asked.length - before).toBe(4);
  });

  it('keeps failures for a second', async () => {
    let now = 0;
    let asked = 0;
    const resolve = createResolve({
      now: () => now,
      query: async () => {
        asked += 1;
        throw Object.assign(new Error(), { code: 'ENOTFOUND' });
      },
    });
    await expect(resolve('a.example')).rejects.toMatchObject({ code: 'dns' });
    await expect(resolve('a.example')).rejects.toMatchObject({ code: 'dns' });
    expect(asked).toBe(1);
    now = 1_001;
    await expect(resolve('a.example')).rejects.toMatchObject({ code: 'dns' });
    expect(asked).toBe(2);
  });

  it('forgets the oldest beyond its bound', async () => {
    const asked: string[] = [];
    const resolve = createResolve({
      maxEntries: 2,
      query: async (host) => {
        asked.push(host);
        return { addresses: ['93.184.216.34'], ttlSeconds: 60 };
      },
    });
    for (const host of ['a', 'b', 'c', 'b', 'a']) await resolve(host);
    expect(asked).toEqual(['a', 'b', 'c', 'a']);
  });
});

describe('an exchange', () => {
  const exchange = (url: string, deadlineMs = 5_000) => {
    const spy = dialSpy();
    const outbound = new Outbound({
      policy: PUBLIC_ONLY,
      resolve: createResolve({ query: query() }),
      connect: spy.connect,
    });
    return outbound.exchange({ url, method: 'GET', headers: {}, deadlineMs }).then((result) => ({
      result,
      spy,
    }));
  };

  it('judges a CNAME chain by where it ends', async () => {
    const { result, spy } = await exchange('http://alias.example/');
    expect(result.failure).toMatchObject({
      class: 'blocked_address',
      message: expect.not.stringMatching(/10\.|corp/),
      detail: expect.stringContaining('10.0.0.7'),
    });
    expect(spy.dialled).toEqual([]);
  });

  it('judges what the hosts file says', async () => {
    expect((await exchange('http://intra.example/')).result.failure?.class).toBe('blocked_address');
  });

  it('a trailing dot changes nothing', async () => {
    expect((await exchange('http://public.example./')).spy.dialled[0]).toBe('93.184.216.34');
  });

  it.each(['missing.example', 'empty.example', 'silent.example'])(
    '%s is a dns failure, ours, with the time it took',
    async (host) => {
      const { result, spy } = await exchange(`http://${host}/`, 400);
      expect(result.failure).toMatchObject({ class: 'dns', phase: 'dns' });
      expect(result.phases.dns).toBeGreaterThan(0);
      expect(spy.dialled).toEqual([]);
    },
  );

  it('a resolver stuck for ever is cut by the exchange itself', async () => {
    const outbound = new Outbound({ policy: PUBLIC_ONLY, resolve: () => new Promise(() => {}) });
    const result = await outbound.exchange({
      url: 'http://stuck.example/',
      method: 'GET',
      headers: {},
      deadlineMs: 100,
    });
    expect(result.failure).toMatchObject({ class: 'dns', code: 'ETIMEOUT' });
    expect(result.durationMs).toBeLessThan(1_000);
  });
});
