// The adapters of examples/migrate, as a program that was written for another service would use them: its request in, its
// handler on what our callback becomes. The whole program with the real model.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type App, startApp } from '../rig/app.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

// Plain JavaScript, as it is copied into programs.
const example = (name: string) => import(new URL(`../../examples/migrate/${name}.mjs`, import.meta.url).href);
const assemblyai = await example('assemblyai');
const deepgram = await example('deepgram');

const jfk = readFileSync(new URL('../fixtures/jfk.wav', import.meta.url));
vi.setConfig({ testTimeout: 120_000 });

let app: App;
let receiver: Receiver;
beforeAll(async () => {
  app = await startApp({ RINGBACK_MODEL: 'moonshine-tiny', RINGBACK_WORKERS: '1' });
  receiver = await startReceiver({
    respond({ method, path }) {
      if (method !== 'GET') return {};
      return path === '/clip.wav' ? { headers: { 'content-type': 'audio/wav' }, body: jfk } : { status: 404 };
    },
  });
});
afterAll(async () => {
  await receiver.close();
  await app.stop();
});

/** Submits the request and gives the callback's body, and how it came. */
async function calledBack(request: object) {
  const { status, json, text } = await app.call('POST', '/v2/pre-recorded', request);
  expect([status, text]).toEqual([201, expect.any(String)]);
  for (;;) {
    const [came] = await receiver.next();
    if (came === undefined || came.method === 'GET') continue;
    const body = JSON.parse(String(came.body));
    expect(body.id).toBe(json.id);
    return { ...came, json: body };
  }
}

describe('AssemblyAI', () => {
  test('a request with a webhook, and the transcript that its handler reads', async () => {
    const theirs = {
      audio_url: `${receiver.url}/clip.wav`,
      webhook_url: `${receiver.url}/webhook`,
      webhook_auth_header_name: 'X-My-Webhook-Secret',
      webhook_auth_header_value: 'secret-value-of-theirs',
      language_code: 'en_us',
      keyterms_prompt: ['Americans'],
      custom_spelling: [{ from: ['country'], to: 'Country' }],
      sentiment_analysis: true,
    };
    const { headers, json } = await calledBack(assemblyai.requestOf(theirs));
    expect(headers['x-my-webhook-secret']).toBe('secret-value-of-theirs');
    expect(assemblyai.webhookOf(json)).toEqual({ transcript_id: json.id, status: 'completed' });
    const transcript = assemblyai.transcriptOf(json);
    expect(transcript).toMatchObject({
      id: json.id,
      status: 'completed',
      text: expect.stringMatching(/ask not what your Country can do for you/i),
      audio_duration: 11,
      language_code: 'en',
    });
    expect(transcript.text).toContain('Country');
    const { words = [], utterances = [], confidence = 0 } = transcript;
    expect(words).toHaveLength(22);
    expect(words[0]).toEqual({
      text: expect.stringMatching(/^And$/i),
      start: expect.any(Number),
      end: expect.any(Number),
      confidence: expect.any(Number),
      speaker: null,
    });
    for (const { start, end } of words)
      expect(Number.isInteger(start) && start < end && end <= 11_000).toBe(true);
    expect(utterances[0]?.start).toBe(words[0]?.start);
    expect(confidence).toBeGreaterThan(0.5);
  });

  test('an error, and a transcript that is not ready', async () => {
    const { json } = await calledBack(
      assemblyai.requestOf({
        audio_url: `${receiver.url}/nothing.wav`,
        webhook_url: `${receiver.url}/webhook`,
      }),
    );
    expect(assemblyai.webhookOf(json)).toEqual({ transcript_id: json.id, status: 'error' });
    expect(assemblyai.transcriptOf(json)).toEqual({
      id: json.id,
      status: 'error',
      error: json.error_message,
    });
    expect(json.error_message).toMatch(/./);
    expect(assemblyai.transcriptOf({ ...json, status: 'queued' })).toEqual({ id: json.id, status: 'queued' });
  });

  test('two channels are two speakers, named by letters', () => {
    const word = { word: ' yes', start: 1, end: 1.5, confidence: 0.9 };
    const utterance = {
      start: 1,
      end: 1.5,
      confidence: 0.9,
      channel: 1,
      speaker: 1,
      text: 'yes',
      words: [word],
    };
    const transcript = assemblyai.transcriptOf({
      id: 'x',
      status: 'done',
      result: {
        metadata: { audio_duration: 2 },
        transcription: { full_transcript: 'yes', utterances: [utterance], languages: ['en'] },
      },
    });
    expect(transcript.words).toEqual([
      { text: 'yes', start: 1_000, end: 1_500, confidence: 0.9, speaker: 'B' },
    ]);
  });
});

describe('Deepgram', () => {
  test('a request with a callback, and the response that its handler reads', async () => {
    const query = new URLSearchParams([
      ['callback', `${receiver.url.replace('//', '//user:password@')}/deepgram`],
      ['callback_method', 'put'],
      ['model', 'nova-3'],
      ['language', 'en-US'],
      ['keyterm', 'Americans'],
      ['extra', 'order:A-17'],
    ]);
    const { method, headers, json } = await calledBack(deepgram.requestOf(query, `${receiver.url}/clip.wav`));
    expect([method, headers.authorization]).toEqual([
      'PUT',
      `Basic ${Buffer.from('user:password').toString('base64')}`,
    ]);
    expect(json.custom_metadata).toEqual({ order: 'A-17' });
    const response = deepgram.responseOf(json);
    expect(response.metadata).toMatchObject({
      request_id: json.id,
      channels: 1,
      duration: expect.closeTo(11, 1),
    });
    const [alternative] = response.results.channels[0]?.alternatives ?? [];
    expect(alternative?.transcript).toMatch(/ask not what your country can do for you/i);
    expect(alternative?.words).toHaveLength(22);
    expect(alternative?.words.at(-1)).toEqual({
      word: 'country',
      punctuated_word: expect.stringMatching(/^country\.?$/),
      start: expect.any(Number),
      end: expect.any(Number),
      confidence: expect.any(Number),
    });
  });

  test('each channel has its own words', () => {
    const word = (text: string) => ({ word: text, start: 0, end: 1, confidence: 0.5 });
    const utterance = (channel: number, text: string) => ({ channel, text, words: [word(text)] });
    const { results } = deepgram.responseOf({
      id: 'x',
      created_at: '2026-11-27T00:00:00.000Z',
      result: {
        metadata: { audio_duration: 2, number_of_distinct_channels: 2 },
        transcription: { utterances: [utterance(0, 'Hello,'), utterance(1, 'hi.')] },
      },
    });
    expect(results.channels).toMatchObject([
      { alternatives: [{ transcript: 'Hello,' }] },
      { alternatives: [{ transcript: 'hi.' }] },
    ]);
    expect(results.channels[0]?.alternatives[0]?.words[0]).toMatchObject({
      word: 'hello',
      punctuated_word: 'Hello,',
    });
  });
});
