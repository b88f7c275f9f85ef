// Every setting of the server, once. The parser, `--help`, the start-up summary and docs/settings.md are made from
// this table. Nothing is read at import: the caller hands in flags, environment and `.env`.
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { CALLBACK_FORMATS, type CallbackFormat } from './delivery.ts';
import { decodeSecret, isSigningKey, readSigningKey } from './signing-key.ts';
import { formatBytes, formatDuration, parseBytes, parseDuration } from './units.ts';

export const ROLES = ['api', 'transcribe', 'deliver'] as const;
export type Role = (typeof ROLES)[number];
export const LOG_FORMATS = ['json', 'pretty'] as const;
export const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

export type Settings = {
  roles: Role[];
  host: string;
  port: number;
  publicUrl: string | null;
  dataDirectory: string;
  databaseUrl: string | null;
  storage: string;
  apiKeys: string[];
  model: string;
  workers: number;
  allowNetworks: string[];
  callbackFormat: CallbackFormat;
  /** Milliseconds before each attempt. */
  retrySchedule: number[];
  callbackTimeoutMs: number;
  stopTimeoutMs: number;
  endpointConcurrency: number;
  signingSecrets: string[];
  inboxes: boolean;
  maxAudioBytes: number;
  maxAudioSeconds: number;
  /** Null in these: no limit. All but the first two count in one process. */
  maxConcurrentJobs: number | null;
  maxQueuedJobs: number | null;
  maxRequestsPerMinute: number | null;
  maxUploads: number | null;
  maxEventStreams: number | null;
  maxRequestBytes: number;
  retentionMs: number;
  llmUrl: string | null;
  llmModel: string | null;
  llmApiKey: string | null;
  llmTimeoutMs: number;
  logLevel: (typeof LOG_LEVELS)[number];
  /** Null: by whether stdout is a terminal. */
  logFormat: (typeof LOG_FORMATS)[number] | null;
  /** Of OpenTelemetry, by its own names. Null: no traces. */
  otlpEndpoint: string | null;
  otlpTracesEndpoint: string | null;
  otlpHeaders: Record<string, string>;
  otlpProtocol: 'http/protobuf';
  otelServiceName: string | null;
  otelSampler: (typeof SAMPLERS)[number];
  otelSamplerRatio: number;
  otelDisabled: boolean;
};

type Entry<K extends keyof Settings> = {
  readonly setting: K;
  readonly variable: string;
  readonly placeholder: string;
  /** As a person would write it; null when the meaning explains what happens unset. */
  readonly fallback: string | null;
  readonly secret?: true;
  readonly meaning: string;
  readonly parse: (text: string, dataDirectory: string) => Settings[K];
  readonly unset?: (dataDirectory: string) => Settings[K];
  readonly show: (value: Settings[K]) => string;
};

const text = (value: unknown) => String(value);
const list = (value: readonly unknown[]) => value.join(',');
const items = (value: string) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
const configured = (value: unknown) =>
  value === null || (Array.isArray(value) && value.length === 0) ? 'not set' : 'set';

function oneOf<const T extends readonly string[]>(allowed: T) {
  return (value: string): T[number] => {
    if (!allowed.includes(value)) throw new Error(`"${value}" is not one of ${allowed.join(', ')}`);
    return value;
  };
}

function integer(low: number, high: number) {
  return (value: string): number => {
    const number = Number(value);
    if (!Number.isInteger(number) || number < low || number > high)
      throw new Error(`"${value}" is not a whole number from ${low} to ${high}`);
    return number;
  };
}

/** A count, or `off` (0 as well) for none. */
const limit = {
  parse: (value: string): number | null =>
    value === 'off' ? null : integer(0, 1_000_000_000)(value) || null,
  show: (value: number | null): string => (value === null ? 'off' : String(value)),
};

function duration(low: number, high: number) {
  return (value: string): number => {
    const milliseconds = parseDuration(value);
    if (milliseconds < low || milliseconds > high)
      throw new Error(`"${value}" is outside ${formatDuration(low)} to ${formatDuration(high)}`);
    return milliseconds;
  };
}

function url(value: string, protocols: readonly string[]): string {
  const parsed = URL.canParse(value) ? new URL(value) : null;
  if (!parsed || !protocols.includes(parsed.protocol))
    throw new Error(`this is not a URL that starts with ${protocols.map((p) => `${p}//`).join(' or ')}`);
  return value;
}

/** A URL of somebody else's may have a password in it. */
const shownUrl = (value: string | null) => (value === null ? 'not set' : new URL(value).origin);

/** W3C Baggage's form, as OpenTelemetry has it: `api-key=secret,other=v%20alue`. */
function headerList(value: string): Record<string, string> {
  const pairs = items(value).map((item) => {
    const at = item.indexOf('=');
    const name = item.slice(0, at).trim();
    if (at < 1 || !/^[!#$%&'*+.^_`|~\w-]+$/.test(name))
      throw new Error('write headers as name=value, separated by commas');
    const text = item.slice(at + 1).trim();
    if (/%(?![\da-f]{2})/i.test(text))
      throw new Error(`the value of ${name} is not percent-encoded: write % as %25`);
    const value = decodeURIComponent(text);
    if (!/^[\t\x20-\x7e]*$/.test(value))
      throw new Error(`the value of ${name} has characters that no header may carry`);
    return [name, value] as const;
  });
  return Object.fromEntries(pairs);
}

/** Whoever is told to call every interface calls their own machine, or nobody. */
function addressToCall(value: string): string {
  const { hostname } = new URL(value);
  if (isEveryInterface(hostname))
    throw new Error(
      `${hostname} means every interface, and is no address to call: name the one at which clients and receivers reach this server, such as https://stt.example.org`,
    );
  return value;
}

const DAY = 86_400_000;

const entry = <K extends keyof Settings>(row: Entry<K>): Entry<K> => row;

export const SETTINGS = [
  entry({
    setting: 'roles',
    variable: 'RINGBACK_ROLE',
    placeholder: 'LIST',
    fallback: ROLES.join(','),
    meaning: 'what this process does: any of api, transcribe, deliver',
    parse: (value) => items(value).map(oneOf(ROLES)),
    show: list,
  }),
  entry({
    setting: 'host',
    variable: 'RINGBACK_HOST',
    placeholder: 'ADDRESS',
    fallback: '127.0.0.1',
    meaning: 'address to listen on; 0.0.0.0 or :: for every interface, with RINGBACK_PUBLIC_URL',
    parse: text,
    show: text,
  }),
  entry({
    setting: 'port',
    variable: 'RINGBACK_PORT',
    placeholder: 'N',
    fallback: '4747',
    meaning: 'port to listen on; 0 picks a free one, named in the "listening" log line',
    parse: integer(0, 65_535),
    show: text,
  }),
  entry({
    setting: 'publicUrl',
    variable: 'RINGBACK_PUBLIC_URL',
    placeholder: 'URL',
    fallback: null,
    meaning:
      'base of result_url, audio_url and list links; unset: the listening address. Needed where that is no address to call: with RINGBACK_HOST 0.0.0.0 or ::, and in a process that transcribes without the api role',
    parse: (value) => addressToCall(url(value, ['http:', 'https:'])).replace(/\/+$/, ''),
    unset: () => null,
    show: (value) => value ?? 'the listening address',
  }),
  entry({
    setting: 'dataDirectory',
    variable: 'RINGBACK_DATA_DIR',
    placeholder: 'FOLDER',
    fallback: './data',
    meaning: 'embedded database, stored audio, model cache, generated secrets (mode 0600)',
    parse: (value) => resolve(value),
    show: text,
  }),
  entry({
    setting: 'databaseUrl',
    variable: 'DATABASE_URL',
    placeholder: 'URL',
    fallback: null,
    secret: true,
    meaning: 'any PostgreSQL 14 or newer; unset: an embedded PostgreSQL in the data folder',
    parse: (value) => url(value, ['postgres:', 'postgresql:']),
    unset: () => null,
    show: (value) => (value === null ? 'embedded' : 'set'),
  }),
  entry({
    setting: 'storage',
    variable: 'RINGBACK_STORAGE',
    placeholder: 'FOLDER',
    fallback: null,
    meaning: 'folder for stored audio, shared by all processes; unset: audio/ in the data folder',
    parse: (value) => {
      if (/^[a-z0-9]+:\/\//i.test(value))
        throw new Error('only a folder is supported so far: write a path, or mount the bucket');
      return resolve(value);
    },
    unset: (dataDirectory) => join(dataDirectory, 'audio'),
    show: text,
  }),
  entry({
    setting: 'apiKeys',
    variable: 'RINGBACK_API_KEYS',
    placeholder: 'LIST',
    fallback: null,
    secret: true,
    meaning:
      'comma-separated keys, each an account of its own; unset: one is made at the first start and printed once. Stored hashed',
    parse: (value) => {
      const keys = items(value);
      for (const key of keys)
        if (key.length < 16) throw new Error('a key has fewer than 16 characters: make it longer');
      return keys;
    },
    unset: () => [],
    show: configured,
  }),
  entry({
    setting: 'model',
    variable: 'RINGBACK_MODEL',
    placeholder: 'NAME',
    fallback: 'moonshine-base',
    meaning:
      'moonshine-base, moonshine-tiny, or a folder with a Moonshine model. Loaded after the other parts listen: one that cannot be ends the server then, and until it is loaded /readyz says 503',
    parse: text,
    show: text,
  }),
  entry({
    setting: 'workers',
    variable: 'RINGBACK_WORKERS',
    placeholder: 'N',
    fallback: null,
    meaning: 'transcriptions at a time; unset: the number of cores',
    parse: integer(1, 256),
    unset: () => availableParallelism(),
    show: text,
  }),
  entry({
    setting: 'allowNetworks',
    variable: 'RINGBACK_ALLOW_NETWORKS',
    placeholder: 'CIDRS',
    fallback: '',
    meaning:
      'networks beyond the public internet that callbacks and audio_url may reach, such as 127.0.0.0/8,::1/128 for local work; a port may follow, as in 10.1.2.3/32:8443',
    parse: items,
    show: (value) => (value.length === 0 ? 'the public internet only' : list(value)),
  }),
  entry({
    setting: 'callbackFormat',
    variable: 'RINGBACK_CALLBACK_FORMAT',
    placeholder: 'NAME',
    fallback: 'short',
    meaning:
      'short: events success and error, string codes. gladia: transcription.success and transcription.error, integer codes. record: the record of the transcription, with the event. A job may choose with callback_config.format',
    parse: oneOf(CALLBACK_FORMATS),
    show: text,
  }),
  entry({
    setting: 'retrySchedule',
    variable: 'RINGBACK_RETRY_SCHEDULE',
    placeholder: 'LIST',
    fallback: '0s,5s,30s,2m,10m,30m,1h,3h,6h,12h,24h,24h',
    meaning: 'the wait before each attempt of a callback; up to 10 % of jitter is added',
    parse: (value) => {
      const waits = items(value).map(duration(0, 30 * DAY));
      if (waits.length < 1 || waits.length > 100) throw new Error('give 1 to 100 waits, such as 0s,5s,1m');
      return waits;
    },
    show: (value) => value.map(formatDuration).join(','),
  }),
  entry({
    setting: 'callbackTimeoutMs',
    variable: 'RINGBACK_CALLBACK_TIMEOUT',
    placeholder: 'TIME',
    fallback: '15s',
    meaning: 'the whole of one attempt: DNS, connect, send, status and body',
    parse: duration(100, 300_000),
    show: formatDuration,
  }),
  entry({
    setting: 'stopTimeoutMs',
    variable: 'RINGBACK_STOP_TIMEOUT',
    placeholder: 'TIME',
    fallback: '25s',
    meaning:
      'the longest a stop takes; callbacks under way may end within it. Give the supervisor a little more (Docker gives 10 s)',
    parse: duration(1_000, 3_600_000),
    show: formatDuration,
  }),
  entry({
    setting: 'endpointConcurrency',
    variable: 'RINGBACK_ENDPOINT_CONCURRENCY',
    placeholder: 'N',
    fallback: '4',
    meaning: 'attempts in flight per endpoint',
    parse: integer(1, 1_000),
    show: text,
  }),
  entry({
    setting: 'signingSecrets',
    variable: 'RINGBACK_SIGNING_SECRET',
    placeholder: 'LIST',
    fallback: null,
    secret: true,
    meaning:
      "whsec_… (HMAC) and whsk_… (Ed25519), as in Standard Webhooks; shared by all accounts, each of which can then forge to the others' receivers; a comma-separated list signs with all of them; unset: each account has its own",
    parse: (value) => {
      const secrets = items(value);
      for (const secret of secrets)
        if (isSigningKey(secret)) readSigningKey(secret);
        else
          try {
            decodeSecret(secret);
          } catch (cause) {
            throw new Error(
              'a secret is not whsec_ and the base64 of 24 to 64 bytes: make one with: echo "whsec_$(openssl rand -base64 32)"',
              { cause },
            );
          }
      return secrets;
    },
    unset: () => [],
    show: configured,
  }),
  entry({
    setting: 'inboxes',
    variable: 'RINGBACK_INBOXES',
    placeholder: 'on|off',
    fallback: 'on',
    meaning:
      'receivers of the server itself, under /inbox/: for trying things out, and for "ringback listen --forward". Callbacks reach them at RINGBACK_PUBLIC_URL, or at the listening address, which several processes on one database do not share: set RINGBACK_PUBLIC_URL for all of them',
    parse: (value) => oneOf(['on', 'off'])(value) === 'on',
    show: (value) => (value ? 'on' : 'off'),
  }),
  entry({
    setting: 'maxAudioBytes',
    variable: 'RINGBACK_MAX_AUDIO_BYTES',
    placeholder: 'SIZE',
    fallback: '1000MB',
    meaning: 'the largest audio file; over it: a clear error',
    parse: parseBytes,
    show: formatBytes,
  }),
  entry({
    setting: 'maxAudioSeconds',
    variable: 'RINGBACK_MAX_AUDIO_DURATION',
    placeholder: 'TIME',
    fallback: '10h',
    meaning: 'the longest audio; over it: a clear error',
    parse: (value) => duration(1_000, 7 * DAY)(value) / 1_000,
    show: (value) => formatDuration(value * 1_000),
  }),
  entry({
    setting: 'maxConcurrentJobs',
    variable: 'RINGBACK_MAX_CONCURRENT_JOBS',
    placeholder: 'N',
    fallback: '100',
    meaning:
      "transcriptions of one account at a time, in all processes; more of them wait and hold up nobody else's. off: no limit",
    ...limit,
  }),
  entry({
    setting: 'maxQueuedJobs',
    variable: 'RINGBACK_MAX_QUEUED_JOBS',
    placeholder: 'N',
    fallback: '10000',
    meaning: 'transcriptions of one account that may wait; more are refused with 429. off: no limit',
    ...limit,
  }),
  entry({
    setting: 'maxRequestsPerMinute',
    variable: 'RINGBACK_MAX_REQUESTS_PER_MINUTE',
    placeholder: 'N',
    fallback: '60000',
    meaning:
      'requests of one account within a minute, to one process; more are refused with 429. off: no limit',
    ...limit,
  }),
  entry({
    setting: 'maxUploads',
    variable: 'RINGBACK_MAX_UPLOADS',
    placeholder: 'N',
    fallback: '20',
    meaning: 'uploads of one account at a time, to one process; more are refused with 429. off: no limit',
    ...limit,
  }),
  entry({
    setting: 'maxEventStreams',
    variable: 'RINGBACK_MAX_EVENT_STREAMS',
    placeholder: 'N',
    fallback: '20',
    meaning:
      'open streams of GET /api/events per account, in one process, and as many of its inboxes; more are refused with 429. off: no limit',
    ...limit,
  }),
  entry({
    setting: 'maxRequestBytes',
    variable: 'RINGBACK_MAX_REQUEST_BYTES',
    placeholder: 'SIZE',
    fallback: '1MB',
    meaning: 'the largest JSON body of a request; over it: 413',
    parse: (value) => {
      const bytes = parseBytes(value);
      if (bytes < 1_000 || bytes > 100_000_000) throw new Error(`"${value}" is outside 1KB to 100MB`);
      return bytes;
    },
    show: formatBytes,
  }),
  entry({
    setting: 'retentionMs',
    variable: 'RINGBACK_RETENTION',
    placeholder: 'TIME',
    fallback: '365d',
    meaning: 'results, audio, delivery records and idle endpoints are removed after it',
    parse: duration(60_000, 36_500 * DAY),
    show: formatDuration,
  }),
  entry({
    setting: 'llmUrl',
    variable: 'RINGBACK_LLM_URL',
    placeholder: 'URL',
    fallback: null,
    meaning:
      'base of a chat-completions API, such as http://127.0.0.1:11434/v1, for the add-ons that need a language model; unset: these say that they are not configured',
    parse: (value) => url(value, ['http:', 'https:']),
    unset: () => null,
    show: (value) => (value === null ? 'not set' : new URL(value).origin),
  }),
  entry({
    setting: 'llmModel',
    variable: 'RINGBACK_LLM_MODEL',
    placeholder: 'NAME',
    fallback: null,
    meaning: 'the model asked for there; needed with RINGBACK_LLM_URL',
    parse: text,
    unset: () => null,
    show: (value) => value ?? 'not set',
  }),
  entry({
    setting: 'llmApiKey',
    variable: 'RINGBACK_LLM_API_KEY',
    placeholder: 'KEY',
    fallback: null,
    secret: true,
    meaning: 'sent there as Authorization: Bearer; unset: nothing is sent',
    parse: (value) => {
      if (!/^[\x21-\x7e]+$/.test(value)) throw new Error('it has characters that no header may carry');
      return value;
    },
    unset: () => null,
    show: configured,
  }),
  entry({
    setting: 'llmTimeoutMs',
    variable: 'RINGBACK_LLM_TIMEOUT',
    placeholder: 'TIME',
    fallback: '60s',
    meaning:
      'one question to it, from connection to last byte; after one that took longer a job asks no other, and in all it asks for ten times as long at most',
    parse: duration(100, 3_600_000),
    show: formatDuration,
  }),
  entry({
    setting: 'logLevel',
    variable: 'RINGBACK_LOG_LEVEL',
    placeholder: 'LEVEL',
    fallback: 'info',
    meaning: 'what is told on stdout: trace, debug, info, warn, error or silent',
    parse: oneOf(LOG_LEVELS),
    show: text,
  }),
  entry({
    setting: 'logFormat',
    variable: 'RINGBACK_LOG_FORMAT',
    placeholder: 'FORMAT',
    fallback: null,
    meaning: 'json, a line each; or pretty, for a person (unset: pretty where stdout is a terminal)',
    parse: oneOf(LOG_FORMATS),
    unset: () => null,
    show: (value) => value ?? 'by the terminal',
  }),
  entry({
    setting: 'otlpEndpoint',
    variable: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    placeholder: 'URL',
    fallback: null,
    meaning:
      'base of an OpenTelemetry collector, such as http://127.0.0.1:4318: traces go to /v1/traces there; unset: none are made',
    parse: (value) => url(value, ['http:', 'https:']),
    unset: () => null,
    show: shownUrl,
  }),
  entry({
    setting: 'otlpTracesEndpoint',
    variable: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    placeholder: 'URL',
    fallback: null,
    meaning: 'the whole URL for traces, instead',
    parse: (value) => url(value, ['http:', 'https:']),
    unset: () => null,
    show: shownUrl,
  }),
  entry({
    setting: 'otlpHeaders',
    variable: 'OTEL_EXPORTER_OTLP_HEADERS',
    placeholder: 'LIST',
    fallback: null,
    secret: true,
    meaning: 'headers for the collector, name=value, separated by commas, values percent-encoded',
    parse: headerList,
    unset: () => ({}),
    show: (value) => configured(Object.keys(value)),
  }),
  entry({
    setting: 'otlpProtocol',
    variable: 'OTEL_EXPORTER_OTLP_PROTOCOL',
    placeholder: 'NAME',
    fallback: 'http/protobuf',
    meaning: 'http/protobuf alone, which collectors take at port 4318',
    parse: oneOf(['http/protobuf']),
    show: text,
  }),
  entry({
    setting: 'otelServiceName',
    variable: 'OTEL_SERVICE_NAME',
    placeholder: 'NAME',
    fallback: null,
    meaning: 'service.name in traces; unset: that of OTEL_RESOURCE_ATTRIBUTES, or ringback',
    parse: text,
    unset: () => null,
    show: (value) => value ?? 'ringback',
  }),
  entry({
    setting: 'otelSampler',
    variable: 'OTEL_TRACES_SAMPLER',
    placeholder: 'NAME',
    fallback: 'parentbased_always_on',
    meaning: `which traces are recorded: ${SAMPLERS.join(', ')}`,
    parse: oneOf(SAMPLERS),
    show: text,
  }),
  entry({
    setting: 'otelSamplerRatio',
    variable: 'OTEL_TRACES_SAMPLER_ARG',
    placeholder: 'N',
    fallback: '1',
    meaning: 'of the samplers with a ratio: the part of all traces, from 0 to 1',
    parse: (value) => {
      const ratio = Number(value);
      if (!(ratio >= 0 && ratio <= 1)) throw new Error(`"${value}" is not a number from 0 to 1`);
      return ratio;
    },
    show: text,
  }),
  entry({
    setting: 'otelDisabled',
    variable: 'OTEL_SDK_DISABLED',
    placeholder: 'BOOLEAN',
    fallback: 'false',
    meaning: 'true: no traces are made, whatever collector is named',
    parse: (value) => oneOf(['true', 'false'])(value.toLowerCase()) === 'true',
    show: text,
  }),
] as const;

/**
 * What the commands that call a running server read. `serve` knows them and has no use for them, so that one `.env` may
 * stand for both.
 */
export const CLIENT_VARIABLES = [
  {
    variable: 'RINGBACK_URL',
    flag: 'url',
    placeholder: 'URL',
    fallback: 'http://127.0.0.1:4747',
    meaning: 'the running server to call',
  },
  {
    variable: 'RINGBACK_API_KEY',
    flag: 'key',
    placeholder: 'KEY',
    fallback: null,
    meaning: 'the API key to call it with; better as a variable: flags are seen by every user of the machine',
  },
  {
    variable: 'RINGBACK_PROFILE',
    flag: 'profile',
    placeholder: 'NAME',
    fallback: null,
    meaning: 'the server and key that were kept under this name with "ringback login"',
  },
] as const;

/** Every problem at once, each naming its variable, so one restart is enough. */
export class SettingsError extends Error {
  readonly code = 'settings_invalid';
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'SettingsError';
  }
}

/** `RINGBACK_MAX_AUDIO_BYTES` becomes `max-audio-bytes`. */
export function flagOf(variable: string): string {
  return variable
    .replace(/^RINGBACK_/, '')
    .toLowerCase()
    .replaceAll('_', '-');
}

/**
 * Flags before environment before `.env` before defaults, all keyed by variable name. An empty value counts as unset.
 * Throws {@link SettingsError} with one line per bad value, and one per unknown RINGBACK_ variable (a typo would
 * otherwise be silently ignored).
 */
export function readSettings(...layers: readonly Readonly<Record<string, string | undefined>>[]): Settings {
  const problems: string[] = [];
  const written = (variable: string) => layers.map((layer) => layer[variable]).find((value) => value);
  const dataDirectory = resolve(written('RINGBACK_DATA_DIR') ?? './data');
  const settings: Partial<Record<keyof Settings, unknown>> = {};
  for (const row of SETTINGS) {
    const value = written(row.variable) ?? row.fallback;
    try {
      settings[row.setting] =
        value === null
          ? (row as Entry<keyof Settings>).unset?.(dataDirectory)
          : row.parse(value, dataDirectory);
    } catch (error) {
      problems.push(`${row.variable}: ${(error as Error).message}`);
    }
  }
  const known = new Set<string>([...SETTINGS, ...CLIENT_VARIABLES].map((row) => row.variable));
  for (const name of new Set(layers.flatMap((layer) => Object.keys(layer))))
    if (name.startsWith('RINGBACK_') && !known.has(name))
      problems.push(`${name}: there is no such setting; "ringback serve --help" lists them`);
  if (settings.llmUrl && !settings.llmModel)
    problems.push('RINGBACK_LLM_MODEL: name the model that RINGBACK_LLM_URL is to be asked for');
  if (problems.length > 0) throw new SettingsError(problems);
  return settings as Settings;
}

/**
 * Why this server would write addresses that lead nowhere into its answers and callbacks; null when it would not. Every
 * problem but this one can be told of a setting alone.
 */
export function publicUrlTrouble({ publicUrl, roles, host }: Settings): string | null {
  if (publicUrl !== null) return null;
  if (roles.includes('api'))
    return isEveryInterface(host)
      ? `RINGBACK_PUBLIC_URL: RINGBACK_HOST is ${host}, every interface, which is no address to call: set it to the URL at which clients and receivers reach this server, such as https://stt.example.org`
      : null;
  return roles.includes('transcribe')
    ? 'RINGBACK_PUBLIC_URL: a process that transcribes without the api role cannot know the address for result_url in callbacks: set it to the URL at which receivers reach the API, such as https://stt.example.org'
    : null;
}

/** In any spelling: 0.0.0.0, 0, ::, 0:0:0:0:0:0:0:0. */
export function isEveryInterface(address: string): boolean {
  const url = `http://${address.includes(':') ? `[${address.replace(/^\[|\]$/g, '')}]` : address}`;
  if (!URL.canParse(url)) return false;
  return ['0.0.0.0', '[::]', '[::ffff:0:0]'].includes(new URL(url).hostname);
}

/** What the start-up log shows: one value per variable, secrets reduced to "set" or "not set". */
export function describeSettings(settings: Settings): Record<string, string> {
  return Object.fromEntries(
    SETTINGS.map((row) => [row.variable, (row as Entry<keyof Settings>).show(settings[row.setting])]),
  );
}
