// Two programs on one database: what one commits, the other hears of at once, and acts on.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { beforeAll, expect, test } from 'vitest';
import { createLog } from '../src/log.ts';
import { type Ringback, startRingback } from '../src/main.ts';
import { readSettings } from '../src/settings.ts';
import { API_KEY, clientOf } from './rig/app.ts';
import { openAnyDelivery } from './rig/delivery.ts';
import { migratedDatabase } from './rig/postgres.ts';
import { type Receiver, startReceiver } from './rig/receiver.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let receiver: Receiver;
/** One takes requests alone, the other sends as well. */
let api: Ringback;
let sender: Ringback;

beforeAll(async () => {
  database = await migratedDatabase();
  receiver = await startReceiver();
  const folder = await mkdtemp(join(tmpdir(), 'ringback-two-'));
  const start = (role: string) =>
    startRingback(
      readSettings({
        RINGBACK_DATA_DIR: folder,
        DATABASE_URL: database.url,
        RINGBACK_API_KEYS: API_KEY,
        RINGBACK_PORT: '0',
        RINGBACK_ROLE: role,
        RINGBACK_ALLOW_NETWORKS: '127.0.0.0/8',
        RINGBACK_LOG_LEVEL: 'silent',
      }),
      createLog('silent'),
    );
  api = await start('api');
  sender = await start('api,deliver');
  return async () => {
    await sender.stop();
    await api.stop();
    await receiver.close();
    await database.drop();
    await rm(folder, { recursive: true });
  };
});

test('an event stream of one tells what was submitted at the other', async () => {
  const closing = new AbortController();
  const stream = await fetch(`${api.url}/api/events`, {
    headers: { 'x-gladia-key': API_KEY },
    signal: closing.signal,
  });
  const submitted = await clientOf(sender.url as string).call('POST', '/v2/pre-recorded', {
    audio_url: 'https://cdn.example.org/a.mp3',
  });
  let text = '';
  for await (const chunk of stream.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    if (text.includes(submitted.json.id)) break;
  }
  expect(text).toContain(`data: ${JSON.stringify({ id: submitted.json.id, status: 'queued' })}`);
  closing.abort();
});

test('a secret that was rotated at one signs at once what the other sends', async () => {
  const client = clientOf(api.url as string);
  const [{ account_id: account } = { account_id: '' }] = await database.db
    .selectFrom('api_key')
    .select('account_id')
    .execute();
  const send = async () => {
    await openAnyDelivery(database.db, account, `${receiver.url}/hooks`);
    const [request] = await receiver.next();
    return request;
  };
  // Looked up, and remembered for five seconds.
  await send();
  const rotated = await client.call('POST', '/api/signing-secrets/rotate', { overlap_seconds: 0 });
  const request = await send();
  const secret = new Webhook(rotated.json.items[0].secret);
  expect(() => secret.verify(String(request?.body), request?.headers ?? {})).not.toThrow();
});
