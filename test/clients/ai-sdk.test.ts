// Vercel's AI SDK with its Gladia provider, whose host is fixed: its documented `fetch` option sends it here, and the
// program names itself by the host that the client trusts.
import { readFileSync } from 'node:fs';
import { createGladia } from '@ai-sdk/gladia';
import { experimental_transcribe as transcribe } from 'ai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { API_KEY, type App, startApp } from '../rig/app.ts';

const HOSTED = 'https://api.gladia.io';
const jfk = readFileSync(new URL('../fixtures/jfk.wav', import.meta.url));

let app: App;
const asked: string[] = [];
const here: typeof fetch = (input, init) => {
  const url = String(input instanceof Request ? input.url : input);
  asked.push(url);
  if (!url.startsWith(HOSTED)) throw new Error(`asked another host: ${url}`);
  return fetch(url.replace(HOSTED, app.url), init);
};

beforeAll(async () => {
  app = await startApp({
    RINGBACK_PUBLIC_URL: HOSTED,
    RINGBACK_MODEL: 'moonshine-tiny',
    RINGBACK_WORKERS: '1',
  });
  // The client gives up after 60 s in all: on a busy machine that must not include preparing the model.
  const { json } = await app.upload(jfk, 'jfk.wav');
  const created = await app.call('POST', '/v2/pre-recorded', { audio_url: json.audio_url });
  await app.ended(created.json.id, 200_000);
}, 240_000);
afterAll(() => app.stop());

test('transcribe gives text, segments, language and length; its older request fields are taken', async () => {
  const gladia = createGladia({ apiKey: API_KEY, fetch: here });
  const transcript = await transcribe({
    model: gladia.transcription(),
    audio: jfk,
    maxRetries: 0,
    providerOptions: {
      gladia: {
        contextPrompt: 'An inaugural address.',
        language: 'en',
        detectLanguage: false,
        customVocabulary: ['country'],
        diarizationConfig: { enhanced: true },
        nameConsistency: true,
        displayMode: true,
      },
    },
  });
  expect(transcript.text).toMatch(/ask not what your country can do for you/i);
  expect(transcript).toMatchObject({ language: 'en', durationInSeconds: 11 });
  expect(transcript.segments.length).toBeGreaterThan(0);
  expect(transcript.segments.map(({ text }) => text).join(' ')).toBe(transcript.text);
  for (const { startSecond, endSecond } of transcript.segments)
    expect(endSecond).toBeGreaterThan(startSecond);
  expect(asked.slice(0, 2)).toEqual([`${HOSTED}/v2/upload`, `${HOSTED}/v2/pre-recorded`]);
  expect(asked[2]).toMatch(/^https:\/\/api\.gladia\.io\/v2\/pre-recorded\/[0-9a-f-]{36}$/);
});

test('a refusal shows its own sentence', async () => {
  const call = (apiKey: string, audio: Uint8Array) =>
    transcribe({
      model: createGladia({ apiKey, fetch: here }).transcription(),
      audio,
      maxRetries: 0,
    });
  await expect(call('rb_no_such_key', jfk)).rejects.toThrow('gladia user not found');
  await expect(call(API_KEY, Buffer.from('no audio at all'))).rejects.toThrow('The file is not audio');
});
