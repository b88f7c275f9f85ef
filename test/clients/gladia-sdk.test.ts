// The official JavaScript client, as published, against the whole program with the real model: its base URL and its
// key are all that is set.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GladiaClient } from '@gladiaio/sdk';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { API_KEY, type App, startApp } from '../rig/app.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const PATH = fileURLToPath(new URL('../fixtures/jfk.wav', import.meta.url));
const jfk = readFileSync(PATH);
const WORDS = /ask not what your country can do for you/i;
const QUICK = { interval: 100, timeout: 150_000 };

// Real speech on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 180_000 });

let app: App;
let host: Receiver;
let sdk: ReturnType<GladiaClient['preRecorded']>;

beforeAll(async () => {
  app = await startApp({ RINGBACK_MODEL: 'moonshine-tiny', RINGBACK_WORKERS: '1' });
  host = await startReceiver({ respond: { headers: { 'content-type': 'audio/wav' }, body: jfk } });
  sdk = new GladiaClient({ apiKey: API_KEY, apiUrl: app.url }).preRecorded();
  // Preparing the model is no part of what is tested, and takes its time on a busy machine.
  await sdk.transcribe(PATH);
}, 180_000);
afterAll(async () => {
  await host.close();
  await app.stop();
});

test('uploadFile: a path and a Blob', async () => {
  const upload = await sdk.uploadFile(PATH);
  expect(upload).toMatchObject({
    audio_url: `${app.url}/file/${upload.audio_metadata.id}`,
    audio_metadata: {
      filename: 'jfk.wav',
      extension: 'wav',
      size: jfk.length,
      audio_duration: 11,
      number_of_channels: 1,
    },
  });
  const blob = await sdk.uploadFile(new Blob([jfk]));
  expect(blob.audio_metadata).toMatchObject({ size: jfk.length, audio_duration: 11 });
});

test('create, get, createAndPoll', async () => {
  const { audio_url } = await sdk.uploadFile(PATH);
  const created = await sdk.create({ audio_url, custom_metadata: { order: 'A-17' } });
  expect(created.result_url).toBe(`${app.url}/v2/pre-recorded/${created.id}`);
  const early = await sdk.get(created.id);
  expect(early).toMatchObject({ id: created.id, version: 2, kind: 'pre-recorded' });
  expect(['queued', 'processing', 'done']).toContain(early.status);

  const record = await sdk.createAndPoll({ audio_url, language_config: { languages: ['en'] } }, QUICK);
  expect(record.status).toBe('done');
  expect(record.result?.transcription?.full_transcript).toMatch(WORDS);
  expect(record.file).toMatchObject({ filename: 'jfk.wav', source: null, audio_duration: 11 });
});

test('transcribe: a path, a Blob, a URL', async () => {
  const records = await Promise.all([
    sdk.transcribe(PATH, {}, QUICK),
    sdk.transcribe(new Blob([jfk]), { language_config: { languages: ['en'] } }, QUICK),
    sdk.transcribe(`${host.url}/calls/jfk.wav`, {}, QUICK),
  ]);
  for (const record of records) {
    expect(record.result?.transcription?.full_transcript).toMatch(WORDS);
    expect(record.result?.metadata).toMatchObject({ audio_duration: 11, number_of_distinct_channels: 1 });
  }
  expect(records[2].file).toMatchObject({ filename: 'jfk.wav', source: `${host.url}/calls/jfk.wav` });
});

test('list: pages followed by their links, filtered by state', async () => {
  const made: string[] = [];
  for (let count = 0; count < 3; count += 1)
    made.push((await sdk.create({ audio_url: `${host.url}/jfk.wav` })).id);
  await Promise.all(made.map((id) => sdk.poll(id, QUICK)));
  const first = await sdk.list({ limit: 2, status: ['done', 'error'] });
  expect(first.items.map(({ id }) => id)).toEqual([made[2], made[1]]);
  expect(first.next).toContain('status=done&status=error');
  const second = await sdk.list({ url: first.next as string });
  expect(second.items[0]?.id).toBe(made[0]);
  expect(second.current).toBe(first.next);
  const none = await sdk.list({ offset: 10_000 });
  expect(none).toMatchObject({ items: [], next: null });
  expect((await sdk.list({ status: ['queued'], limit: 1 })).items).toEqual([]);
});

test('getFile gives the bytes back; delete is true once, then everything is a 404', async () => {
  const { id } = await sdk.transcribe(PATH, {}, QUICK);
  expect(Buffer.from(await sdk.getFile(id)).equals(jfk)).toBe(true);
  expect(await sdk.delete(id)).toBe(true);
  for (const call of [() => sdk.get(id), () => sdk.delete(id), () => sdk.getFile(id)])
    await expect(call()).rejects.toMatchObject({
      name: 'HttpError',
      status: 404,
      message: expect.stringMatching(/^There is no such transcription.* \| G-[0-9a-f]{8} \| 404 \| /),
    });
});

test('errors: the sentence, the request id and the fields arrive; a failed job rejects with its code', async () => {
  await expect(sdk.createUntyped({ audio_url: 'no url', callback: 'perhaps' })).rejects.toMatchObject({
    status: 400,
    message: expect.stringMatching(
      /^Invalid parameter\(s\)\. See validation_errors .* \| G-[0-9a-f]{8} \| 400/,
    ),
    responseBody: { validation_errors: ['callback must be a boolean value'] },
  });
  const stranger = new GladiaClient({ apiKey: 'rb_no_such_key', apiUrl: app.url }).preRecorded();
  await expect(stranger.list()).rejects.toMatchObject({
    status: 401,
    message: expect.stringContaining('gladia user not found'),
  });
  const keyless = new GladiaClient({ apiUrl: app.url }).preRecorded();
  await expect(keyless.list()).rejects.toMatchObject({
    status: 401,
    message: expect.stringContaining('no gladia key provided'),
  });
  await expect(sdk.uploadFile(new Blob(['no audio at all']))).rejects.toMatchObject({ status: 415 });
  const gone = await startReceiver({ respond: { status: 404 } });
  await expect(sdk.transcribe(`${gone.url}/x.wav`, {}, QUICK)).rejects.toThrow('failed with error code: 400');
  await gone.close();
});
