// The whole program on a fresh database and folder, on port 0, with the real model; plus a client for it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../src/log.ts';
import { startRingback } from '../../src/main.ts';
import { readSettings } from '../../src/settings.ts';
import { eventually } from './eventually.ts';
import { freshDatabase } from './postgres.ts';

export const API_KEY = 'rb_test_0123456789abcdef';

// biome-ignore lint/suspicious/noExplicitAny: bodies are what the tests are about; each asserts their shape
export type Answer = { status: number; json: any; text: string };

export type App = {
  url: string;
  signingSecret: string;
  /** Its data folder. */
  folder: string;
  databaseUrl: string;
  /** What it has logged, where it was told to log. */
  log: Record<string, unknown>[];
  call(method: string, path: string, body?: object): Promise<Answer>;
  upload(bytes: Uint8Array, filename: string): Promise<Answer>;
  /** The record once the job has ended. */
  ended(id: string, withinMs?: number): Promise<Answer['json']>;
  stop(): Promise<void>;
};

export async function startApp(settings: Record<string, string> = {}): Promise<App> {
  const log: App['log'] = [];
  const level = settings.RINGBACK_LOG_LEVEL === 'info' ? 'info' : 'silent';
  const folder = await mkdtemp(join(tmpdir(), 'ringback-app-'));
  const database = await freshDatabase();
  const ringback = await startRingback(
    readSettings(settings, {
      RINGBACK_DATA_DIR: folder,
      DATABASE_URL: database.url,
      RINGBACK_API_KEYS: API_KEY,
      RINGBACK_PORT: '0',
      RINGBACK_ALLOW_NETWORKS: '127.0.0.0/8',
      RINGBACK_LOG_LEVEL: 'silent',
    }),
    createLog(level, { write: (line) => log.push(JSON.parse(line)) }),
  );
  const client = clientOf(ringback.url as string);
  const secrets = await client.call('GET', '/api/signing-secrets');
  return {
    ...client,
    signingSecret: secrets.json.items[0].secret,
    folder,
    databaseUrl: database.url,
    log,
    async stop() {
      await ringback.stop();
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function clientOf(url: string, key = API_KEY) {
  const headers = { 'x-gladia-key': key };
  const answer = async (response: Response): Promise<Answer> => {
    const text = await response.text();
    return { status: response.status, text, json: text === '' ? null : JSON.parse(text) };
  };
  const call = async (method: string, path: string, body?: object) =>
    answer(
      await fetch(`${url}${path}`, {
        method,
        headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
      }),
    );
  return {
    url,
    call,
    async upload(bytes: Uint8Array, filename: string) {
      const form = new FormData();
      form.set('audio', new Blob([Buffer.from(bytes)]), filename);
      return answer(await fetch(`${url}/v2/upload`, { method: 'POST', headers, body: form }));
    },
    async ended(id: string, withinMs = 50_000) {
      const last = await eventually(
        () => call('GET', `/v2/pre-recorded/${id}`),
        ({ json }) => json.status === 'done' || json.status === 'error',
        withinMs,
      );
      return last.json;
    },
  };
}
