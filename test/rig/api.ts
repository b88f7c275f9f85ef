// The HTTP side on a fresh database and folder; decoding and downloading stand outside.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { JobError } from '../../src/errors.ts';
import { InboxHub } from '../../src/http/inbox-hub.ts';
import type { Limits } from '../../src/http/limits.ts';
import { Listeners } from '../../src/http/listeners.ts';
import { buildServer, type HttpDeps } from '../../src/http/server.ts';
import { judgeUrl, MAX_AUDIO_URL_LENGTH, MAX_URL_LENGTH } from '../../src/outbound/url.ts';
import { ShortageLog } from '../../src/shortage-log.ts';
import { generateSecret } from '../../src/signature.ts';
import { type AudioFolder, openAudioFolder } from '../../src/store/audio.ts';
import type { TellingDb } from '../../src/store/database.ts';
import { unfinishedAmong } from '../../src/store/jobs.ts';
import { accountFinder, createKey } from '../../src/store/keys.ts';
import { countWaiting } from '../../src/store/next-job.ts';
import { submitter } from '../../src/store/submissions.ts';
import { NO_TRACING } from '../../src/trace.ts';
import { cancelTranscription } from '../../src/transcribe/cancel.ts';
import { migratedDatabase } from './postgres.ts';

export const NO_LIMITS: Limits = {
  requestsPerMinute: null,
  queuedJobs: null,
  uploads: null,
  requestBytes: 1_000_000,
};

const CALLBACK = {
  format: 'short',
  publicUrl: () => 'https://stt.example.org',
  firstWaitMs: () => 0,
} as const;

export type Call = {
  method?: 'GET' | 'POST' | 'DELETE';
  url: string;
  body?: object | string | Buffer;
  headers?: Record<string, string>;
  /** Another account's key. */
  as?: string;
};

export type Api = {
  server: FastifyInstance;
  db: TellingDb;
  databaseUrl: string;
  listeners: Listeners;
  audio: AudioFolder;
  /** Where the audio is. */
  folder: string;
  account: string;
  key: string;
  /** A key of another account. */
  stranger: string;
  // biome-ignore lint/suspicious/noExplicitAny: bodies are what the tests are about; each asserts their shape
  call(call: Call): Promise<{ status: number; headers: Record<string, unknown>; text: string; json: any }>;
  stop(): Promise<void>;
};

/** `reach`: the database as the server sees it, where that is not the database itself (a proxy that can fail). */
export async function startApi(
  deps: Partial<HttpDeps> = {},
  reach: (url: string) => Promise<TellingDb | null> = async () => null,
): Promise<Api> {
  const database = await migratedDatabase();
  const { db } = database;
  const folder = await mkdtemp(join(tmpdir(), 'ringback-api-'));
  const audio = await openAudioFolder(folder);
  const judge = (longest: number) => (url: string) => {
    const verdict = judgeUrl(url, { allow: [], own: [] }, longest);
    return verdict.ok ? null : verdict.message;
  };
  const log = pino({ level: 'silent' });
  const listeners = new Listeners({
    unfinishedAmong: (ids) => unfinishedAmong(db, ids),
    streamsPerAccount: 2,
    log,
  });
  const hub = new InboxHub({ db, log, streamsPerAccount: 2 });
  const deaf = db.teller.hear((news) => {
    listeners.heard(news);
    hub.heard(news);
  });
  const reached = (await reach(database.url)) ?? db;
  const server = await buildServer({
    db: reached,
    submit: submitter(reached),
    cancelJob: (accountId, id) =>
      cancelTranscription({ db: reached, audio, callback: CALLBACK, log }, accountId, id),
    listeners,
    queueDepth: () => countWaiting(db),
    limits: NO_LIMITS,
    front: { connections: 1_000 },
    audio,
    tracing: NO_TRACING,
    log,
    version: '0.0.0',
    model: 'moonshine-base',
    publicUrl: () => 'https://stt.example.org',
    callback: CALLBACK,
    inboxes: { hub, waitMs: 5_000, checkSignature: async () => null },
    maxBytes: 1_000_000,
    findAccount: accountFinder(db),
    judge: { audio: judge(MAX_AUDIO_URL_LENGTH), callback: judge(MAX_URL_LENGTH) },
    fetchAudio: async () => {
      throw new JobError('audio_unreachable', 'The audio host could not be reached.');
    },
    room: async () => {},
    extension: async (_path, named) => named,
    probe: async () => ({ durationSeconds: 1.5, channels: 2 }),
    serverSecrets: ['whsec_server'],
    newSecret: generateSecret,
    draining: () => false,
    loading: () => false,
    shortages: new ShortageLog({ log, now: () => performance.now() }),
    shortNow: async () => [],
    ...deps,
  });
  const { key, accountId: account } = await createKey(db, 'mine');
  const { key: stranger } = await createKey(db, 'theirs');
  return {
    server,
    db,
    databaseUrl: database.url,
    listeners: deps.listeners ?? listeners,
    audio,
    folder,
    account,
    key,
    stranger,
    async call({ method = 'GET', url, body, headers, as = key }) {
      const response = await server.inject({
        method,
        url,
        headers: {
          'x-gladia-key': as,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { payload: body }),
      });
      const text = response.body;
      const json = text === '' ? null : JSON.parse(text);
      return { status: response.statusCode, headers: response.headers, text, json };
    },
    async stop() {
      await server.close();
      deaf();
      await database.drop();
      await rm(folder, { recursive: true });
    },
  };
}
