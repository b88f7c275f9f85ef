// What of the configuration of add-ons is refused, and how the sentences read.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Api, startApi } from '../rig/api.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const submit = (fields: object) =>
  api.call({
    method: 'POST',
    url: '/v2/pre-recorded',
    body: { audio_url: 'https://example.org/a.mp3', ...fields },
  });

test.each<[object, string | RegExp]>([
  [{ translation: true }, 'translation_config.target_languages is required when translation is true'],
  [
    { translation: true, translation_config: { target_languages: [] } },
    'translation_config.target_languages is required when translation is true',
  ],
  [
    { translation: true, translation_config: { target_languages: ['fr', 'xx'] } },
    /^translation_config\.target_languages\.1 must be one of the following values: af, /,
  ],
  [
    { translation: true, translation_config: { target_languages: true } },
    'translation_config.target_languages must be an array',
  ],
  [
    { summarization: true, summarization_config: { type: 'long' } },
    'summarization_config.type must be one of the following values: general, bullet_points, concise',
  ],
  [{ audio_to_llm: true }, 'audio_to_llm_config.prompts is required when audio_to_llm is true'],
  [
    { audio_to_llm: true, audio_to_llm_config: { prompts: [''] } },
    'audio_to_llm_config.prompts.0 must not be empty',
  ],
  [
    { audio_to_llm: true, audio_to_llm_config: { prompts: ['x'.repeat(10_001)] } },
    'audio_to_llm_config.prompts.0 must be shorter than or equal to 10000 characters (it has 10001)',
  ],
  [
    { structured_data_extraction: true },
    'structured_data_extraction_config.classes is required when structured_data_extraction is true',
  ],
  [
    { pii_redaction: true, pii_redaction_config: { processed_text_type: 'HASH' } },
    'pii_redaction_config.processed_text_type must be one of the following values: MARKER, MASK',
  ],
  [
    { pii_redaction: true, pii_redaction_config: { entity_types: ['NAME', 'BLOOD_TYPE'] } },
    /^pii_redaction_config\.entity_types\.1 must be one of .* does not recognise "BLOOD_TYPE", so leave it out$/,
  ],
  [
    { pii_redaction: true, pii_redaction_config: { entity_types: 'HEALTH_INFORMATION' } },
    /^pii_redaction_config\.entity_types must be one of .*"HEALTH_INFORMATION"/,
  ],
])('%j is refused', async (fields, sentence) => {
  const { status, json } = await submit(fields);
  expect(status).toBe(400);
  expect(json.validation_errors).toEqual([
    typeof sentence === 'string' ? sentence : expect.stringMatching(sentence),
  ]);
});

test.each<[object]>([
  [{ translation_config: {}, audio_to_llm_config: {}, summarization_config: {} }],
  [{ translation: false, translation_config: null, pii_redaction_config: { entity_types: null } }],
  [{ translation: true, translation_config: { target_languages: ['fr', 'jw', 'wo'], model: 'enhanced' } }],
  [{ pii_redaction: true }],
  [{ pii_redaction: true, pii_redaction_config: { entity_types: 'GDPR' } }],
  [
    {
      pii_redaction: true,
      pii_redaction_config: { entity_types: ['GDPR', 'EMAIL_ADDRESS'], processed_text_type: 'MASK' },
    },
  ],
  [{ audio_to_llm: true, audio_to_llm_config: { prompts: ['Title?'], model: 'any' } }],
  [{ summarization: true, sentiment_analysis: true, named_entity_recognition: true, chapterization: true }],
])('%j is accepted', async (fields) => {
  const { status, json } = await submit(fields);
  expect([status, json.validation_errors]).toEqual([201, undefined]);
});
