// The exchange itself: reuse of connections, limits, signals, TLS, and where the time went.

import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { parseNetworks } from '../../src/outbound/address.ts';
import { type ExchangeRequest, Outbound, type OutboundOptions } from '../../src/outbound/request.ts';
import { startReceiver, startSocketServer } from '../rig/receiver.ts';

const LOOPBACK = { allow: parseNetworks(['127.0.0.0/8', '::1/128']), own: [] };
const pem = (name: string) => readFileSync(new URL(`../rig/tls/${name}.pem`, import.meta.url), 'utf8');
const pair = (name: string) => ({ key: pem(`${name}.key`), cert: pem(`${name}.cert`) });

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const { close } of open.splice(0).reverse()) await close();
});
const kept = <T extends { close(): unknown }>(closable: T): T => {
  open.push({ close: () => closable.close() });
  return closable;
};
const outbound = (options: Partial<OutboundOptions> = {}) =>
  kept(new Outbound({ policy: LOOPBACK, ...options }));
const get = (url: string, more: Partial<ExchangeRequest> = {}): ExchangeRequest => ({
  url,
  method: 'GET',
  headers: {},
  deadlineMs: 5_000,
  ...more,
});

describe('connections', () => {
  it('are used again, one exchange at a time, and closed by close()', async () => {
    const receiver = kept(await startReceiver());
    const out = outbound();
    const first = await out.exchange(get(receiver.url));
    const second = await out.exchange(get(receiver.url));
    expect([first.reused, second.reused]).toEqual([false, true]);
    expect(receiver.connections).toBe(1);
    expect(second.phases.connect).toBeUndefined();
    await Promise.all(Array.from({ length: 5 }, () => out.exchange(get(receiver.url))));
    expect(receiver.connections).toBe(5);
    expect(out.idleConnections).toBe(5);
    out.close();
    expect(out.idleConnections).toBe(0);
  });

  it('are not shared between origins or address sets', async () => {
    const receiver = kept(await startReceiver());
    const out = outbound();
    await out.exchange(get(receiver.url));
    const named = await out.exchange(get(`http://localhost:${receiver.port}`));
    expect(named.reused).toBe(false);
  });

  it('are dropped when the policy changes, and refused by the new one', async () => {
    const receiver = kept(await startReceiver());
    const out = outbound();
    await out.exchange(get(receiver.url));
    out.setPolicy({ allow: [], own: [] });
    expect(out.idleConnections).toBe(0);
    expect((await out.exchange(get(receiver.url))).failure?.class).toBe('blocked_address');
  });

  it('closed by the far end meanwhile are not used again', async () => {
    let close = () => {};
    const server = kept(
      await startSocketServer((socket) => {
        socket.on('data', () => socket.write('HTTP/1.1 204 No Content\r\n\r\n'));
        close = () => socket.destroy();
      }),
    );
    const out = outbound();
    for (let round = 0; round < 5; round++) {
      const { head, failure } = await out.exchange(get(server.url));
      expect({ status: head?.status, failure }).toEqual({ status: 204, failure: null });
      const before = out.idleConnections;
      close();
      // Once it is seen here. A close that crosses the next request on the wire is a failed attempt, by design:
      // the far end may have taken that request, so nothing is sent again silently.
      await new Promise<void>((resolve) => {
        const look = () => (out.idleConnections < before ? resolve() : setImmediate(look));
        look();
      });
    }
  });

  it('are kept for 256 endpoints at most', async () => {
    const receiver = kept(await startReceiver());
    const out = outbound({ resolve: async () => ['127.0.0.1'] });
    for (let from = 0; from < 300; from += 50)
      await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          out.exchange(get(`http://e${from + index}.example:${receiver.port}/`)),
        ),
      );
    expect(receiver.connections).toBe(300);
    expect(out.idleConnections).toBeLessThanOrEqual(256);
    expect(out.idleConnections).toBeGreaterThan(0);
    out.close();
    expect(out.idleConnections).toBe(0);
  });

  it('that answered `connection: close` are not kept', async () => {
    const receiver = kept(await startReceiver({ respond: { headers: { connection: 'close' } } }));
    const out = outbound();
    await out.exchange(get(receiver.url));
    expect(out.idleConnections).toBe(0);
  });

  it('leave no listeners behind after many exchanges', async () => {
    const receiver = kept(await startReceiver());
    const out = outbound();
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    const signal = new AbortController().signal;
    for (let count = 0; count < 50; count++) await out.exchange(get(receiver.url, { signal }));
    await new Promise(setImmediate);
    process.off('warning', note);
    expect(receiver.connections).toBe(1);
    expect(warnings).toEqual([]);
  });
});

describe('limits', () => {
  it('tries the next address when one is dead, within the connect budget', async () => {
    const receiver = kept(await startReceiver());
    const out = outbound({ resolve: async () => ['127.0.0.9', '127.0.0.1'] });
    const { head, address } = await out.exchange(get(`http://two.example:${receiver.port}`));
    expect(head?.status).toBe(200);
    expect(address).toBe('127.0.0.1');
  });

  it('a signal ends it at once, in any phase', async () => {
    const server = kept(await startSocketServer(() => {}));
    const stuckInDns = outbound({ resolve: () => new Promise(() => {}) });
    for (const [out, url] of [
      [outbound(), server.url],
      [stuckInDns, 'http://stuck.example'],
    ] as const) {
      const controller = new AbortController();
      const running = out.exchange(get(url, { signal: controller.signal }));
      setImmediate(() => controller.abort());
      expect((await running).failure?.class).toBe('aborted');
    }
    expect((await outbound().exchange(get(server.url, { signal: AbortSignal.abort() }))).failure?.class).toBe(
      'aborted',
    );
  });

  it('the idle limit is per gap, the deadline is not', async () => {
    const server = kept(
      await startSocketServer((socket) => {
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n');
          const drip = setInterval(() => socket.write('x'), 20);
          socket.on('close', () => clearInterval(drip));
        });
      }),
    );
    const dripped = await outbound().exchange(get(server.url, { idleMs: 200, deadlineMs: 600 }));
    expect(dripped).toMatchObject({
      head: { status: 200 },
      body: 'broken',
      bodyFailure: { class: 'timeout' },
    });
    expect(dripped.bodyBytes).toBeGreaterThan(5);
    const silent = kept(await startSocketServer(() => {}));
    const idle = await outbound().exchange(get(silent.url, { idleMs: 50 }));
    expect(idle.failure).toMatchObject({ class: 'timeout', phase: 'firstByte' });
    expect(idle.durationMs).toBeLessThan(2_000);
  });

  it('what onData throws is the caller’s and comes back unchanged', async () => {
    const receiver = kept(await startReceiver({ respond: { body: 'x' } }));
    const mine = new Error('disk full');
    const onData = () => {
      throw mine;
    };
    await expect(outbound().exchange(get(receiver.url, { onData }))).rejects.toBe(mine);
    await expect(outbound().exchange(get(receiver.url, { onData: () => Promise.reject(mine) }))).rejects.toBe(
      mine,
    );
  });

  it('a slow reader holds the far end back', async () => {
    let sent = 0;
    const server = kept(
      await startSocketServer((socket) => {
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n');
          const block = Buffer.alloc(65_536);
          const fill = () => {
            while (sent < 100_000_000) {
              sent += block.length;
              if (!socket.write(block)) return socket.once('drain', fill);
            }
          };
          fill();
        });
      }),
    );
    let release: (step: 'stop') => void = () => {};
    const held = new Promise<'stop'>((resolve) => {
      release = resolve;
    });
    const first = Promise.withResolvers<void>();
    const running = outbound().exchange(
      get(server.url, {
        onData: () => {
          first.resolve();
          return held;
        },
      }),
    );
    await first.promise;
    // Until the sender stops by itself: two looks in a row find nothing more was taken.
    for (let before = -1; before !== sent; ) {
      before = sent;
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    }
    expect(sent).toBeLessThan(50_000_000);
    release('stop');
    expect((await running).body).toBe('stopped');
  });
});

describe('the request on the wire', () => {
  it('keeps path and query as given, drops the fragment, asks for no encoding', async () => {
    const receiver = kept(await startReceiver());
    await outbound().exchange(get(`${receiver.url}/a%2Fb;c?x=%20+&y=%E2%82%AC&&z#part`));
    const [request] = await receiver.next();
    expect(request?.path).toBe('/a%2Fb;c?x=%20+&y=%E2%82%AC&&z');
    expect(request?.headers['accept-encoding']).toBe('identity');
    expect(request?.headers.host).toBe(`127.0.0.1:${receiver.port}`);
  });

  it('reaches localhost by name, over either family', async () => {
    const receiver = kept(await startReceiver({ host: '::1' }));
    const result = await outbound().exchange(get(`http://localhost:${receiver.port}/`));
    expect(result).toMatchObject({ head: { status: 200 }, address: '::1' });
  });

  it('reaches localhost where only IPv4 loopback is allowed', async () => {
    const receiver = kept(await startReceiver());
    const out = outbound({ policy: { allow: parseNetworks(['127.0.0.0/8']), own: [] } });
    expect((await out.exchange(get(`http://localhost:${receiver.port}/`))).address).toBe('127.0.0.1');
  });
});

describe('TLS', () => {
  it('verifies name and chain, records its time, speaks HTTP/1.1 where HTTP/2 is offered', async () => {
    const versions: string[] = [];
    const server = createSecureServer({ ...pair('good'), allowHTTP1: true }, (request, response) => {
      versions.push(request.httpVersion);
      response.end();
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const out = outbound({ ca: pem('good.cert') });
    for (const host of ['localhost', '127.0.0.1']) {
      const result = await out.exchange(get(`https://${host}:${port}/`));
      expect(result.head?.status).toBe(200);
      expect(result.phases.tls).toBeGreaterThan(0);
    }
    expect(versions).toEqual(['1.1', '1.1']);
    out.close();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });

  it('is not talked out of it by the environment', async () => {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      const receiver = kept(await startReceiver({ tls: pair('good') }));
      const result = await outbound().exchange(get(receiver.url));
      expect(result.failure).toMatchObject({ class: 'tls', code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
      expect(receiver.requests).toEqual([]);
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
  });
});
