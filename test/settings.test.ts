import { expect, test } from 'vitest';
import { describeSettings, flagOf, readSettings, SETTINGS, SettingsError } from '../src/settings.ts';

test('flags over environment over .env over defaults; an empty value counts as unset', () => {
  const settings = readSettings(
    { RINGBACK_PORT: '1' },
    { RINGBACK_PORT: '2', RINGBACK_HOST: '0.0.0.0', RINGBACK_MODEL: '' },
    { RINGBACK_HOST: '::', RINGBACK_WORKERS: '7' },
  );
  expect(settings).toMatchObject({ port: 1, host: '0.0.0.0', workers: 7, model: 'moonshine-base' });
});

test('the defaults of the contract', () => {
  expect(readSettings({ RINGBACK_DATA_DIR: '/d' })).toMatchObject({
    roles: ['api', 'transcribe', 'deliver'],
    host: '127.0.0.1',
    port: 4747,
    storage: '/d/audio',
    databaseUrl: null,
    callbackFormat: 'short',
    retrySchedule: [0, 5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 86_400].map(
      (s) => s * 1_000,
    ),
    callbackTimeoutMs: 15_000,
    stopTimeoutMs: 25_000,
    endpointConcurrency: 4,
    maxAudioBytes: 1_000_000_000,
    maxAudioSeconds: 36_000,
    retentionMs: 365 * 86_400_000,
    allowNetworks: [],
  });
});

test.each([
  ['RINGBACK_PORT', '65536', /whole number from 0 to 65535/],
  ['RINGBACK_ROLE', 'api,cook', /"cook" is not one of api, transcribe, deliver/],
  ['RINGBACK_RETRY_SCHEDULE', '0s,soon', /"soon" is not a duration/],
  ['RINGBACK_RETRY_SCHEDULE', '31d', /outside 0s to 30d/],
  ['RINGBACK_CALLBACK_TIMEOUT', '1h', /outside 100ms to 5m/],
  ['RINGBACK_MAX_AUDIO_BYTES', 'big', /is not a size/],
  ['RINGBACK_CALLBACK_FORMAT', 'long', /not one of short, gladia/],
  ['RINGBACK_SIGNING_SECRET', 'whsec_c2hvcnQ=', /24 to 64 bytes/],
  // base64url: what startup took and signing refused, each callback would have tried for ever.
  ['RINGBACK_SIGNING_SECRET', `whsec_${'-_'.repeat(21)}`, /24 to 64 bytes/],
  ['RINGBACK_API_KEYS', 'short', /fewer than 16 characters/],
  ['RINGBACK_PUBLIC_URL', 'stt.example.org', /not a URL/],
  ['RINGBACK_PUBLIC_URL', 'http://0.0.0.0:4747', /0\.0\.0\.0 means every interface.*such as https/],
  ['RINGBACK_PUBLIC_URL', 'http://0:4747/', /every interface/],
  ['RINGBACK_PUBLIC_URL', 'http://[::]:4747', /every interface/],
  ['RINGBACK_PUBLIC_URL', 'https://[::ffff:0.0.0.0]', /every interface/],
  ['RINGBACK_STORAGE', 's3://bucket/audio', /only a folder/],
  ['DATABASE_URL', 'mysql://x', /postgres:/],
  ['RINGBACK_LLM_URL', 'localhost:11434', /not a URL/],
  ['RINGBACK_LLM_API_KEY', 'sk sEcrEt', /no header may carry/],
  ['RINGBACK_PROT', '1', /no such setting/],
])('%s=%s is refused by name', (variable, value, says) => {
  expect(() => readSettings({ [variable]: value })).toThrow(says);
  expect(() => readSettings({ [variable]: value })).toThrow(variable);
});

test('every problem is told at once, and no secret is repeated', () => {
  const read = () =>
    readSettings({ RINGBACK_PORT: 'x', RINGBACK_WORKERS: '0', RINGBACK_SIGNING_SECRET: 'whsec_sEcrEt' });
  expect(read).toThrow(SettingsError);
  expect(read).toThrow(/RINGBACK_PORT[\s\S]*RINGBACK_WORKERS[\s\S]*RINGBACK_SIGNING_SECRET/);
  expect(read).not.toThrow(/sEcrEt/);
});

test('the summary shows every setting, and of secrets only that they are set', () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  const shown = describeSettings(
    readSettings({
      RINGBACK_SIGNING_SECRET: secret,
      RINGBACK_API_KEYS: 'rb_0123456789abcdef',
      DATABASE_URL: 'postgres://u:pw@h/d',
    }),
  );
  expect(Object.keys(shown)).toEqual(SETTINGS.map((row) => row.variable));
  expect(shown).toMatchObject({
    RINGBACK_SIGNING_SECRET: 'set',
    RINGBACK_API_KEYS: 'set',
    DATABASE_URL: 'set',
  });
  expect(JSON.stringify(shown)).not.toMatch(/BwcH|0123456789|pw@/);
});

test('a language model needs its name, and its key is not shown', () => {
  const llm = { RINGBACK_LLM_URL: 'http://u:pw@127.0.0.1:1/v1', RINGBACK_LLM_API_KEY: 'sk-sEcrEt' };
  expect(() => readSettings(llm)).toThrow(/RINGBACK_LLM_MODEL/);
  const shown = describeSettings(readSettings(llm, { RINGBACK_LLM_MODEL: 'local' }));
  expect(shown).toMatchObject({ RINGBACK_LLM_URL: 'http://127.0.0.1:1', RINGBACK_LLM_API_KEY: 'set' });
  expect(JSON.stringify(shown)).not.toMatch(/sEcrEt|pw@/);
});

test('flags are the variables in lower case', () => {
  expect(flagOf('RINGBACK_MAX_AUDIO_BYTES')).toBe('max-audio-bytes');
  expect(flagOf('DATABASE_URL')).toBe('database-url');
});
