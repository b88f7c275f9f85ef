// Add-ons through the whole program: real database, real model, real speech (a synthetic voice), a real receiver; the
// language model alone is a script behind a real socket.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type App, startApp } from '../rig/app.ts';
import { type ChatServer, startChatServer } from '../rig/chat-server.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

const spoken = readFileSync(new URL('../fixtures/pii/spoken.mp3', import.meta.url));
const PERSONAL = /john|smith|415|555|0132/i;
/** The model shares two cores with whatever else runs. */
const PATIENCE = { timeout: 240_000 };

let app: App;
let receiver: Receiver;
let model: ChatServer;
let audioUrl: string;
beforeAll(async () => {
  receiver = await startReceiver();
  model = await startChatServer();
  app = await startApp({
    RINGBACK_LLM_URL: model.url,
    RINGBACK_LLM_MODEL: 'local',
    RINGBACK_LLM_API_KEY: 'sk-secret',
    RINGBACK_LLM_TIMEOUT: '2s',
  });
  audioUrl = (await app.upload(spoken, 'call.mp3')).json.audio_url;
});
afterAll(async () => {
  await app.stop();
  await model.close();
  await receiver.close();
});

const transcribe = async (fields: object) => {
  const { status, json } = await app.call('POST', '/v2/pre-recorded', {
    audio_url: audioUrl,
    callback: true,
    callback_config: { url: receiver.url },
    ...fields,
  });
  expect([status, json.message]).toEqual([201, undefined]);
  const [request] = await receiver.next();
  const body = request?.body.toString() ?? '';
  expect(JSON.parse(body)).toMatchObject({ id: json.id, event: 'success' });
  return { result: JSON.parse(body).payload, record: await app.call('GET', `/v2/pre-recorded/${json.id}`) };
};

test(
  'the callback carries entities and moods with their times; a model that hangs costs its add-ons only',
  PATIENCE,
  async () => {
    model.say(() => undefined);
    const { result, record } = await transcribe({
      named_entity_recognition: true,
      sentiment_analysis: true,
      summarization: true,
      translation: true,
      translation_config: { target_languages: ['fr'] },
    });
    expect(record.json).toMatchObject({ status: 'done', result });
    const entities = result.named_entity_recognition;
    expect(entities).toMatchObject({ success: true, is_empty: false, error: null });
    const found = entities.results as { entity_type: string; text: string; start: number; end: number }[];
    expect(found.map(({ entity_type, text }) => [entity_type, text])).toEqual([
      ['NAME', 'John Smith'],
      ['PHONE_NUMBER', expect.stringMatching(/415.*0132/)],
      ['EMAIL_ADDRESS', expect.stringMatching(/john.*smith.*com/i)],
    ]);
    const words = result.transcription.utterances[0].words as { word: string; start: number; end: number }[];
    expect(found[0]?.start).toBe(words.find(({ word }) => word.includes('John'))?.start);
    expect(found[0]?.end).toBe(words.find(({ word }) => word.includes('Smith'))?.end);
    expect(result.sentiment_analysis.results[0]).toMatchObject({
      sentiment: 'positive',
      emotion: null,
      channel: 0,
    });
    for (const name of ['translation', 'summarization'])
      expect(result[name]).toMatchObject({ success: false, error: { status_code: 504 } });
  },
);

test(
  'redacted, none of it is in the callback, in the record or before the language model',
  PATIENCE,
  async () => {
    model.say(() => 'Somebody called.');
    model.asked.length = 0;
    const { result, record } = await transcribe({
      pii_redaction: true,
      named_entity_recognition: true,
      sentiment_analysis: true,
      summarization: true,
      sentences: true,
      subtitles: true,
      subtitles_config: { formats: ['srt', 'vtt'] },
    });
    expect(result.transcription.full_transcript).toMatch(
      /\[NAME_1\].*\[PHONE_NUMBER_1\].*\[EMAIL_ADDRESS_1\]/,
    );
    expect(result.pii_redaction).toMatchObject({
      success: true,
      results: { redacted: { NAME: 1, PHONE_NUMBER: 1, EMAIL_ADDRESS: 1 }, not_recognised: [] },
    });
    expect(result.summarization).toMatchObject({ success: true, results: 'Somebody called.' });
    expect(model.requests.at(-1)?.headers.authorization).toBe('Bearer sk-secret');
    expect(JSON.stringify(model.asked)).toContain('[NAME_1]');
    // Times are numbers too.
    for (const shown of [result, record.json.result, model.asked])
      expect(JSON.stringify(shown).replaceAll(/:[\d.]+/g, '')).not.toMatch(PERSONAL);
  },
);
