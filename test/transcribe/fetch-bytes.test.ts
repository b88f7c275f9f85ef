// What decides is what arrives: content types, codings, lengths and Locations that say otherwise; and pages that come instead.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseNetworks } from '../../src/outbound/address.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { type FetchAudioOptions, fetchAudio } from '../../src/transcribe/fetch.ts';
import { documentSentence } from '../../src/transcribe/not-audio.ts';
import { redirectTarget } from '../../src/transcribe/redirect.ts';
import { MINIMUM_RATE } from '../../src/transcribe/slow-host.ts';
import { type Respond, startReceiver, startSocketServer } from '../rig/receiver.ts';

const MP3 = new URL('../fixtures/pii/spoken.mp3', import.meta.url);
let mp3: Buffer;
let folder: string;
let path: string;
let outbound: Outbound;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-bytes-'));
  path = join(folder, 'audio');
  mp3 = await readFile(MP3);
  outbound = new Outbound({ policy: { allow: parseNetworks(['127.0.0.0/8']), own: [] } });
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
    maxBytes: 2_000_000,
    totalMs: 10_000,
    idleMs: 1_000,
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

describe('content types', () => {
  it.each([
    'text/html',
    'text/html; charset=utf-8',
    'application/xhtml+xml',
    'application/json',
    'text/xml',
    'text/plain',
    'image/png',
    'application/octet-stream',
    'nonsense',
    '',
    null,
  ])('%j on an MP3 does not matter', async (type) => {
    const { url } = await host({ headers: type === null ? {} : { 'content-type': type }, body: mp3 });
    expect(await fetching(url)).toMatchObject({ bytes: mp3.length });
    expect(await readFile(path)).toEqual(mp3);
  });

  it.each([
    [
      'an HTML page',
      '\ufeff\n <!DOCTYPE html><html><body>Not here</body></html>',
      /answers with an HTML page, not with audio/,
    ],
    [
      'an HTML page in UTF-16',
      Buffer.from('\ufeff<!DOCTYPE html><html></html>', 'utf16le'),
      /answers with an HTML page,/,
    ],
    [
      'a login page',
      '<html><form><input name="p" type="password"></form></html>',
      /an HTML page that asks for a login,/,
    ],
    [
      'JSON',
      '{"error":"expired_token","message":"x"}',
      /a JSON document that says expired_token, .* its signature has not expired/,
    ],
    [
      'S3’s error',
      '<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>',
      /an XML document that says AccessDenied,/,
    ],
    ['a playlist', '#EXTM3U\nhttp://127.0.0.1/a.ts\n', /a playlist, .* give the address of the media file/],
    ['a PDF', '%PDF-1.7\n', /a PDF document, not with audio/],
  ])('audio/mpeg on %s is refused for what it is', async (_name, body, message) => {
    const { url } = await host({ headers: { 'content-type': 'audio/mpeg' }, body });
    const error = await refused(`${url}/a.mp3?X-Amz-Signature=0123456789abcdef`);
    expect(error).toMatchObject({ code: 'audio_unsupported', message: expect.stringMatching(message) });
    expect(error.message).toContain(new URL(url).host);
    expect(error.message).not.toContain('0123456789abcdef');
  });

  it.each([
    ['https://www.dropbox.com/scl/fi/x/a.mp3?rlkey=s3cret&dl=0', /dl=1 instead of dl=0/],
    ['https://drive.google.com/file/d/1abc/view?usp=sharing', /Google Drive .*anyone with the link/],
    ['https://1drv.ms/u/s!Abc', /OneDrive or SharePoint/],
    ['https://firm-my.sharepoint.com/:u:/g/x', /add download=1/],
    ['https://app.box.com/s/abc', /Box .* direct link/],
    ['https://github.com/o/r/blob/main/a.mp3', /raw link/],
    ['https://www.youtube.com/watch?v=abc', /a page with a player/],
    ['https://we.tl/t-abc', /a page with a button/],
    ['https://notdropbox.com/x', /which needs no login and no click/],
  ])('the share page %s is named with its cure', (given, cure) => {
    for (const url of [given, 'https://login.example.com/'])
      expect(documentSentence('an HTML page', '<html>', { given, url, unknownCodings: [] })).toMatch(cure);
  });
});

describe('content codings that nobody asked for', () => {
  const noHeaderDeflate = (bytes: Buffer) => zlib.deflateRawSync(bytes);
  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['gzip', zlib.gzipSync],
    ['x-gzip', zlib.gzipSync],
    ['GZip', zlib.gzipSync],
    ['deflate', zlib.deflateSync],
    ['deflate', noHeaderDeflate],
    ['br', zlib.brotliCompressSync],
    ['zstd', zlib.zstdCompressSync],
    ['gzip, br', (bytes) => zlib.brotliCompressSync(zlib.gzipSync(bytes))],
    ['deflate, gzip, identity', (bytes) => zlib.gzipSync(zlib.deflateSync(bytes))],
    ['aws-chunked, gzip', zlib.gzipSync],
    // These files are as they were, whatever is said of them.
    ['gzip', (bytes) => bytes],
    ['br', (bytes) => bytes],
    ['aws-chunked', (bytes) => bytes],
    ['utf-8', (bytes) => bytes],
    ['none', (bytes) => bytes],
  ])('%s: the file is what it was', async (coding, encode) => {
    const { url } = await host({ headers: { 'content-encoding': coding }, body: encode(mp3) });
    expect(await fetching(url)).toMatchObject({ bytes: mp3.length });
    expect(await readFile(path)).toEqual(mp3);
  });

  it.each<[string, string, Buffer]>([
    ['gzip', 'gzip', zlib.gzipSync(Buffer.alloc(50_000_000))],
    [
      'br',
      'br',
      zlib.brotliCompressSync(Buffer.alloc(50_000_000), {
        params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 },
      }),
    ],
    ['zstd', 'zstd', zlib.zstdCompressSync(Buffer.alloc(50_000_000))],
    ['gzip in gzip', 'gzip, gzip', zlib.gzipSync(zlib.gzipSync(Buffer.alloc(50_000_000)))],
    // Blocks of nothing: 20 MB in the middle that come to no byte in the end.
    [
      'nothing in gzip in gzip',
      'deflate, gzip',
      zlib.gzipSync(
        Buffer.concat([
          Buffer.from([0x78, 0x9c]),
          Buffer.alloc(20_000_000, Buffer.from([0, 0, 0, 255, 255])),
        ]),
      ),
    ],
  ])('a bomb of %s ends at the limit', async (_name, coding, body) => {
    const { url } = await host({ headers: { 'content-encoding': coding }, body });
    expect(await refused(url)).toMatchObject({ code: 'audio_too_large' });
    expect((await stat(path)).size).toBeLessThan(2_000_000);
    expect(await readdir(folder)).toEqual(['audio']);
  });

  it.each([
    ['cut short', 'gzip', (bytes: Buffer) => zlib.gzipSync(bytes).subarray(0, 5_000)],
    [
      'damaged',
      'zstd',
      (bytes: Buffer) => Buffer.concat([zlib.zstdCompressSync(bytes).subarray(0, 500), randomBytes(500)]),
    ],
    ['nothing of the kind', 'br', () => Buffer.alloc(2_000, 0xf5)],
  ])('%s: an error that names the coding', async (_name, coding, encode) => {
    const { url } = await host({ headers: { 'content-encoding': coding }, body: encode(mp3) });
    expect(await refused(url)).toMatchObject({
      code: 'audio_corrupt',
      message: expect.stringMatching(new RegExp(`in the coding ${coding}, .* let it send the file as it is`)),
    });
  });

  it('one that is not known, on bytes that are like nothing known', async () => {
    const { url } = await host({
      headers: { 'content-encoding': 'compress' },
      body: Buffer.alloc(5_000, 0xf5),
    });
    expect(await refused(url)).toMatchObject({
      code: 'audio_unsupported',
      message: expect.stringMatching(/in the coding compress, which is not known here/),
    });
  });

  it('a file cut within a coding goes on where it ended, and is decoded as a whole', async () => {
    const body = zlib.gzipSync(mp3);
    const { url, requests } = await host((request, response) => {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const head = { etag: '"z"', 'content-encoding': 'gzip' };
      if (from > 0)
        response
          .writeHead(206, { ...head, 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` })
          .end(body.subarray(from));
      else {
        response.writeHead(200, { ...head, 'content-length': body.length });
        response.write(body.subarray(0, 10_000), () => setTimeout(() => response.destroy(), 20));
      }
      return undefined;
    });
    expect(await fetching(url, { retryWaitsMs: [1] })).toMatchObject({ bytes: mp3.length });
    expect(await readFile(path)).toEqual(mp3);
    expect(requests).toHaveLength(2);
  });
});

describe('lengths', () => {
  const raw = async (head: string, body: Buffer) => {
    const server = await startSocketServer((socket) => {
      socket.once('data', () =>
        socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`), body])),
      );
    });
    open.push(server);
    return server.url;
  };
  const chunked = (body: Buffer) =>
    Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]);

  it.each<[string, string, (body: Buffer) => Buffer]>([
    ['none, to the close', 'x: y', (body) => body],
    ['none, in chunks', 'transfer-encoding: chunked', chunked],
    ['in chunks, and a wrong one', 'transfer-encoding: chunked\r\ncontent-length: 5', chunked],
    ['said twice alike', 'content-length: LENGTH\r\ncontent-length: LENGTH', (body) => body],
    ['said twice, one of them right', 'content-length: 5\r\ncontent-length: LENGTH', (body) => body],
    ['that is no number', 'content-length: LENGTH bytes', (body) => body],
  ])('%s', async (_name, head, send) => {
    const url = await raw(head.replaceAll('LENGTH', String(mp3.length)), send(mp3));
    const outcome = await fetching(url).catch((error: Error) => error.message);
    if (head.includes('bytes')) expect(outcome).toMatch(/contradict one another/);
    else expect(outcome).toMatchObject({ bytes: mp3.length });
  });
});

describe('a Location as it is', () => {
  const base = 'http://files.example.org/calls/start?x=1#a';
  const bytes = (text: string, encoding: BufferEncoding = 'utf8') =>
    Buffer.from(text, encoding).toString('latin1');
  it.each([
    [
      bytes('/aufnahmen/Gespräch mit Zoë.mp3'),
      'http://files.example.org/aufnahmen/Gespr%C3%A4ch%20mit%20Zo%C3%AB.mp3',
    ],
    [bytes('録音.mp3?sig=ü'), 'http://files.example.org/calls/%E9%8C%B2%E9%9F%B3.mp3?sig=%C3%BC'],
    [bytes('https://bücher.example/ä'), 'https://xn--bcher-kva.example/%C3%A4'],
    [bytes('/Gespräch.mp3', 'latin1'), 'http://files.example.org/Gespr%E4ch.mp3'],
    ['//cdn.example.org/a%20b.mp3#t=10', 'http://cdn.example.org/a%20b.mp3'],
    ['?again=1', 'http://files.example.org/calls/start?again=1'],
    ['../a b.mp3', 'http://files.example.org/a%20b.mp3'],
    ['http://', null],
  ])('%j', (location, target) => {
    expect(redirectTarget(location, base)).toBe(target);
  });

  it('is followed over the wire', async () => {
    const server = await startSocketServer((socket) => {
      socket.once('data', (request) => {
        const [, asked] = /^GET (\S+) /.exec(request.toString('latin1')) ?? [];
        if (asked === '/start')
          socket.end(
            Buffer.from('HTTP/1.1 302 Found\r\nLocation: /ä ö.mp3?s=é#x\r\ncontent-length: 0\r\n\r\n'),
          );
        else if (asked === '/%C3%A4%20%C3%B6.mp3?s=%C3%A9')
          socket.end(
            Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${mp3.length}\r\n\r\n`), mp3]),
          );
        else socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
      });
    });
    open.push(server);
    expect(await fetching(`${server.url}/start`)).toMatchObject({ bytes: mp3.length, filename: 'ä ö.mp3' });
  });

  it('signatures in it are in no sentence, whatever fails', async () => {
    const secret = 'X-Amz-Signature=0123456789abcdef';
    const gone = await startReceiver();
    await gone.close();
    for (const target of [
      '/403',
      '/503',
      '/page',
      '/cut',
      `${gone.url}/x`,
      'http://169.254.169.254/x',
      'ftp://h/x',
      '/loop',
    ]) {
      const { url } = await host((request, response) => {
        if (request.path === '/start' || request.path.startsWith('/loop'))
          return { status: 302, headers: { location: `${target}?${secret}` } };
        if (request.path.startsWith('/page')) return { body: `<html>${secret}</html>` };
        if (request.path.startsWith('/cut')) {
          response.writeHead(200, { 'content-length': '100' });
          response.write('x', () => response.destroy());
          return undefined;
        }
        return { status: Number(request.path.slice(1, 4)) };
      });
      const error = await refused(`${url}/start`);
      expect(error.message).not.toContain('0123456789abcdef');
      expect(String((error as { cause?: unknown }).cause)).not.toContain('0123456789abcdef');
    }
  });
});

describe('addresses of 8,192 characters', () => {
  it('are fetched', async () => {
    const { url, requests } = await host({ body: mp3 });
    const long = `${url}/a.mp3?sig=`;
    await fetching(long + 'x'.repeat(8_192 - long.length));
    expect(requests[0]?.path).toHaveLength(8_192 - url.length);
    expect(await refused(long + 'x'.repeat(8_193 - long.length))).toMatchObject({
      message: expect.stringContaining('The URL has 8193 characters, and at most 8192 are taken'),
    });
  });
});
