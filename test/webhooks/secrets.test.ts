// What signs a webhook's deliveries: its own secrets and no others, through rotations, to an inbox of the account, and after
// the webhook is gone.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createLog } from '../../src/log.ts';
import { type Ringback, startRingback } from '../../src/main.ts';
import { readSettings } from '../../src/settings.ts';
import { sweepWebhooks } from '../../src/store/webhooks.ts';
import { API_KEY, clientOf } from '../rig/app.ts';
import { eventually } from '../rig/eventually.ts';
import { migratedDatabase } from '../rig/postgres.ts';
import { type ReceivedRequest, type Receiver, startReceiver } from '../rig/receiver.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let folder: string;
let program: Ringback;
let app: ReturnType<typeof clientOf>;
let receiver: Receiver;

beforeAll(async () => {
  database = await migratedDatabase();
  folder = await mkdtemp(join(tmpdir(), 'ringback-webhook-secrets-'));
  program = await startRingback(
    readSettings({
      RINGBACK_DATA_DIR: folder,
      DATABASE_URL: database.url,
      RINGBACK_API_KEYS: API_KEY,
      RINGBACK_PORT: '0',
      RINGBACK_ROLE: 'api,deliver',
      RINGBACK_ALLOW_NETWORKS: '127.0.0.0/8',
      RINGBACK_LOG_LEVEL: 'silent',
    }),
    createLog('silent'),
  );
  app = clientOf(program.url as string);
});
afterAll(async () => {
  await program.stop();
  await database.drop();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(() => receiver.close());

const make = async (url = `${receiver.url}/hooks`) =>
  (await app.call('POST', '/api/webhooks', { url, events: ['transcription.success'] })).json;
const sendTest = async (id: string) => (await app.call('POST', `/api/webhooks/${id}/test`, {})).json;
const rotate = async (id: string, overlap_seconds: number): Promise<string> =>
  (await app.call('POST', `/api/webhooks/${id}/secret/rotate`, { overlap_seconds })).json.secret;

function signedBy(request: ReceivedRequest | undefined, secrets: readonly string[]): boolean[] {
  return secrets.map((secret) => {
    try {
      new Webhook(secret).verify(request?.body.toString() ?? '', request?.headers ?? {});
      return true;
    } catch {
      return false;
    }
  });
}

test('during the overlap the old and the new secret both sign, without one the new alone; another webhook keeps its own', async () => {
  const { id, secret: first } = await make();
  const other = await make();
  const second = await rotate(id, 60);
  await sendTest(id);
  const [both] = await receiver.next();
  expect(signedBy(both, [first, second, other.secret])).toEqual([true, true, false]);
  const third = await rotate(id, 0);
  await sendTest(id);
  const [alone] = await receiver.next();
  // The first one's overlap goes on.
  expect(signedBy(alone, [first, second, third])).toEqual([true, false, true]);
  await sendTest(other.id);
  const [theirs] = await receiver.next();
  expect(signedBy(theirs, [other.secret, third])).toEqual([true, false]);
});

test("an inbox of the account takes its webhooks' signatures for valid", async () => {
  const { json: inbox } = await app.call('POST', '/api/inboxes', { name: 'of webhooks' });
  const { id } = await make(inbox.address);
  await sendTest(id);
  const { json } = await eventually(
    () => app.call('GET', `/api/inboxes/${inbox.id}/requests`),
    (answer) => answer.json.items.length === 1,
  );
  expect(json.items[0].signature).toBe('valid');
});

test('a deleted webhook is swept with its secrets once nothing can be under way, and what is sent again is signed by the account', async () => {
  const { id, secret } = await make();
  const delivery = await sendTest(id);
  await receiver.next();
  await eventually(
    () => app.call('GET', `/api/callbacks/${delivery.id}`),
    ({ json }) => json.state === 'delivered',
  );
  await app.call('DELETE', `/api/webhooks/${id}`);
  const { db } = database;
  const rows = () => db.selectFrom('webhook').select('id').where('id', '=', id).execute();
  await sweepWebhooks(db);
  expect(await rows()).toHaveLength(1);
  await db
    .updateTable('webhook')
    .set({ deleted_at: new Date(0) })
    .where('id', '=', id)
    .execute();
  await sweepWebhooks(db);
  expect(await rows()).toEqual([]);
  await app.call('POST', `/api/callbacks/${delivery.id}/resend`);
  const [again] = await receiver.next();
  const { json } = await app.call('GET', '/api/signing-secrets');
  expect(signedBy(again, [secret, json.items[0].secret])).toEqual([false, true]);
});
