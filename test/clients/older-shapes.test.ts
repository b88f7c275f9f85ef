// Requests as clients in the field send them, whose packages cannot run here: the older twin routes with their trailing
// slashes, withdrawn fields, explicit nulls, polling and deleting by `result_url`, and the ways they test a key.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Answer, API_KEY, type App, startApp } from '../rig/app.ts';
import { eventually } from '../rig/eventually.ts';

const jfk = readFileSync(new URL('../fixtures/jfk.wav', import.meta.url));
const WORDS = /ask not what your country can do for you/i;

// Real speech on a machine that may be busy with other tests.
vi.setConfig({ testTimeout: 180_000 });

let app: App;
beforeAll(async () => {
  app = await startApp({ RINGBACK_MODEL: 'moonshine-tiny', RINGBACK_WORKERS: '1' });
});
afterAll(() => app.stop());

async function upload(path: string): Promise<Answer> {
  const form = new FormData();
  form.set('audio', new Blob([jfk], { type: 'audio/wav' }), 'call.wav');
  const response = await fetch(`${app.url}${path}`, {
    method: 'POST',
    headers: { 'x-gladia-key': API_KEY },
    body: form,
  });
  const text = await response.text();
  return { status: response.status, text, json: JSON.parse(text) };
}

/** As these clients do: the URL as it was given, with the key. */
async function poll(resultUrl: string): Promise<Answer['json']> {
  expect(resultUrl.startsWith(app.url)).toBe(true);
  const { json } = await eventually(
    () => app.call('GET', resultUrl.slice(app.url.length)),
    (answer) => {
      expect(['queued', 'processing', 'done']).toContain(answer.json.status);
      return answer.json.status === 'done';
    },
    150_000,
  );
  return json;
}

test('Eden AI: trailing slashes, upload exactly 200, nulls', async () => {
  const uploaded = await upload('/v2/upload/');
  expect(uploaded.status).toBe(200);
  const created = await app.call('POST', '/v2/transcription/', {
    audio_url: uploaded.json.audio_url,
    language: null,
    detect_language: true,
    diarization: true,
    diarization_config: { number_of_speakers: null, min_speakers: null, max_speakers: null },
    custom_vocabulary: null,
    custom_metadata: null,
    callback_config: null,
  });
  expect([created.status, created.json.message]).toEqual([201, undefined]);
  expect(created.json.result_url).toBe(`${app.url}/v2/transcription/${created.json.id}`);
  const record = await poll(created.json.result_url);
  expect(record.result.transcription.full_transcript).toMatch(WORDS);
  for (const { speaker } of record.result.transcription.utterances)
    expect(speaker === undefined || Number.isInteger(speaker)).toBe(true);
});

test('attendee: code switching in its older spelling, polls and deletes result_url', async () => {
  const uploaded = await upload('/v2/upload');
  const created = await app.call('POST', '/v2/pre-recorded', {
    audio_url: uploaded.json.audio_url,
    enable_code_switching: true,
    code_switching_config: { languages: ['en'] },
  });
  expect(created.status).toBe(201);
  const record = await poll(created.json.result_url);
  expect(record.result.transcription.full_transcript).toMatch(WORDS);
  expect(record.result.transcription.utterances[0].words[0].word).toMatch(/^And/i);
  const path = created.json.result_url.slice(app.url.length);
  expect(await app.call('DELETE', path)).toMatchObject({ status: 202, text: '' });
  expect((await app.call('GET', path)).status).toBe(404);
});

test('n8n: /v2/transcription, the vocabulary where the flag is now, polls result_url', async () => {
  const uploaded = await upload('/v2/upload');
  const created = await app.call('POST', '/v2/transcription', {
    audio_url: uploaded.json.audio_url,
    language: 'en',
    detect_language: false,
    custom_vocabulary: ['Americans', 'country'],
    diarization: false,
    subtitles: true,
    subtitles_config: { formats: ['srt', 'vtt'] },
  });
  expect(created.status).toBe(201);
  expect((await poll(created.json.result_url)).result.transcription.full_transcript).toMatch(WORDS);
});

test.each([
  ['gladiaio/n8n-nodes-gladia', { moderation: true, chapterization: true, display_mode: true }],
  [
    'the hosted API before March 2026',
    {
      name_consistency: true,
      context_prompt: 'A speech.',
      structured_data_extraction: true,
      structured_data_extraction_config: { classes: ['person'] },
      diarization_enhanced: true,
      diarization_config: { enhanced: true, num_of_speakers: 2 },
      enable_code_switching: false,
    },
  ],
  [
    'names an app made up',
    { webhook_metadata: { a: 1 }, audio_enhancer: true, toggle_noise_reduction: true },
  ],
  [
    'every option as null',
    Object.fromEntries(
      [
        'callback',
        'callback_url',
        'callback_config',
        'subtitles',
        'subtitles_config',
        'sentences',
        'custom_spelling',
        'custom_spelling_config',
        'custom_vocabulary_config',
        'language_config',
        'model',
        'translation',
        'translation_config',
        'summarization',
        'audio_to_llm',
        'pii_redaction',
      ].map((name) => [name, null]),
    ),
  ],
])('taken: %s', async (_who, fields) => {
  const { status, json } = await app.call('POST', '/v2/transcription', {
    audio_url: 'https://cdn.example.org/call-42.mp3',
    ...fields,
  });
  expect([status, json.message]).toEqual([201, undefined]);
  // Echoed as it came; what is null is as it is taken.
  const record = await app.call('GET', `/v2/transcription/${json.id}`);
  const said = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
  expect(record.json.request_params).toMatchObject(said);
  expect(record.json.request_params).toMatchObject({ subtitles: false, model: 'solaria-1', callback: false });
});

test('a key is tested by a job that does not exist, or by a list of one: 404 and 200 for a good one, 401 for a bad one', async () => {
  const ask = async (path: string, key: string) =>
    (await fetch(`${app.url}${path}`, { headers: { 'x-gladia-key': key } })).status;
  for (const base of ['/v2/pre-recorded', '/v2/transcription']) {
    expect(await ask(`${base}/${randomUUID()}`, API_KEY)).toBe(404);
    expect(await ask(`${base}/${randomUUID()}`, 'rb_bad')).toBe(401);
    expect(await ask(`${base}?limit=1`, API_KEY)).toBe(200);
    expect(await ask(`${base}?limit=1`, 'rb_bad')).toBe(401);
  }
});
