// Downloads that break off: what the file has in the end are exactly the bytes of the host's, from raw sockets, node:http,
// Express and nginx, cut on the way by a proxy that counts bytes.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseNetworks } from '../../src/outbound/address.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { type FetchAudioOptions, fetchAudio } from '../../src/transcribe/fetch.ts';
import { MINIMUM_RATE } from '../../src/transcribe/slow-host.ts';
import { NGINX, startNginx } from '../rig/nginx.ts';
import { type ReceivedRequest, type Respond, startReceiver, startSocketServer } from '../rig/receiver.ts';

/** It has no types of its own. */
const express = createRequire(import.meta.url)('express') as {
  (): RequestListener & { use(handler: unknown): void };
  static(folder: string): unknown;
};
/** Like the start of a WAV, so that no page is seen in it. */
const FILE = Buffer.concat([Buffer.from('RIFF\0\0\0\0WAVEfmt '), randomBytes(700_000)]);
const OTHER = Buffer.concat([Buffer.from('RIFF\0\0\0\0WAVEfmt '), randomBytes(700_000)]);
const LONG_AGO = 'Wed, 01 Jan 2025 00:00:00 GMT';
let folder: string;
let path: string;
let outbound: Outbound;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-resume-'));
  path = join(folder, 'audio');
  outbound = new Outbound({ policy: { allow: parseNetworks(['127.0.0.0/8']), own: [] } });
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});
afterAll(async () => {
  outbound.close();
  await rm(folder, { recursive: true });
});

const fetching = (url: string, more: Partial<FetchAudioOptions> = {}) =>
  fetchAudio({
    outbound,
    url,
    path,
    maxBytes: 2_000_000,
    totalMs: 20_000,
    idleMs: 5_000,
    minimumRate: MINIMUM_RATE,
    version: '0.1.0',
    retryWaitsMs: [10, 10, 10, 10],
    ...more,
  });
const refused = (url: string, more: Partial<FetchAudioOptions> = {}) =>
  fetching(url, more).then(
    () => expect.unreachable('it was fetched'),
    (error: unknown) => error as { code: string; message: string },
  );
const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const fetched = async () => hash(await readFile(path));

async function host(respond: Respond) {
  const receiver = await startReceiver({ respond });
  open.push(receiver);
  return receiver;
}

/** Serves ranges as RFC 9110 has them, and cuts the line after `cut` bytes of a body while `cuts` are left. */
function ranged(file: () => Buffer, validators: () => Record<string, string>, cuts: number[]): Respond {
  return (request, response) => {
    const body = file();
    const current = validators();
    const asked = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const isSame = Object.values(current).includes(request.headers['if-range'] ?? '');
    const from = asked > 0 && isSame ? asked : 0;
    if (from >= body.length && from > 0) {
      response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
      return undefined;
    }
    const part = from > 0 ? { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` } : {};
    response.writeHead(from > 0 ? 206 : 200, { ...current, ...part, 'content-length': body.length - from });
    const cut = cuts.shift();
    if (cut === undefined) response.end(body.subarray(from));
    else response.write(body.subarray(from, from + cut), () => setTimeout(() => response.destroy(), 20));
    return undefined;
  };
}

const headersOf = (requests: readonly ReceivedRequest[]) =>
  requests.map(({ headers }) => [headers.range ?? null, headers['if-range'] ?? null]);

describe('a download that breaks off', () => {
  it.each([
    ['a strong ETag', { etag: '"v1"' }, '"v1"'],
    ['a Last-Modified of long ago', { 'last-modified': LONG_AGO }, LONG_AGO],
    ['both', { etag: '"v1"', 'last-modified': LONG_AGO }, '"v1"'],
    ['a weak ETag and a Last-Modified', { etag: 'W/"v1"', 'last-modified': LONG_AGO }, LONG_AGO],
  ])('goes on where it ended: %s', async (_name, validators, ifRange) => {
    const { url, requests } = await host(
      ranged(
        () => FILE,
        () => validators,
        [300_000, 200_000],
      ),
    );
    expect(await fetching(`${url}/call.wav`)).toMatchObject({ bytes: FILE.length, filename: 'call.wav' });
    expect(await fetched()).toBe(hash(FILE));
    expect(headersOf(requests)).toEqual([
      [null, null],
      ['bytes=300000-', ifRange],
      ['bytes=500000-', ifRange],
    ]);
  });

  it.each([
    ['nothing that tells the file from another', {}],
    ['a weak ETag alone', { etag: 'W/"v1"' }],
    ['a Last-Modified of this very second', { 'last-modified': new Date(Date.now() + 5_000).toUTCString() }],
    ['a host that says it has no ranges', { etag: '"v1"', 'accept-ranges': 'none' }],
  ])('is begun anew with %s', async (_name, validators) => {
    const { url, requests } = await host(
      ranged(
        () => FILE,
        () => validators,
        [300_000],
      ),
    );
    expect(await fetching(url)).toMatchObject({ bytes: FILE.length });
    expect(await fetched()).toBe(hash(FILE));
    expect(headersOf(requests)).toEqual([
      [null, null],
      [null, null],
    ]);
  });

  it.each(['longer', 'shorter', 'as long'] as const)(
    'is begun anew when the file has changed and is %s',
    async (how) => {
      const changed =
        how === 'longer'
          ? Buffer.concat([OTHER, FILE])
          : OTHER.subarray(0, how === 'shorter' ? 1_000 : FILE.length);
      let now = { file: FILE, etag: '"v1"' };
      const serve = ranged(
        () => now.file,
        () => ({ etag: now.etag }),
        [300_000],
      );
      const { url } = await host((request, response, raw) => {
        if (request.headers.range) now = { file: changed, etag: '"v2"' };
        return typeof serve === 'function' ? serve(request, response, raw) : undefined;
      });
      expect(await fetching(url)).toMatchObject({ bytes: changed.length });
      expect(await fetched()).toBe(hash(changed));
    },
  );

  const answer = (head: Record<string, string | number>, body: Buffer, status = 206): Respond => {
    let first = true;
    return (request, response) => {
      if (request.headers.range) response.writeHead(status, head).end(body);
      else if (first) {
        first = false;
        response.writeHead(200, { etag: '"v1"', 'content-length': FILE.length });
        response.write(FILE.subarray(0, 300_000), () => setTimeout(() => response.destroy(), 20));
      } else response.writeHead(200, { etag: '"v2"', 'content-length': OTHER.length }).end(OTHER);
      return undefined;
    };
  };
  const rest = FILE.subarray(300_000);
  const last = FILE.length - 1;
  it.each<[string, Respond]>([
    ['of another total', answer({ 'content-range': `bytes 300000-${last}/${FILE.length + 1}` }, rest)],
    [
      'that begins elsewhere',
      answer({ 'content-range': `bytes 299999-${last}/${FILE.length}` }, FILE.subarray(299_999)),
    ],
    [
      'of another ETag',
      answer({ 'content-range': `bytes 300000-${last}/${FILE.length}`, etag: '"v2"' }, rest),
    ],
    ['without a Content-Range', answer({}, rest)],
    ['whose range is no range', answer({ 'content-range': `bytes ${last}-300000/${FILE.length}` }, rest)],
    ['in several parts', answer({ 'content-type': 'multipart/byteranges; boundary=x' }, rest)],
    ['as 416', answer({ 'content-range': 'bytes */1000' }, Buffer.alloc(0), 416)],
    ['as 416 of the very length', answer({ 'content-range': 'bytes */300000' }, Buffer.alloc(0), 416)],
    ['as 412', answer({}, Buffer.alloc(0), 412)],
  ])('takes no part %s: it is begun anew', async (_name, respond) => {
    const { url } = await host(respond);
    expect(await fetching(url)).toMatchObject({ bytes: OTHER.length });
    expect(await fetched()).toBe(hash(OTHER));
  });

  it('of a host that sends so many bytes of a file at a time is put together', async () => {
    const { url, requests } = await host((request, response) => {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const part = FILE.subarray(from, from + 100_000);
      response.writeHead(206, {
        etag: '"v1"',
        'content-range': `bytes ${from}-${from + part.length - 1}/${FILE.length}`,
      });
      response.end(part);
      return undefined;
    });
    expect(await fetching(url)).toMatchObject({ bytes: FILE.length });
    expect(await fetched()).toBe(hash(FILE));
    expect(requests).toHaveLength(Math.ceil(FILE.length / 100_000));
  });

  it('through redirects to addresses that are signed anew each time', async () => {
    let signed = 0;
    const serve = ranged(
      () => FILE,
      () => ({ etag: '"v1"' }),
      [300_000],
    );
    const { url, requests } = await host((request, response, raw) => {
      if (request.path === '/start') return { status: 302, headers: { location: `/f.wav?sig=${++signed}` } };
      return typeof serve === 'function' ? serve(request, response, raw) : undefined;
    });
    expect(await fetching(`${url}/start`)).toMatchObject({ bytes: FILE.length });
    expect(await fetched()).toBe(hash(FILE));
    expect(requests.map((request) => request.path)).toEqual([
      '/start',
      '/f.wav?sig=1',
      '/start',
      '/f.wav?sig=2',
    ]);
    expect(requests.map(({ headers }) => headers.range ?? null)).toEqual([null, null, null, 'bytes=300000-']);
  });

  it('is given up when its host cuts the line every few bytes, however often it goes on', async () => {
    const serve = ranged(
      () => FILE,
      () => ({ etag: '"v1"' }),
      Array.from({ length: 100 }, () => 100),
    );
    const { url, requests } = await host(serve);
    expect(await refused(url)).toMatchObject({
      code: 'audio_unreachable',
      message: expect.stringMatching(/broke off after 500 of \d+ bytes, in 5 tries/),
    });
    expect(requests).toHaveLength(5);
  });

  it('is given up after a few tries without progress, with what came', async () => {
    const { url, requests } = await host((_request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write(FILE.subarray(0, 100), () => response.destroy());
      return undefined;
    });
    expect(await refused(`${url}/a?token=secret`)).toEqual(
      expect.objectContaining({
        code: 'audio_unreachable',
        message: expect.stringMatching(
          /^The download from 127\.0\.0\.1:\d+ broke off after 100 of 1000 bytes, in 5 tries: /,
        ),
      }),
    );
    expect(requests).toHaveLength(5);
  });
});

describe('a host that fails for a moment', () => {
  it.each([408, 429, 500, 502, 503, 504])('with %i is asked again', async (status) => {
    let left = 2;
    const { url } = await host(() => (left-- > 0 ? { status } : { body: FILE }));
    expect(await fetching(url)).toMatchObject({ bytes: FILE.length });
  });

  it.each([400, 401, 403, 404, 410, 501, 505])('with %i is not', async (status) => {
    const { url, requests } = await host({ status });
    expect(await refused(url)).toMatchObject({
      code: 'audio_http_error',
      message: expect.stringMatching(new RegExp(`^The audio host 127.0.0.1:\\d+ answered ${status}: `)),
    });
    expect(requests).toHaveLength(1);
  });

  it('or cuts the line before a status, or closes between two tries', async () => {
    let left = 2;
    const server = await startSocketServer((socket) => {
      socket.once('data', () => {
        if (left-- > 0) socket.resetAndDestroy();
        else socket.end(`HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n${'RIFF\0\0\0\0WAVE'}`);
      });
    });
    open.push(server);
    expect(await fetching(server.url)).toMatchObject({ bytes: 12 });
  });

  it('is waited for as long as it asks, within bounds, and told otherwise', async () => {
    let answered = false;
    const { url } = await host(() => {
      if (answered) return { body: FILE };
      answered = true;
      return { status: 503, headers: { 'retry-after': '1' } };
    });
    const started = performance.now();
    expect(await fetching(url)).toMatchObject({ bytes: FILE.length });
    expect(performance.now() - started).toBeGreaterThan(990);

    for (const asks of ['3600', new Date(Date.now() + 3_600_000).toUTCString()]) {
      const far = await host({ status: 503, headers: { 'retry-after': asks } });
      expect((await refused(far.url)).message).toMatch(
        /answered 503: it failed: .* \(it asks to wait 3[56]\d\d s\)/,
      );
      expect(far.requests).toHaveLength(1);
    }
  });

  it('is not waited for beyond the time of the download, nor beyond a signal', async () => {
    const { url } = await host({ status: 503 });
    const started = performance.now();
    expect(await refused(url, { totalMs: 300, retryWaitsMs: [5_000] })).toMatchObject({
      code: 'audio_http_error',
    });
    const stopping = new AbortController();
    setTimeout(() => stopping.abort(), 50);
    expect(await refused(url, { retryWaitsMs: [5_000], signal: stopping.signal })).toMatchObject({
      message: expect.stringContaining('server is stopping'),
    });
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

/** Passes everything on, and cuts the first connections after so many bytes of what the server sends. */
async function cutting(port: number, after: number[]) {
  let sent = 0;
  const server = await startSocketServer((socket) => {
    const upstream = connect(port, '127.0.0.1');
    const most = after.shift() ?? Number.POSITIVE_INFINITY;
    let passed = 0;
    socket.pipe(upstream);
    socket.on('close', () => upstream.destroy());
    upstream.on('error', () => {});
    upstream.on('data', (bytes: Buffer) => {
      const piece = bytes.subarray(0, Math.max(0, most - passed));
      sent += piece.length;
      passed += bytes.length;
      if (passed >= most) socket.write(piece, () => setTimeout(() => socket.destroy(), 20));
      else socket.write(piece);
    });
    upstream.on('end', () => passed < most && socket.end());
  });
  open.push(server);
  return { url: server.url, sent: () => sent };
}

describe('servers as people run them, cut three times on the way', () => {
  const CUTS = () => [150_000, 150_000, 150_000];
  it('Express', async () => {
    await writeFile(join(folder, 'static.wav'), FILE);
    await utimes(join(folder, 'static.wav'), 1_700_000_000, 1_700_000_000);
    const statuses: number[] = [];
    const app = express();
    app.use((_request: unknown, response: ServerResponse, next: () => void) => {
      response.on('close', () => statuses.push(response.statusCode));
      next();
    });
    app.use(express.static(folder));
    const server = createServer(app);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push({
      async close() {
        server.closeAllConnections();
        server.close();
      },
    });
    const { url, sent } = await cutting((server.address() as AddressInfo).port, CUTS());
    expect(await fetching(`${url}/static.wav`)).toMatchObject({ bytes: FILE.length });
    expect(await fetched()).toBe(hash(FILE));
    expect(statuses.slice(0, 4)).toEqual([200, 206, 206, 206]);
    // Nothing twice: the heads are what is more.
    expect(sent()).toBeLessThan(FILE.length + 4_000);
  });

  it('nginx', async (context) => {
    if (NGINX === null) return context.skip('nginx is not installed: apt-get install nginx');
    await writeFile(join(folder, 'nginx.wav'), FILE);
    await chmod(folder, 0o755);
    const nginx = await startNginx({
      server: (port) => `server { listen 127.0.0.1:${port}; root ${folder}; }`,
    });
    open.push({ close: () => nginx.stop() });
    const { url, sent } = await cutting(Number(new URL(nginx.url).port), CUTS());
    expect(await fetching(`${url}/nginx.wav`)).toMatchObject({ bytes: FILE.length });
    expect(await fetched()).toBe(hash(FILE));
    expect(sent()).toBeLessThan(FILE.length + 4_000);
  });
});
