// A far end for each sentence about a failure. It fails for real where a process can make it so; where only the kernel could
// (no route, a line gone dead), the kernel's word is put in its mouth. The last tests hold the tables to it: no row, no
// class without a far end.
import { createServer as createHttp2, createSecureServer } from 'node:http2';
import { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseNetworks } from '../../src/outbound/address.ts';
import { FAILURE_CLASSES, type FailureClass, type Phase } from '../../src/outbound/failure.ts';
import {
  type Exchange,
  type ExchangeRequest,
  Outbound,
  type OutboundOptions,
} from '../../src/outbound/request.ts';
import { createQuery, createResolve } from '../../src/outbound/resolve.ts';
import { CODES, DNS, OF_CLASS, OUT_OF_TIME, TLS } from '../../src/outbound/sentences.ts';
import { URL_REFUSALS } from '../../src/outbound/url.ts';
import { type DnsServer, startDns } from '../rig/dns.ts';
import {
  alert,
  chain,
  connectFails,
  lineFails,
  oldServerHello,
  pem,
  says,
  smallDiffieHellman,
  startTls,
  startTlsBreaker,
  WEAK,
} from '../rig/far-ends.ts';
import { type SocketServer, startReceiver, startSocketServer } from '../rig/receiver.ts';

const SHORT = 300;
const HUGE = new Uint8Array(64 * 1024 * 1024);
const OK = 'HTTP/1.1 200 OK\r\n';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const { close } of open.splice(0).reverse()) await close();
});
const kept = <T extends { close(): unknown }>(closable: T): T => {
  open.push({ close: () => closable.close() });
  return closable;
};

type Options = Partial<OutboundOptions> & { request?: Partial<ExchangeRequest> };
const outboundOf = (options: Partial<OutboundOptions>) =>
  kept(
    new Outbound({
      policy: { allow: parseNetworks(['127.0.0.0/8', '192.0.2.0/24', '2001:db8::/32']), own: [] },
      ca: pem('root.cert'),
      ...options,
    }),
  );
function call(url: string, { request, ...options }: Options = {}): Promise<Exchange> {
  return outboundOf(options).exchange({
    url,
    method: 'POST',
    headers: {},
    body: Buffer.from('{}'),
    deadlineMs: 10_000,
    ...request,
  });
}

type FarEnd = () => Promise<Exchange>;
const socket =
  (onSocket: (socket: Socket) => void, options: Options = {}, scheme = 'http'): FarEnd =>
  async () =>
    call(`${scheme}://localhost:${kept(await startSocketServer(onSocket)).port}/`, {
      resolve: async () => ['127.0.0.1'],
      ...options,
    });
const handshake = (onSocket: (socket: Socket) => void, options?: Options) =>
  socket(onSocket, options, 'https');
const tls =
  (
    server: Parameters<typeof startTls>[0],
    options?: Options,
    onSocket?: Parameters<typeof startTls>[1],
  ): FarEnd =>
  async () =>
    call(kept(await startTls(server, onSocket)).url, options);

const seen = { rows: new Set<string>(), classes: new Set<string>() };
type Expected = { row: string; sentence: string; class: FailureClass; phase?: Phase };
async function expectFailure(farEnd: FarEnd, expected: Expected): Promise<void> {
  const { failure, bodyFailure, head } = await farEnd();
  const { message, class: failureClass, phase } = (failure ?? bodyFailure) as NonNullable<typeof failure>;
  expect({ message, class: failureClass }).toEqual({ message: expected.sentence, class: expected.class });
  if (expected.phase !== undefined) expect(phase).toBe(expected.phase);
  expect(failure === null, 'an answer that arrived is an answer').toBe(head !== null);
  seen.rows.add(expected.row);
  seen.classes.add(failureClass);
}

describe('in the handshake', () => {
  const { key, cert } = chain('chained', 'intermediate');
  const good = { key, cert };
  it.each<[code: string, farEnd: FarEnd]>([
    ['CERT_HAS_EXPIRED', tls(chain('expired'), { ca: pem('expired.cert') })],
    ['CERT_NOT_YET_VALID', tls(chain('future'))],
    ['ERR_TLS_CERT_ALTNAME_INVALID', tls(chain('other-name'), { ca: pem('other-name.cert') })],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', tls(chain('good'))],
    ['SELF_SIGNED_CERT_IN_CHAIN', tls(chain('chained', 'intermediate', 'root'), { ca: pem('good.cert') })],
    ['UNABLE_TO_GET_ISSUER_CERT', tls(chain('chained'), { ca: pem('intermediate.cert') })],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', tls(good, { ca: pem('good.cert') })],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', tls(chain('chained'))],
    ['INVALID_PURPOSE', tls(chain('client-only'))],
    ['EE_KEY_TOO_SMALL', tls({ ...chain('weak-key'), ...WEAK })],
    ['CA_KEY_TOO_SMALL', tls({ ...chain('weak-chained', 'weak-intermediate'), ...WEAK })],
    ['CA_MD_TOO_WEAK', tls({ ...chain('old-chained', 'old-intermediate'), ...WEAK })],
    [
      'DH_KEY_TOO_SMALL',
      tls({
        ...good,
        dhparam: smallDiffieHellman(),
        ciphers: 'DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0',
        maxVersion: 'TLSv1.2',
      }),
    ],
    [
      'CLIENT_CERTIFICATE_MISSING',
      tls({ ...good, requestCert: true, ca: pem('root.cert'), maxVersion: 'TLSv1.2' }),
    ],
    ['ALERT_PROTOCOL_VERSION', tls({ ...good, ...WEAK, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })],
    ['UNSUPPORTED_PROTOCOL', handshake(says(oldServerHello))],
    [
      'ALERT_HANDSHAKE_FAILURE',
      tls({ ...good, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' }),
    ],
    ['ALERT_INSUFFICIENT_SECURITY', handshake(alert(71))],
    [
      'ALERT_NO_APPLICATION_PROTOCOL',
      async () => {
        const server = createSecureServer(good);
        await new Promise<void>((resolve) => {
          server.listen(0, '127.0.0.1', resolve);
        });
        kept({ close: () => server.close() });
        return call(`https://localhost:${(server.address() as { port: number }).port}/`);
      },
    ],
    ['UNRECOGNIZED_NAME', handshake(alert(112))],
    ['ALERT_INTERNAL_ERROR', handshake(alert(80))],
    ['WRONG_VERSION_NUMBER', async () => call(`https://127.0.0.1:${kept(await startReceiver()).port}/`)],
    ['WRONG_VERSION_NUMBER', handshake((far) => far.write('SSH-2.0-OpenSSH_9.9\r\n'))],
    ['HTTP_REQUEST', handshake(says('GET / HTTP/1.1\r\n\r\n'))],
    ['DATA_LENGTH_TOO_LONG', handshake(says(Uint8Array.from([0x16, 3, 3, 255, 255, 0])))],
  ])('%s', async (code, farEnd) => {
    await expectFailure(farEnd, {
      row: `tls ${code}`,
      sentence: TLS[code] ?? '',
      class: 'tls',
      phase: 'tls',
    });
  });
});

/** What the kernel says of a line, in each phase that it can break in. */
const BREAKABLE: Record<Exclude<Phase, 'dns' | 'connect'>, (options: Options) => FarEnd> = {
  tls: (options) => handshake(() => {}, options),
  send: (options) => socket((far) => far.pause(), { ...options, request: { body: HUGE } }),
  firstByte: (options) => socket((far) => far.resume(), options),
  body: (options) => socket(says(`${OK}content-length: 10\r\n\r\nhalf`), options),
};

describe('on the line', () => {
  const nowhere =
    (code: string, address?: string): FarEnd =>
    () =>
      call('http://192.0.2.1/', { connect: connectFails(code, address) });
  const reset = (far: Socket) => far.resetAndDestroy();
  it.each<[code: string, farEnd: FarEnd, phase?: Exclude<Phase, 'dns'>, failureClass?: FailureClass]>([
    [
      'ECONNREFUSED',
      async () => {
        const receiver = await startReceiver();
        await receiver.close();
        return call(receiver.url);
      },
    ],
    ['EHOSTUNREACH', nowhere('EHOSTUNREACH')],
    ['ENETUNREACH', nowhere('ENETUNREACH')],
    ['EADDRNOTAVAIL', nowhere('EADDRNOTAVAIL', '2001:db8::1')],
    ['EPERM', nowhere('EPERM')],
    ['EACCES', nowhere('EACCES')],
    ['ECONNRESET', handshake(says('', reset)), 'tls', 'tls'],
    ['ECONNRESET', handshake(says('', (far) => far.end())), 'tls', 'tls'],
    ['ECONNRESET', socket(says('', reset), { request: { body: HUGE } }), 'send'],
    ['ECONNRESET', socket(says('', (far) => setTimeout(reset, 50, far))), 'firstByte'],
    ['ECONNRESET', socket(says('HTTP/1.1 2', (far) => setTimeout(reset, 50, far))), 'firstByte'],
    [
      'ECONNRESET',
      socket(says(`${OK}content-length: 9\r\n\r\nhalf`, (far) => setTimeout(reset, 50, far))),
      'body',
    ],
    ['CLOSED', tls(chain('chained', 'intermediate'), {}, (far) => far.on('data', () => far.end()))],
    ['CLOSED_PLAIN', socket(says('', (far) => far.end()))],
    [
      'CLOSED_PLAIN',
      async () => call(`http://localhost:${kept(await startTls(chain('chained', 'intermediate'))).port}/`),
    ],
    ['CLOSED_IN_STATUS', socket(says('HTTP/1.1 2', (far) => far.end()))],
    [
      'ALERT_CERTIFICATE_REQUIRED',
      tls({ ...chain('chained', 'intermediate'), requestCert: true, ca: pem('root.cert') }),
    ],
    ['ALERT_BAD_CERTIFICATE', handshake(alert(42))],
    ['NOT_HTTP', socket((far) => far.write('SSH-2.0-OpenSSH_9.9\r\n'))],
    ['NOT_HTTP', socket((far) => far.write('220 mail.example ESMTP\r\n'))],
    ['NOT_HTTP_BUT_TLS', socket(says(Uint8Array.from([0x15, 3, 1, 0, 2, 2, 70])))],
    [
      'NOT_HTTP_BUT_HTTP2',
      async () => {
        const server = createHttp2();
        server.on('sessionError', () => {});
        await new Promise<void>((resolve) => {
          server.listen(0, '127.0.0.1', resolve);
        });
        kept({ close: () => server.close() });
        return call(`http://127.0.0.1:${(server.address() as { port: number }).port}/`);
      },
    ],
    ['BAD_STATUS_LINE', socket(says('HTTP/1.1 OK\r\n\r\n'))],
    ['HEAD_OVERFLOW', socket(says(`${OK}x-large: ${'x'.repeat(20_000)}\r\n\r\n`))],
    ['BODY_SHORT', socket(says(`${OK}content-length: 9\r\n\r\nhalf`, (far) => far.end()))],
    ['BODY_CHUNKS', socket(says(`${OK}transfer-encoding: chunked\r\n\r\nnone\r\n`))],
    [
      'BODY_UNCERTAIN',
      socket(says(`${OK}content-length: 1\r\ncontent-length: 2\r\n\r\nab`, (far) => far.end())),
    ],
    ...(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT'] as const).flatMap((code) => {
      const late = { connect: lineFails(code, 100) };
      const inHandshake: FailureClass = code === 'ETIMEDOUT' ? 'timeout' : 'tls';
      return [
        [code, nowhere(code), 'connect'],
        [code, BREAKABLE.tls(late), 'tls', inHandshake],
        [code, BREAKABLE.send(late), 'send'],
        [code, BREAKABLE.firstByte(late), 'firstByte'],
        [code, BREAKABLE.body(late), 'body'],
      ] as [string, FarEnd, Exclude<Phase, 'dns'>, FailureClass?][];
    }),
  ])('%s %#', async (code, farEnd, phase, failureClass) => {
    const { says: sentence, class: ofTable } = CODES[code] ?? { says: '', class: 'internal' };
    await expectFailure(farEnd, {
      row: typeof sentence === 'string' ? `any ${code}` : `any ${code} ${phase}`,
      sentence: typeof sentence === 'string' ? sentence : sentence[phase ?? 'connect'],
      class: failureClass ?? ofTable,
      ...(phase ? { phase } : {}),
    });
  });
});

describe('in DNS', () => {
  let dns: DnsServer;
  beforeAll(async () => {
    dns = await startDns({
      'none.example': {},
      'broken.example': { rcode: 2 },
      'refused.example': { rcode: 5 },
      'silent.example': { silent: 'both' },
      '': {},
    });
  });
  afterAll(() => dns.close());
  const ask =
    (host: string, server = () => dns.server, request: Partial<ExchangeRequest> = {}): FarEnd =>
    () =>
      call(`http://${host}/`, {
        resolve: createResolve({ query: createQuery({ servers: [server()], hostsFile: '/nonexistent' }) }),
        request,
      });
  it.each<[code: string, farEnd: FarEnd]>([
    ['ENOTFOUND', ask('missing.example')],
    ['ENODATA', ask('none.example')],
    ['ESERVFAIL', ask('broken.example')],
    ['EREFUSED', ask('refused.example')],
    ['ETIMEOUT', ask('silent.example', undefined, { deadlineMs: 600 })],
    ['ECONNREFUSED', ask('any.example', () => '127.0.0.1:1')],
    [
      'OURS_SILENT',
      async () => {
        const silent = kept(await startDns({ 'any.example': { silent: 'both' }, '': { silent: 'both' } }));
        return ask('any.example', () => silent.server, { deadlineMs: 600 })();
      },
    ],
  ])('%s', async (code, farEnd) => {
    const { says: sentence = '', class: failureClass = 'internal' } = DNS[code] ?? {};
    await expectFailure(farEnd, { row: `dns ${code}`, sentence, class: failureClass, phase: 'dns' });
  });
});

describe('when the time runs out', () => {
  const soon = { request: { deadlineMs: SHORT } };
  it.each<[key: keyof typeof OUT_OF_TIME, farEnd: FarEnd]>([
    ['dns', () => call('http://slow.example/', { ...soon, resolve: () => new Promise(() => {}) })],
    ['connect', () => call('http://192.0.2.1/', { ...soon, connect: () => new Socket() })],
    ['tls', handshake(() => {}, soon)],
    ['send', socket((far) => far.pause(), { request: { deadlineMs: SHORT, body: HUGE } })],
    ['firstByte', socket((far) => far.resume(), soon)],
    [
      'firstByteOfLarge',
      socket((far) => far.resume(), { request: { deadlineMs: SHORT, body: new Uint8Array(300_000) } }),
    ],
    ['body', socket(says(`${OK}content-length: 9\r\n\r\nhalf`), soon)],
  ])('%s', async (key, farEnd) => {
    const phase = key === 'firstByteOfLarge' ? 'firstByte' : key;
    const sentence = OUT_OF_TIME[key].replace('%', 'within 0.3 s');
    await expectFailure(farEnd, {
      row: `time ${key}`,
      sentence,
      class: phase === 'dns' ? 'dns' : 'timeout',
      phase,
    });
  });
});

describe('where there is no more to say than the class', () => {
  it.each<[name: keyof typeof OF_CLASS, code: string, farEnd: FarEnd]>([
    [
      'config',
      ' (ERR_INVALID_CHAR)',
      () => call('http://192.0.2.1/', { request: { headers: { a: 'b\nc' } } }),
    ],
    ['shortage', '', () => call('http://192.0.2.1/', { connect: connectFails('EMFILE') })],
    [
      'connect',
      ' (EPROTONOSUPPORT)',
      () => call('http://192.0.2.1/', { connect: connectFails('EPROTONOSUPPORT') }),
    ],
    ['tls', ' (ALERT_ACCESS_DENIED)', handshake(alert(49))],
    [
      'tls',
      ' (DECRYPTION_FAILED_OR_BAD_RECORD_MAC)',
      async () => {
        const server: SocketServer = kept(await startTls(chain('chained', 'intermediate')));
        return call(`https://localhost:${kept(await startTlsBreaker(server)).port}/`);
      },
    ],
    ['aborted', '', handshake(() => {}, { request: { signal: AbortSignal.timeout(100) } })],
    ['internal', '', () => call('http://192.0.2.1/', { connect: connectFails('') })],
    [
      'stale_connection',
      '',
      async () => {
        let requests = 0;
        const server = kept(
          await startSocketServer((far) =>
            far.on('data', () => {
              requests += 1;
              if (requests === 1) far.write('HTTP/1.1 204 No Content\r\n\r\n');
              else far.destroy();
            }),
          ),
        );
        const out = outboundOf({});
        const request: ExchangeRequest = { url: server.url, method: 'GET', headers: {}, deadlineMs: 5_000 };
        await out.exchange(request);
        return out.exchange(request);
      },
    ],
  ])('%s%s', async (name, code, farEnd) => {
    await expectFailure(farEnd, { row: `class ${name}`, sentence: OF_CLASS[name] + code, class: name });
  });

  it('blocked_address: of the URL, and of what its name leads to', async () => {
    const refused = { row: '', sentence: URL_REFUSALS.not_public, class: 'blocked_address' as const };
    await expectFailure(() => call('http://10.0.0.1/'), refused);
    await expectFailure(() => call('http://in.example/', { resolve: async () => ['10.0.0.1'] }), refused);
  });
});

it('no sentence is without a far end', () => {
  const rows = [
    ...Object.keys(TLS).map((code) => `tls ${code}`),
    ...Object.entries(CODES).flatMap(([code, { says: sentence }]) =>
      typeof sentence === 'string'
        ? [`any ${code}`]
        : Object.keys(sentence).map((phase) => `any ${code} ${phase}`),
    ),
    ...Object.keys(DNS).map((code) => `dns ${code}`),
    ...Object.keys(OUT_OF_TIME).map((phase) => `time ${phase}`),
    ...Object.keys(OF_CLASS).map((name) => `class ${name}`),
  ];
  expect(rows.filter((row) => !seen.rows.has(row))).toEqual([]);
});

it('no class is without a far end', () => {
  expect(Object.keys(FAILURE_CLASSES).filter((name) => !seen.classes.has(name))).toEqual([]);
});
