// Downloads of audio_url over real sockets to a real disk: what arrives, what is refused, and in which words.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseNetworks } from '../../src/outbound/address.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { type FetchAudioOptions, fetchAudio } from '../../src/transcribe/fetch.ts';
import { MINIMUM_RATE } from '../../src/transcribe/slow-host.ts';
import { type Respond, startReceiver, startSocketServer } from '../rig/receiver.ts';

const CLIP = new URL('../fixtures/jfk.wav', import.meta.url);
let folder: string;
let path: string;
let outbound: Outbound;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-fetch-'));
  path = join(folder, 'audio');
  outbound = new Outbound({ policy: { allow: parseNetworks(['127.0.0.0/8', '::1/128']), own: [] } });
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});
afterAll(async () => {
  outbound.close();
  await rm(folder, { recursive: true });
});

async function host(respond: Respond) {
  const receiver = await startReceiver({ respond });
  open.push(receiver);
  return receiver;
}

const fetching = (url: string, more: Partial<FetchAudioOptions> = {}) =>
  fetchAudio({
    outbound,
    url,
    path,
    maxBytes: 1_000_000,
    totalMs: 10_000,
    idleMs: 5_000,
    minimumRate: MINIMUM_RATE,
    version: '0.1.0',
    retryWaitsMs: [],
    ...more,
  });
const refused = (url: string, more: Partial<FetchAudioOptions> = {}) =>
  fetching(url, more).then(
    () => expect.unreachable('it was fetched'),
    (error: unknown) => error as { code: string; message: string },
  );

describe('a download', () => {
  it('is whole when its host closes right after the last byte it announced', async () => {
    // In a process of its own: the close then comes with the bytes, as it does from another machine.
    const script = `
      const server = require('node:net').createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\\r\\ncontent-length: 123976\\r\\n\\r\\n' + 'x'.repeat(123976)));
      });
      server.listen(0, '127.0.0.1', () => console.log(server.address().port));`;
    const closing = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    open.push({ close: async () => void closing.kill() });
    const [port] = await once(closing.stdout, 'data');
    for (let n = 0; n < 5; n++)
      expect(await fetching(`http://127.0.0.1:${String(port).trim()}/${n}`)).toMatchObject({
        bytes: 123_976,
      });
    expect((await stat(path)).size).toBe(123_976);
  });

  it('is asked for again when a kept connection turns out to be closed', async () => {
    let answered = 0;
    const late = await startSocketServer((socket) => {
      socket.on('data', () => {
        // The second request of a connection meets one that has just been given up.
        if (socket.bytesWritten > 0) return void socket.resetAndDestroy();
        answered++;
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\naudio');
      });
    });
    open.push(late);
    for (let n = 0; n < 4; n++) expect(await fetching(`${late.url}/${n}`)).toMatchObject({ bytes: 5 });
    expect(answered).toBe(4);
  });

  it('arrives whole, with its name, type and progress', async () => {
    const clip = await readFile(CLIP);
    const { url, next } = await host({
      headers: { 'content-type': 'Audio/Wav; x=y', 'content-length': `${clip.length}` },
      body: clip,
    });
    const progress: [number, number | null][] = [];
    const fetched = await fetching(`${url}/calls/jfk%20speech.wav?token=secret`, {
      onProgress: (bytes, total) => progress.push([bytes, total]),
    });
    expect(fetched).toEqual({ bytes: clip.length, filename: 'jfk speech.wav', contentType: 'audio/wav' });
    expect(await readFile(path)).toEqual(clip);
    expect(progress.at(-1)).toEqual([clip.length, clip.length]);
    const [request] = await next();
    expect(request).toMatchObject({
      method: 'GET',
      path: '/calls/jfk%20speech.wav?token=secret',
      headers: { 'user-agent': 'Ringback/0.1.0', 'accept-encoding': 'identity' },
    });
  });

  it('a larger one streams through a disk slower than the network', async () => {
    const block = Buffer.alloc(65_536, 7);
    const blocks = 800;
    const { url } = await host((_request, response) => {
      const send = (left: number) => {
        if (left === 0) response.end();
        else if (response.write(block)) send(left - 1);
        else response.once('drain', () => send(left - 1));
      };
      send(blocks);
      return undefined;
    });
    const fetched = await fetching(url, { maxBytes: block.length * blocks });
    expect(fetched).toMatchObject({ bytes: block.length * blocks, contentType: null });
    expect((await stat(path)).size).toBe(block.length * blocks);
  });

  it.each([
    ['attachment; filename="call 7.mp3"', 'call 7.mp3'],
    ['attachment; filename=call.mp3', 'call.mp3'],
    [`attachment; filename="x.mp3"; filename*=UTF-8''gr%C3%BC%C3%9Fe.mp3`, 'grüße.mp3'],
    ['attachment; filename="../../etc/passwd"', 'passwd'],
    ['attachment; filename="..\\\\..\\\\boot.ini"', 'boot.ini'],
    ['attachment; filename=".."', 'stream'],
    ['inline', 'stream'],
  ])('is named by %s', async (disposition, filename) => {
    const { url } = await host({ headers: { 'content-disposition': disposition }, body: 'x' });
    expect((await fetching(`${url}/a/stream`)).filename).toBe(filename);
  });

  it('without any name is audio', async () => {
    const { url } = await host({ body: 'x' });
    expect((await fetching(url)).filename).toBe('audio');
  });
});

describe('redirects', () => {
  it.each([301, 302, 303, 307, 308])('%i is followed, relative or absolute', async (status) => {
    const target = await host({ body: 'sound' });
    const { url } = await host((request) =>
      request.path === '/start'
        ? { status, headers: { location: 'next?a=1' } }
        : { status, headers: { location: `${target.url}/final.mp3` }, body: 'not this' },
    );
    expect(await fetching(`${url}/start`)).toMatchObject({ bytes: 5, filename: 'final.mp3' });
    expect(await readFile(path, 'utf8')).toBe('sound');
  });

  it('five are followed, a sixth is not', async () => {
    const receiver = await host((request) => {
      const left = Number(request.path.slice(1));
      return left > 0 ? { status: 302, headers: { location: `/${left - 1}` } } : { body: 'x' };
    });
    expect((await fetching(`${receiver.url}/5`)).bytes).toBe(1);
    expect(await refused(`${receiver.url}/6`)).toMatchObject({
      code: 'audio_http_error',
      message: expect.stringContaining('more than 5 times'),
    });
    expect(receiver.requests).toHaveLength(12);
  });

  it('may have long signed URLs', async () => {
    const { url } = await host((request) =>
      request.path === '/'
        ? { status: 302, headers: { location: `/f?s=${'x'.repeat(4_000)}` } }
        : { body: 'x' },
    );
    expect((await fetching(url)).bytes).toBe(1);
  });

  it.each([
    ['http://169.254.169.254/latest/meta-data/', 'audio_blocked_address'],
    ['http://10.0.0.1/a.mp3', 'audio_blocked_address'],
    ['file:///etc/passwd', 'audio_blocked_address'],
    ['http://', 'audio_http_error'],
  ])('to %s are refused', async (location, code) => {
    const { url } = await host({ status: 302, headers: { location } });
    expect(await refused(url)).toMatchObject({ code });
  });

  it('without a Location are errors', async () => {
    const { url } = await host({ status: 302 });
    expect(await refused(url)).toMatchObject({ code: 'audio_http_error' });
  });
});

describe('refused with a sentence', () => {
  it.each<[string, Respond, string, RegExp]>([
    ['404', { status: 404 }, 'audio_http_error', /answered 404: the file is not there/],
    ['403', { status: 403 }, 'audio_http_error', /answered 403: .*signature/],
    ['500', { status: 500 }, 'audio_http_error', /answered 500: it failed/],
    ['304', { status: 304 }, 'audio_http_error', /answered 304/],
    ['empty', {}, 'audio_empty', /empty file/],
    [
      'an HTML page',
      { headers: { 'content-type': 'text/html; charset=utf-8' }, body: '<html>' },
      'audio_unsupported',
      /answers with an HTML page, not with audio \(127.0.0.1:\d+\): give the direct link/,
    ],
    [
      'cut short',
      (_request, response) => cut(response),
      'audio_unreachable',
      /broke off after 100 of 1000 bytes/,
    ],
  ])('%s', async (_name, respond, code, message) => {
    const { url } = await host(respond);
    expect(await refused(url)).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('too large by its own announcement: not a byte is read', async () => {
    const { url } = await host((_request, response) => {
      response.writeHead(200, { 'content-length': '2000000' });
      response.flushHeaders();
      return undefined;
    });
    expect(await refused(url)).toMatchObject({
      code: 'audio_too_large',
      message: 'The audio is larger than 1MB: send a smaller or more compressed file.',
    });
    expect((await stat(path)).size).toBe(0);
  });

  it('too large without an announcement: stopped on the way', async () => {
    let sent = 0;
    let gone: () => void = () => {};
    const cutOff = new Promise<void>((resolve) => {
      gone = resolve;
    });
    const { url } = await host((_request, response) => {
      const block = Buffer.alloc(50_000);
      const more = (error?: Error | null) => {
        if (error) return;
        sent += block.length;
        response.write(block, more);
      };
      response.on('close', gone);
      more();
      return undefined;
    });
    expect(await refused(url)).toMatchObject({ code: 'audio_too_large' });
    await cutOff;
    expect((await stat(path)).size).toBeLessThanOrEqual(1_000_000);
    expect(sent).toBeLessThan(50_000_000);
  });

  it('exactly the limit is not too large', async () => {
    const { url } = await host({ body: Buffer.alloc(1_000_000) });
    expect((await fetching(url)).bytes).toBe(1_000_000);
    const { url: above } = await host({ body: Buffer.alloc(1_000_001) });
    expect(await refused(above)).toMatchObject({ code: 'audio_too_large' });
  });

  it('nothing listens, a silent host, a drip feed', async () => {
    const gone = await startReceiver();
    await gone.close();
    expect(await refused(gone.url)).toMatchObject({
      code: 'audio_unreachable',
      message: expect.stringContaining('refused the connection'),
    });

    const silent = await startSocketServer(() => {});
    open.push(silent);
    expect(await refused(silent.url, { idleMs: 100 })).toMatchObject({
      code: 'audio_unreachable',
      message: expect.stringContaining('No answer within 0.1 s'),
    });

    const drip = await startSocketServer((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
        const timer = setInterval(() => socket.write('x'), 20);
        socket.on('close', () => clearInterval(timer));
      });
    });
    open.push(drip);
    expect(await refused(drip.url, { totalMs: 300 })).toMatchObject({
      code: 'audio_unreachable',
      message: expect.stringMatching(/broke off after \d+ of 1000 bytes, then the time ran out/),
    });
  });

  it('a host that drips, however long it goes on: given up by its rate; one that pauses and then sends is not', async () => {
    const dripping = (bytes: number, end: number) =>
      startSocketServer((socket) => {
        socket.once('data', () => {
          socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${end}\r\n\r\n`);
          let sent = 0;
          const timer = setInterval(() => {
            sent += bytes;
            socket.write(Buffer.alloc(bytes));
            if (sent >= end) clearInterval(timer);
          }, 20);
          socket.on('close', () => clearInterval(timer));
        });
      });
    const minimumRate = { bytesPerSecond: 1_000, windowMs: 200 };
    const [slow, quick] = [await dripping(1, 100_000), await dripping(1_000, 20_000)];
    open.push(slow, quick);
    const started = performance.now();
    expect(await refused(slow.url, { minimumRate })).toMatchObject({
      code: 'audio_unreachable',
      message: expect.stringContaining('sent less than 1KB a second over 0.2 s'),
    });
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(await fetching(quick.url, { minimumRate })).toMatchObject({ bytes: 20_000 });
  });

  it('a name that does not resolve, a blocked address, a pasted URL with brackets', async () => {
    const nowhere = new Outbound({
      policy: outbound.policy,
      resolve: () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' })),
    });
    expect(await refused('http://nowhere.example/', { outbound: nowhere })).toMatchObject({
      code: 'audio_unreachable',
    });
    expect(await refused('http://192.168.1.1/a.wav')).toMatchObject({
      code: 'audio_blocked_address',
      message: expect.stringContaining('RINGBACK_ALLOW_NETWORKS'),
    });
    expect(await refused('<https://example.com/a.wav>')).toMatchObject({
      message: expect.stringContaining('angle brackets'),
    });
  });

  it('a signal ends it', async () => {
    const silent = await startSocketServer(() => {});
    open.push(silent);
    const controller = new AbortController();
    const result = refused(silent.url, { signal: controller.signal });
    setImmediate(() => controller.abort());
    expect(await result).toMatchObject({
      code: 'audio_unreachable',
      message: expect.stringContaining('server is stopping'),
    });
  });

  it('a disk error is the disk’s, not the host’s', async () => {
    const { url } = await host({ body: Buffer.alloc(100_000) });
    expect(await refused(url, { path: join(folder, 'no', 'such', 'folder') })).toMatchObject({
      code: 'ENOENT',
    });
  });
});

function cut(response: ServerResponse): undefined {
  response.writeHead(200, { 'content-length': '1000' });
  response.write(Buffer.alloc(100), () => response.destroy());
}
