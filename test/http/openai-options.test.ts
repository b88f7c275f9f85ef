// What a request in OpenAI's shape is read as; and whatever is in its fields, nothing but a sentence about one of them comes of it.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HttpError } from '../../src/errors.ts';
import { addField, type Fields, fieldsOf } from '../../src/http/openai/fields.ts';
import { isServed, listModels, modelId } from '../../src/http/openai/models.ts';
import { readOptions } from '../../src/http/openai/options.ts';
import { openaiRefusal } from '../../src/http/openai/refusal.ts';

const read = (entries: readonly [string, string][]) => {
  const fields: Fields = new Map();
  for (const [name, text] of entries) addField(fields, name, text);
  return readOptions(fields, 'moonshine-base');
};

const NAMES = [
  'model',
  'language',
  'languages[]',
  'prompt',
  'response_format',
  'temperature',
  'timestamp_granularities[]',
  'timestamp_granularities[0]',
  'timestamp_granularities',
  'stream',
  'include[]',
  'chunking_strategy',
  'chunking_strategy[type]',
  'chunking_strategy[threshold]',
  'keywords[]',
  'known_speaker_names[]',
  'callback_url',
  'url',
];

test('without a field: json, segments, nothing more', () => {
  expect(read([])).toEqual({
    options: {
      model: null,
      format: 'json',
      words: false,
      segments: true,
      stream: false,
      languages: [],
      keywords: [],
      prompt: null,
      url: null,
      callbackUrl: null,
    },
    problems: [],
    notes: [],
    modelUnknown: false,
  });
});

test('what is empty is left out, lists are lists however they are named, words in any case', () => {
  const { options, problems, notes } = read([
    ['response_format', 'VERBOSE_JSON'],
    ['timestamp_granularities', 'word'],
    ['timestamp_granularities[1]', 'segment'],
    ['language', 'en-US'],
    ['languages[]', 'english'],
    ['keywords[]', 'Ringback'],
    ['keywords[]', ''],
    ['temperature', '0'],
    ['prompt', ' '],
    ['stream', 'False'],
    ['chunking_strategy[type]', 'server_vad'],
  ]);
  expect([problems, notes]).toEqual([[], []]);
  expect(options).toMatchObject({
    format: 'verbose_json',
    words: true,
    segments: true,
    stream: false,
    languages: ['en'],
    keywords: ['Ringback'],
    prompt: null,
  });
});

test.each([
  [[['response_format', 'diarized_json']], /^response_format must be one of .*; who speaks is told by/],
  [
    [
      ['response_format', 'json'],
      ['response_format', 'srt'],
    ],
    /^response_format must be given once$/,
  ],
  [
    [
      ['model', 'whisper-1'],
      ['model', 'whisper-2'],
    ],
    /^model must be given once$/,
  ],
  [[['timestamp_granularities[]', 'word']], /^timestamp_granularities needs response_format verbose_json/],
  [[['timestamp_granularities[]', 'letter']], /^timestamp_granularities must be one of .* word, segment$/],
  [
    [
      ['stream', 'true'],
      ['response_format', 'vtt'],
    ],
    /^stream cannot be true with response_format vtt/,
  ],
  [
    [
      ['stream', '1'],
      ['callback_url', 'https://a.example/'],
    ],
    /^stream cannot be true with callback_url/,
  ],
  [[['stream', 'perhaps']], /^stream must be true or false$/],
  [[['temperature', '-0.1']], /^temperature must be a number from 0 to 1$/],
  [[['temperature', 'NaN']], /^temperature must be a number from 0 to 1$/],
  [[['language', 'klingon']], /^language must be a language code/],
  [[['include[]', 'logprobs']], /^include is not supported/],
  [
    [['known_speaker_references[]', 'data:audio/wav;base64,AA==']],
    /^known_speaker_references is not supported/,
  ],
  [[['chunking_strategy', '{"type":"server_vad","threshold":0.5}']], /^chunking_strategy must be auto/],
  [[['keywords[]', 'x'.repeat(101)]], /^keywords must be shorter/],
  [[['prompt', 'x'.repeat(4_001)]], /^prompt must be shorter/],
] as [[string, string][], RegExp][])('%j is refused', (entries, sentence) => {
  const { problems } = read(entries);
  expect(problems).toEqual([expect.stringMatching(sentence)]);
  const { status, body } = openaiRefusal(new HttpError('request_invalid', { sentences: problems }));
  const [name = ''] = entries[0]?.[0].split('[') ?? [];
  expect([status, body.error.param]).toEqual([400, name]);
});

test('what changes nothing is noted, and so is what is not known', () => {
  const { problems, notes } = read([
    ['prompt', 'A speech.'],
    ['temperature', '0.7'],
    ['timestamp_granularities[]', 'segment'],
    ['vad_filter', 'true'],
  ]);
  expect(problems).toEqual([]);
  expect(notes.map((note) => note.split(' ', 1)[0]).sort()).toEqual([
    'prompt',
    'temperature',
    'timestamp_granularities',
    'vad_filter',
  ]);
});

test('whatever is in the fields, each sentence begins with the name of one', () => {
  const name = fc.oneof(fc.constantFrom(...NAMES), fc.string());
  const value = fc.oneof(
    fc.string(),
    fc.constantFrom('true', 'en', 'word', 'json', 'whisper-1', '1e999', '{"type":1}'),
  );
  let refused = 0;
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), (entries) => {
      const { problems } = read(entries);
      refused += problems.length > 0 ? 1 : 0;
      for (const problem of problems)
        expect(NAMES.map((one) => one.replace(/\[.*/, ''))).toContain(problem.split(' ', 1)[0]);
    }),
    { numRuns: 2_000 },
  );
  expect(refused).toBeGreaterThan(100);
});

test('JSON says the same as a form', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...NAMES), fc.jsonValue()), (body) => {
      expect(() => readOptions(fieldsOf(body), 'moonshine-base')).not.toThrow();
    }),
  );
  const { options } = readOptions(
    fieldsOf({
      stream: true,
      temperature: 0,
      language: null,
      keywords: ['a', 'b'],
      chunking_strategy: { type: 'server_vad' },
    }),
    'moonshine-base',
  );
  expect(options).toMatchObject({ stream: true, languages: [], keywords: ['a', 'b'] });
});

test.each([
  ['whisper-1', true],
  ['gpt-4o-mini-transcribe-2025-12-15', true],
  ['Systran/faster-distil-whisper-large-v3', true],
  ['nvidia/parakeet-tdt-0.6b-v2', true],
  ['FunAudioLLM/SenseVoiceSmall', true],
  ['nova-3', true],
  ['my-model', true],
  ['gpt-4', false],
  ['tts-1', false],
  ['text-embedding-3-small', false],
  ['whisper <script>', false],
  ['', false],
])('the model %s is served: %s', (name, served) => {
  expect(isServed(name, '/models/my-model')).toBe(served);
});

test('a model that is a folder is shown by its name, without its place', () => {
  expect(modelId('/srv/secret/my-model/')).toBe('my-model');
  expect(JSON.stringify(listModels('/srv/secret/my-model', 0))).not.toContain('secret');
});
