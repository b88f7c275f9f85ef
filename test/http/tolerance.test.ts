// Requests whose meaning is clear are served, and the record says what was made of them.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { JobRequest } from '../../src/http/job-request.ts';
import { languageMeant } from '../../src/http/languages.ts';
import { settle } from '../../src/http/tolerance.ts';
import { type Api, startApi } from '../rig/api.ts';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

const AUDIO = { audio_url: 'https://cdn.example.org/call-42.mp3' };

async function submit(fields: object) {
  const made = await api.call({ method: 'POST', url: '/v2/pre-recorded', body: { ...AUDIO, ...fields } });
  expect([fields, made.status, made.json.validation_errors]).toEqual([fields, 201, undefined]);
  const { json } = await api.call({ url: `/v2/pre-recorded/${made.json.id}` });
  return { params: json.request_params, notes: json.request_notes as string[] };
}

/** What clients send, and what of it is read. */
test.each<[string, object, object, string[]]>([
  [
    'gladiapy: the config of what is off, empty',
    { translation: false, translation_config: { target_languages: [] }, summarization_config: { type: '' } },
    { translation: false },
    [
      'translation_config was not read: translation is not true',
      'summarization_config was not read: summarization is not true',
    ],
  ],
  [
    'go-gladia: hints of zeros',
    { diarization: true, diarization_config: { number_of_speakers: 0, min_speakers: 0, max_speakers: 0 } },
    { diarization_config: { min_speakers: 0, max_speakers: 0 } },
    ['diarization_config.number_of_speakers was taken as left out'],
  ],
  [
    'activepieces: a format, not a list',
    { subtitles: true, subtitles_config: { formats: 'SRT' } },
    { subtitles_config: { formats: ['srt'] } },
    ['subtitles_config.formats was read as a list of one', 'subtitles_config.formats.0 was read as srt'],
  ],
  [
    'OmniRoute: a model of the catalogue',
    { model: 'solaria-mini' },
    { model: 'solaria-mini' },
    ['model was kept and changes nothing: the model of this server is used'],
  ],
  [
    'languages with their country, and none',
    { language_config: { languages: ['en-US', 'auto', 'pt_BR'] } },
    { language_config: { languages: ['en', 'pt'] } },
    [
      'language_config.languages.0 was read as en',
      'language_config.languages.1 was taken as left out: any language',
      'language_config.languages.2 was read as pt',
    ],
  ],
  ['a language by its name', { language: 'English' }, { language: 'en' }, ['language was read as en']],
  [
    'forms: everything is text',
    {
      sentences: 'true',
      subtitles: '1',
      subtitles_config: { maximum_duration: '5', style: 'Default' },
      context_prompt: '',
    },
    { sentences: true, subtitles: true, subtitles_config: { maximum_duration: 5, style: 'default' } },
    [
      'sentences was read as true',
      'subtitles was read as true',
      'subtitles_config.maximum_duration was read as a number',
      'subtitles_config.style was read as default',
    ],
  ],
  [
    'PHP: an empty object is an empty list',
    { callback: false, callback_config: [], language_config: [], custom_metadata: { a: '' } },
    { callback: false, custom_metadata: { a: '' } },
    ['callback_config was taken as left out', 'language_config was taken as left out'],
  ],
  [
    'a word in place of a list, and a spelling',
    {
      custom_vocabulary: 'Gladia',
      custom_spelling: true,
      custom_spelling_config: { spelling_dictionary: { SQL: 'sequel' } },
    },
    { custom_vocabulary: ['Gladia'], custom_spelling_config: { spelling_dictionary: { SQL: ['sequel'] } } },
    [
      'custom_vocabulary was read as a list of one',
      'custom_spelling_config.spelling_dictionary.SQL was read as a list of one',
    ],
  ],
  [
    'kinds of entities in small letters',
    { pii_redaction: true, pii_redaction_config: { entity_types: ['name'], processed_text_type: 'mask' } },
    { pii_redaction_config: { entity_types: ['NAME'], processed_text_type: 'MASK' } },
    [
      'pii_redaction_config.processed_text_type was read as MASK',
      'pii_redaction_config.entity_types.0 was read as NAME',
    ],
  ],
  [
    'a callback in other letters',
    {
      callback: 'True',
      callback_config: { url: 'https://app.example.org/h', method: 'put', payload: 'Full' },
    },
    { callback: true, callback_config: { method: 'PUT', payload: 'full' } },
    [
      'callback was read as true',
      'callback_config.method was read as PUT',
      'callback_config.payload was read as full',
    ],
  ],
  [
    'fields of other services',
    { webhook_metadata: 1, diarization: true, diarization_config: { enhanced: true } },
    { webhook_metadata: 1 },
    [
      'webhook_metadata is not a known field: it was kept, and is not read',
      'diarization_config.enhanced is not a known field: it was kept, and is not read',
    ],
  ],
])('%s', async (_who, fields, params, notes) => {
  const record = await submit(fields);
  expect(record.params).toMatchObject(params);
  expect(record.notes.toSorted()).toEqual(notes.toSorted());
});

test('what is as it should be has no notes, and nulls say nothing', async () => {
  const { notes, params } = await submit({
    language_config: { languages: ['en'] },
    subtitles: null,
    model: 'solaria-1',
  });
  expect([notes, params.subtitles]).toEqual([[], false]);
});

test.each([
  [{ model: 'gpt-4' }, /^model must be one of/],
  [{ subtitles: 'perhaps' }, /^subtitles must be a boolean value/],
  [{ subtitles: true, subtitles_config: { formats: 'ass' } }, /^subtitles_config\.formats\.0 must be one of/],
  [{ language_config: { languages: ['klingon'] } }, /^language_config\.languages\.0 must be one of/],
  [{ callback_config: { urll: 'x' } }, /^callback_config\.urll is not a known field/],
])('%j is not clear, and is refused', async (fields, sentence) => {
  const { status, json } = await api.call({
    method: 'POST',
    url: '/v2/pre-recorded',
    body: { ...AUDIO, ...fields },
  });
  expect([status, json.validation_errors]).toEqual([400, [expect.stringMatching(sentence)]]);
});

test('languages', () => {
  expect(['en', 'EN', 'en-US', 'English', 'zh-Hans-CN', 'jv', 'auto', 'xx', 'e'].map(languageMeant)).toEqual([
    'en',
    'en',
    'en',
    'en',
    'zh',
    'jw',
    null,
    undefined,
    undefined,
  ]);
});

const FIELDS = Object.keys(JobRequest.properties);
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '',
    0,
    1,
    -1,
    1.5,
    1e308,
    true,
    false,
    [],
    {},
    [[]],
    [null],
    ['', 0],
    'en-US',
    'true',
    'srt',
    '\u00e9',
    'x'.repeat(300),
    { url: 7 },
    { a: [] },
    { headers: { a: 'b' } },
    { headers: [1] },
    { headers: 'x' },
  ),
  fc.string({ maxLength: 8 }),
  fc.jsonValue({ maxDepth: 3 }),
);
const inner = [
  ...new Set(
    FIELDS.flatMap((name) =>
      Object.keys((JobRequest.properties as Record<string, { properties?: object }>)[name]?.properties ?? {}),
    ),
  ),
];
const body = fc.dictionary(
  fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...FIELDS) },
    { weight: 1, arbitrary: fc.string({ maxLength: 6 }) },
  ),
  fc.oneof(odd, fc.dictionary(fc.constantFrom(...inner), odd, { maxKeys: 4 })),
  { maxKeys: 6 },
);

test('10,000 odd bodies: none is a 5xx, and each refusal names a field', async () => {
  const bodies = fc.sample(body, { numRuns: 10_000, seed: 20_261_126 });
  const counts = { taken: 0, refused: 0 };
  for (let first = 0; first < bodies.length; first += 100)
    await Promise.all(
      bodies.slice(first, first + 100).map(async (one, index) => {
        const sent = index % 3 === 0 ? one : { ...one, ...AUDIO };
        const { status, json, text } = await api.call({
          method: 'POST',
          url: '/v2/pre-recorded',
          body: sent as object,
        });
        if (status === 201) return counts.taken++;
        counts.refused++;
        expect([sent, status]).toEqual([sent, 400]);
        expect([sent, json.validation_errors.length > 0]).toEqual([sent, true]);
        for (const sentence of json.validation_errors)
          expect([sent, /^\S.* (?:must|is required|is not a known field)/s.test(sentence)]).toEqual([
            sent,
            true,
          ]);
        return text;
      }),
    );
  // Both are tried.
  expect(counts.taken).toBeGreaterThan(500);
  expect(counts.refused).toBeGreaterThan(500);
}, 120_000);

test('what was settled once is settled', () => {
  for (const one of fc.sample(body, { numRuns: 2_000, seed: 7 })) {
    const { request } = settle(one as Record<string, unknown>, JobRequest);
    const again = settle(request, JobRequest);
    expect(again.request).toEqual(request);
  }
});
