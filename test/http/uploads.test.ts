// Uploads as clients send them: a part without a file name, the file as the body, with its name elsewhere or without one.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fileExtension } from '../../src/speech/extension.ts';
import { type Api, startApi } from '../rig/api.ts';

let api: Api;
let url: string;
beforeAll(async () => {
  api = await startApi({ maxBytes: 200_000, extension: fileExtension });
  url = await api.server.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => api.stop());

const WAV = Buffer.concat([
  Buffer.from('RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0', 'latin1'),
  Buffer.alloc(1_000),
]);

async function send(body: Buffer | ReadableStream, headers: Record<string, string>, query = '') {
  const response = await fetch(`${url}/v2/upload${query}`, {
    method: 'POST',
    headers: { 'x-gladia-key': api.key, ...headers },
    body,
    duplex: 'half',
  } as RequestInit);
  return { status: response.status, json: JSON.parse(await response.text()) };
}

test('a part without a file name is a file', async () => {
  const body = Buffer.concat([
    Buffer.from('--b\r\ncontent-disposition: form-data; name="audio"\r\n\r\n'),
    WAV,
    Buffer.from('\r\n--b--\r\n'),
  ]);
  const { status, json } = await send(body, { 'content-type': 'multipart/form-data; boundary=b' });
  expect([status, json.audio_metadata?.size]).toEqual([200, WAV.length]);
  expect(json.audio_metadata).toMatchObject({ filename: 'audio', extension: 'wav' });
});

test.each([
  ['audio/wav', {}, '', 'audio'],
  ['audio/mpeg; x=y', { 'x-filename': 'call%2042.mp3' }, '', 'call 42.mp3'],
  ['application/octet-stream', {}, '?filename=a.m4a', 'a.m4a'],
  ['video/mp4', { 'content-disposition': 'attachment; filename="../b.mp4"' }, '', 'b.mp4'],
  ['audio/ogg', { 'content-disposition': "attachment; filename*=UTF-8''caf%C3%A9.ogg" }, '', 'caf\u00e9.ogg'],
])('a body of %s is a file, its extension told by its bytes', async (type, headers, query, filename) => {
  const { status, json } = await send(WAV, { 'content-type': type, ...headers }, query);
  expect([status, json.audio_metadata]).toMatchObject([
    200,
    { filename, extension: 'wav', size: WAV.length },
  ]);
  const file = await fetch(json.audio_url.replace('https://stt.example.org', url), {
    headers: { 'x-gladia-key': api.key },
  });
  expect(Buffer.from(await file.arrayBuffer()).equals(WAV)).toBe(true);
});

test('one that is too large, with or without its length, or empty, is refused with a sentence', async () => {
  const large = Buffer.alloc(300_000);
  const says = async (body: Buffer | ReadableStream) => {
    const { status, json } = await send(body, { 'content-type': 'audio/wav' });
    return [status < 500, json.error.reason];
  };
  expect(await says(large)).toEqual([true, 'audio_too_large']);
  expect(await says(new Blob([large]).stream())).toEqual([true, 'audio_too_large']);
  expect(await says(Buffer.alloc(0))).toEqual([true, 'audio_empty']);
});

test('elsewhere such a body is a type that is not taken, and the same key gives the same upload', async () => {
  const job = await fetch(`${url}/v2/pre-recorded`, {
    method: 'POST',
    headers: { 'x-gladia-key': api.key, 'content-type': 'audio/wav' },
    body: WAV,
  });
  expect(job.status).toBe(415);
  const headers = { 'content-type': 'audio/wav', 'idempotency-key': 'once' };
  const [first, again] = [await send(WAV, headers), await send(WAV, headers)];
  expect(again.json).toEqual(first.json);
});

test('the name wins where the bytes agree, and where they say nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-extension-'));
  const tell = async (bytes: Buffer, named: string) => {
    const path = join(folder, 'file');
    await writeFile(path, bytes);
    return fileExtension(path, named);
  };
  const mp4 = Buffer.from('\0\0\0\x18ftypM4A \0\0\0\0', 'latin1');
  expect(await tell(mp4, 'm4a')).toBe('m4a');
  expect(await tell(mp4, 'mp3')).toBe('mp4');
  expect(await tell(Buffer.from('fLaC\0\0\0\x22'), '')).toBe('flac');
  expect(await tell(Buffer.from('who knows'), 'xyz')).toBe('xyz');
  await rm(folder, { recursive: true });
});

test('a data: URI is an upload, of an upload and of a transcription; the same key is the same only with the same bytes', async () => {
  const uri = (bytes: Buffer) => `data:audio/x-wav;base64,${bytes.toString('base64')}`;
  const post = (path: string, audio_url: string, key?: string) =>
    api.call({
      method: 'POST',
      url: path,
      body: { audio_url },
      headers: key === undefined ? {} : { 'idempotency-key': key },
    });
  const uploaded = await post('/v2/upload', uri(WAV));
  expect([uploaded.status, uploaded.json.audio_metadata]).toMatchObject([
    200,
    { filename: 'audio.wav', size: WAV.length },
  ]);
  const large = Buffer.concat([WAV, Buffer.alloc(20_000)]);
  const made = await post('/v2/pre-recorded', uri(large), 'k');
  expect([made.status, made.json.validation_errors]).toEqual([201, undefined]);
  const record = (await api.call({ url: `/v2/pre-recorded/${made.json.id}` })).json;
  expect(record.request_params.audio_url).toMatch(/^https:\/\/stt\.example\.org\/file\/[0-9a-f-]{36}$/);
  expect(record.request_notes).toEqual(['audio_url was stored as an upload']);
  expect(record.file).toMatchObject({
    filename: 'audio.wav',
    source: null,
    audio_duration: 1.5,
    number_of_channels: 2,
  });
  expect((await post('/v2/pre-recorded', uri(large), 'k')).json).toEqual(made.json);
  expect((await post('/v2/pre-recorded', uri(WAV), 'k')).status).toBe(409);
  for (const wrong of [
    'data:',
    'data:audio/wav,abc',
    'data:audio/wav;base64,',
    'data:audio/wav;base64,$$$',
    uri(Buffer.alloc(720_000)),
  ]) {
    const { status, json } = await post('/v2/pre-recorded', wrong);
    expect([status, json.validation_errors]).toEqual([400, [expect.stringMatching(/^audio_url must be /)]]);
  }
});
