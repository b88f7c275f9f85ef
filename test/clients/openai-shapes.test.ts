// Requests in OpenAI's shape as programs send them: Vercel's AI SDK itself, and Open WebUI and LiteLLM, which are Python, in the
// very parts and headers of their HTTP libraries (aiohttp, requests, httpx). What each reads of the answer is looked at.
import { readFileSync } from 'node:fs';
import { createOpenAI } from '@ai-sdk/openai';
import { experimental_transcribe as transcribe } from 'ai';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { API_KEY, type App, startApp } from '../rig/app.ts';

const clip = readFileSync(new URL('../fixtures/speech/all-circuits-busy-now.wav', import.meta.url));
const WORDS = /all circuits are busy now/i;

// Real speech on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 180_000 });

let app: App;
beforeAll(async () => {
  app = await startApp({ RINGBACK_MODEL: 'moonshine-tiny', RINGBACK_WORKERS: '1' });
  // The AI SDK gives up after a while: on a busy machine that must not include preparing the model.
  await requests({ model: 'whisper-1' });
}, 240_000);
afterAll(() => app.stop());

type Part = { headers: readonly string[]; content: Buffer | string };

function multipart(boundary: string, parts: readonly Part[]): Buffer {
  return Buffer.concat([
    ...parts.flatMap(({ headers, content }) => [
      Buffer.from(`--${boundary}\r\n${headers.join('\r\n')}\r\n\r\n`),
      Buffer.from(content),
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`--${boundary}--\r\n`),
  ]);
}

async function post(
  body: Buffer | string | ReadableStream,
  type: string,
  headers: Record<string, string> = {},
) {
  const response = await fetch(`${app.url}/v1/audio/transcriptions`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${API_KEY}`, 'Content-Type': type, ...headers },
    body,
    duplex: 'half',
  } as RequestInit);
  // biome-ignore lint/suspicious/noExplicitAny: bodies are what the tests are about
  return { status: response.status, json: (await response.json()) as any };
}

const disposition = (name: string, filename?: string) =>
  `Content-Disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}`;

/** `requests.post(files={'file': (name, file)}, data=…)`: fields without a type, the file last and without one either. */
function requests(fields: Record<string, string>) {
  const parts = Object.entries(fields).map(([name, content]) => ({ headers: [disposition(name)], content }));
  const file = { headers: [disposition('file', 'a.wav')], content: clip };
  return post(multipart('0f1d7c2c', [...parts, file]), 'multipart/form-data; boundary=0f1d7c2c');
}

/** `aiohttp.FormData`: every field has a type, and the file that of its name. */
function aiohttp(fields: Record<string, string>) {
  const parts = Object.entries(fields).map(([name, content]) => ({
    headers: ['Content-Type: text/plain; charset=utf-8', disposition(name)],
    content,
  }));
  const headers = ['Content-Type: audio/x-wav', disposition('file', 'a.wav')];
  return post(
    multipart('5e77a3d7', [...parts, { headers, content: clip }]),
    'multipart/form-data; boundary=5e77a3d7',
    // ENABLE_FORWARD_USER_INFO_HEADERS
    { 'X-OpenWebUI-User-Name': 'Ann', 'X-OpenWebUI-User-Role': 'user' },
  );
}

test('Open WebUI: aiohttp, its language first and then none (open-webui/open-webui, backend/open_webui/routers/audio.py)', async () => {
  const refused = await aiohttp({ model: 'whisper-1', language: 'de' });
  // It looks at exactly 200, and shows error.message to its user.
  expect(refused.status).not.toBe(200);
  expect(refused.json.error.message).toMatch(/does not speak this language: leave language out/);
  const served = await aiohttp({ model: 'whisper-1' });
  expect([served.status, served.json.text]).toEqual([200, expect.stringMatching(WORDS)]);
});

test('Open WebUI: requests, as its older versions send', async () => {
  const { status, json } = await requests({ model: 'whisper-large-v3-turbo' });
  expect([status, json.text]).toEqual([200, expect.stringMatching(WORDS)]);
});

test('Open WebUI: JSON with input_audio (audio.stt.openai.api_request_format)', async () => {
  const input_audio = { data: clip.toString('base64'), format: 'wav' };
  const { status, json } = await post(
    JSON.stringify({ model: 'whisper-1', input_audio }),
    'application/json',
  );
  expect([status, json.text]).toEqual([200, expect.stringMatching(WORDS)]);
});

test('a fork of Open WebUI: verbose_json with segments for citations, by requests', async () => {
  const { json } = await requests({
    model: 'whisper-1',
    response_format: 'verbose_json',
    'timestamp_granularities[]': 'segment',
  });
  expect(json).toMatchObject({ text: expect.stringMatching(WORDS), language: 'english' });
  expect(json.segments[0]).toMatchObject({ id: 0, text: json.text });
});

test('LiteLLM: verbose_json, whose length it counts costs by (BerriAI/litellm, litellm/llms/openai/transcriptions)', async () => {
  // By the Python client of OpenAI, which sends by httpx.
  const parts = [
    { headers: [disposition('model')], content: 'whisper-1' },
    { headers: [disposition('timestamp_granularities[]')], content: 'word' },
    { headers: [disposition('response_format')], content: 'verbose_json' },
    { headers: [disposition('temperature')], content: '0' },
    { headers: [disposition('file', 'a.wav'), 'Content-Type: audio/x-wav'], content: clip },
  ];
  const { status, json } = await post(multipart('af6b1c', parts), 'multipart/form-data; boundary=af6b1c', {
    'x-stainless-lang': 'python',
    'x-stainless-retry-count': '0',
    'user-agent': 'AsyncOpenAI/Python 1.109.1',
  });
  expect([status, json.text]).toEqual([200, expect.stringMatching(WORDS)]);
  expect(json.duration).toBeCloseTo(1.8, 0);
  expect(json.words[0]).toMatchObject({ word: 'All', start: expect.any(Number), end: expect.any(Number) });
  expect(json.request_notes).toBeUndefined();
});

test('LiteLLM: the upload passed on as it comes, in chunks and without a length (streaming_upload.py)', async () => {
  const boundary = '----litellmstream2f6d';
  const body = multipart(boundary, [
    { headers: [disposition('model')], content: 'whisper-1' },
    { headers: [disposition('response_format')], content: 'json' },
    { headers: [disposition('file', 'a.wav'), 'Content-Type: application/octet-stream'], content: clip },
  ]);
  const pieces = new ReadableStream({
    start(stream) {
      for (let at = 0; at < body.length; at += 5_000) stream.enqueue(body.subarray(at, at + 5_000));
      stream.close();
    },
  });
  const { status, json } = await post(pieces, `multipart/form-data; boundary=${boundary}`);
  expect([status, json.text]).toEqual([200, expect.stringMatching(WORDS)]);
});

test.each(['whisper-1', 'gpt-4o-transcribe', 'gpt-4o-transcribe-diarize'])(
  "Vercel's AI SDK with %s",
  async (name) => {
    const openai = createOpenAI({ apiKey: API_KEY, baseURL: `${app.url}/v1` });
    const asked = transcribe({ model: openai.transcription(name), audio: clip, maxRetries: 0 });
    if (name === 'gpt-4o-transcribe-diarize') {
      // It asks for the one format that there is none of.
      await expect(asked).rejects.toThrow(/response_format must be one of .* who speaks is told by/);
      return;
    }
    const transcript = await asked;
    expect(transcript.text).toMatch(WORDS);
    if (name !== 'whisper-1') return;
    expect(transcript).toMatchObject({ language: 'en', durationInSeconds: expect.closeTo(1.8, 0) });
    expect(transcript.segments.map(({ text }) => text).join(' ')).toBe(transcript.text);
  },
);
