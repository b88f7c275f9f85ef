// Real answers against the vendor's published schemas, as its official client has them: what is not as they say, and what we
// add, is listed in docs/clients.md, and nothing else is.
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Answer, type App, startApp } from '../rig/app.ts';
import { type ChatServer, startChatServer } from '../rig/chat-server.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';
import { vendorSchemas } from '../rig/vendor-schemas.ts';

const jfk = readFileSync(new URL('../fixtures/jfk.wav', import.meta.url));
const page = readFileSync(new URL('../../docs/clients.md', import.meta.url), 'utf8');
vi.setConfig({ testTimeout: 120_000 });

const $defs = vendorSchemas();
const ajv = new Ajv({ allErrors: true, strict: false });

/** `path: what`, of everything that is not as `name` has it; list places are `[]`. */
function violations(name: string, answer: unknown): string[] {
  const validate = ajv.compile({ $ref: `#/$defs/${name}`, $defs });
  validate(answer);
  const errors = validate.errors ?? [];
  // Where one of several would do, what is around it is not told as well.
  const isInnermost = ({ instancePath }: { instancePath: string }) =>
    !errors.some((other) => other.instancePath.startsWith(`${instancePath}/`));
  const told = errors.filter(
    (error) => error.keyword === 'required' || (error.keyword !== 'anyOf' && isInnermost(error)),
  );
  return told.map(({ instancePath, message, keyword }) => `${dotted(instancePath)}: ${keyword} ${message}`);
}

const dotted = (path: string) =>
  path
    .slice(1)
    .replaceAll(/\/\d+(?=\/|$)/g, '[]')
    .replaceAll('/', '.');

/** Paths of fields that the schema does not have. */
function additions(schema: Record<string, unknown>, value: unknown, at = ''): string[] {
  if (typeof schema.$ref === 'string')
    return additions($defs[schema.$ref.replace('#/$defs/', '')] ?? {}, value, at);
  if (Array.isArray(schema.anyOf)) {
    const objects = schema.anyOf.filter(({ type }) => type !== 'null');
    return objects.length === 1 ? additions(objects[0], value, at) : [];
  }
  if (Array.isArray(value))
    return value.flatMap((one) => additions((schema.items ?? {}) as Record<string, unknown>, one, `${at}[]`));
  if (value === null || typeof value !== 'object' || schema.properties === undefined) return [];
  const known = schema.properties as Record<string, Record<string, unknown>>;
  return Object.entries(value).flatMap(([key, inner]) => {
    const path = at === '' ? key : `${at}.${key}`;
    const property = known[key];
    return property === undefined ? [path] : additions(property, inner, path);
  });
}

let app: App;
let model: ChatServer;
let host: Receiver;
beforeAll(async () => {
  model = await startChatServer(
    () => '{"results":[{"headline":"a","summary":"b","gist":"c","keywords":["d"],"start":0,"end":1}]}',
  );
  host = await startReceiver({
    respond: ({ path }) =>
      path === '/clip.wav' ? { headers: { 'content-type': 'audio/wav' }, body: jfk } : { status: 404 },
  });
  app = await startApp({
    RINGBACK_MODEL: 'moonshine-tiny',
    RINGBACK_WORKERS: '1',
    RINGBACK_LLM_URL: model.url,
    RINGBACK_LLM_MODEL: 'scripted',
  });
});
afterAll(async () => {
  await app.stop();
  await host.close();
  await model.close();
});

const ALL = {
  custom_metadata: { order: 'A-17' },
  language_config: { languages: ['en'], code_switching: false },
  custom_vocabulary: true,
  custom_vocabulary_config: {
    vocabulary: ['Americans', { value: 'country', intensity: 0.4 }],
    default_intensity: 0.5,
  },
  custom_spelling: true,
  custom_spelling_config: { spelling_dictionary: { Country: ['country'] } },
  subtitles: true,
  subtitles_config: { formats: ['srt', 'vtt'] },
  diarization: true,
  sentences: true,
  named_entity_recognition: true,
  sentiment_analysis: true,
  translation: true,
  translation_config: { target_languages: ['fr'] },
  summarization: true,
  audio_to_llm: true,
  audio_to_llm_config: { prompts: ['Who speaks?'] },
  moderation: true,
  pii_redaction: true,
};

test('answers are what the vendor says, but for what is listed', async () => {
  const seen: [name: string, answer: Answer['json']][] = [];
  seen.push(['PreRecordedV2AudioUploadResponse', (await app.upload(jfk, 'call.wav')).json]);
  const submit = async (body: object) => {
    const { json } = await app.call('POST', '/v2/pre-recorded', body);
    seen.push(['PreRecordedV2InitTranscriptionResponse', json]);
    seen.push(['PreRecordedV2Response', (await app.call('GET', `/v2/pre-recorded/${json.id}`)).json]);
    const record = await app.ended(json.id);
    seen.push(['PreRecordedV2Response', record]);
    return record.status;
  };
  expect(await submit({ audio_url: `${host.url}/clip.wav` })).toBe('done');
  expect(await submit({ audio_url: `${host.url}/clip.wav`, ...ALL })).toBe('done');
  expect(await submit({ audio_url: `${host.url}/nothing.wav` })).toBe('error');
  seen.push(['PreRecordedV2ListResponse', (await app.call('GET', '/v2/pre-recorded')).json]);

  const told = (heading: string) =>
    [...(page.split(`## ${heading}`)[1]?.split('\n## ')[0] ?? '').matchAll(/^\| `([^`]+)`/gm)].map(
      ([, one]) => one,
    );
  const inLists = (path: string) => path.replace(/^items\[\]\./, '');
  const unlike = new Set(seen.flatMap(([name, answer]) => violations(name, answer)).map(inLists));
  const paths = new Set([...unlike].map((one) => one.split(':')[0]));
  expect([...paths].toSorted(), [...unlike].join('\n')).toEqual(
    told('Where answers differ from the published schemas').toSorted(),
  );
  const added = new Set(seen.flatMap(([name, answer]) => additions($defs[name] ?? {}, answer)).map(inLists));
  expect([...added].toSorted()).toEqual(told('What answers have beside them').toSorted());
});

test('a wrong answer would be noticed', () => {
  const wrong = { id: 1, status: 'done', kind: 'pre-recorded', result: { metadata: {} } };
  expect(violations('PreRecordedV2Response', wrong)).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^id: type must be string/),
      expect.stringMatching(/^: required .*created_at/),
    ]),
  );
  expect(additions($defs.PreRecordedV2Response ?? {}, { id: 'x', own: 1, file: { own: 2 } })).toEqual([
    'own',
    'file.own',
  ]);
});
