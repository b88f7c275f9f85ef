// A signing secret per account: from its beginning, seen by its owner alone, and signing its callbacks alone; what signed
// before an upgrade goes on signing.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLog } from '../src/log.ts';
import { startRingback } from '../src/main.ts';
import { readSettings } from '../src/settings.ts';
import { generateSecret } from '../src/signature.ts';
import { createFirstKey, createKey, createOwnKey, settleKeys } from '../src/store/keys.ts';
import { rotateSigningSecret, secretsInForce, secretsInForceOf } from '../src/store/signing-secrets.ts';
import { insertAccount } from './rig/account.ts';
import { clientOf } from './rig/app.ts';
import { openAnyDelivery } from './rig/delivery.ts';
import { migratedDatabase } from './rig/postgres.ts';
import { startReceiver } from './rig/receiver.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let folder: string;
let stops: (() => Promise<unknown>)[];

beforeEach(async () => {
  database = await migratedDatabase();
  folder = await mkdtemp(join(tmpdir(), 'ringback-secrets-'));
  stops = [() => rm(folder, { recursive: true }), () => database.drop()];
});
afterEach(async () => {
  for (const stop of stops.toReversed()) await stop();
});

async function start(settings: Record<string, string> = {}) {
  const ringback = await startRingback(
    readSettings(settings, {
      RINGBACK_DATA_DIR: folder,
      DATABASE_URL: database.url,
      RINGBACK_PORT: '0',
      RINGBACK_ROLE: 'api,deliver',
      RINGBACK_ALLOW_NETWORKS: '127.0.0.0/8',
      RINGBACK_LOG_LEVEL: 'silent',
    }),
    createLog('silent'),
  );
  stops.push(() => ringback.stop());
  return ringback;
}

type Shown = { secret?: string; public_key?: string; source: string; expires_at: string | null };
const shownTo = async (url: string | null, key: string): Promise<Shown[]> =>
  (await clientOf(url as string, key).call('GET', '/api/signing-secrets')).json.items;

/** Accounts as a version before this one left them. */
async function oldAccounts(count: number) {
  const made = [];
  for (let n = 0; n < count; n++) made.push(await createKey(database.db, `old ${n}`));
  await database.db.deleteFrom('signing_secret').execute();
  return made;
}

test('however an account comes to be, it has a secret of its own; another key of it makes no other', async () => {
  const { db } = database;
  await createFirstKey(db);
  await settleKeys(db, ['rb_configured_0123456789', 'rb_configured_9876543210']);
  const { accountId } = await createKey(db, 'by command');
  await createKey(db, 'another key', { id: accountId });
  await createOwnKey(db, accountId, 'its own');
  const secrets = await db
    .selectFrom('signing_secret')
    .select(['account_id', 'secret', 'expires_at'])
    .execute();
  const accounts = await db.selectFrom('account').select('id').execute();
  expect(accounts).toHaveLength(4);
  expect(new Set(secrets.map((row) => row.account_id))).toEqual(new Set(accounts.map(({ id }) => id)));
  expect(new Set(secrets.map(({ secret }) => secret)).size).toBe(4);
  // One that was made by other means gets its own when it is first needed, and only one.
  const raw = await insertAccount(db);
  const found = await Promise.all(Array.from({ length: 5 }, () => secretsInForce(db, raw, false)));
  expect(new Set(found.flat().map(({ secret }) => secret)).size).toBe(1);
});

test("each account's callbacks are signed with its own secret, which the other is never shown", async () => {
  const { url } = await start();
  const receiver = await startReceiver();
  stops.push(() => receiver.close());
  const both = [await createKey(database.db, 'one'), await createKey(database.db, 'two')];
  const secrets: Webhook[] = [];
  for (const { key } of both) {
    const shown = await shownTo(url, key);
    expect(shown).toEqual([
      { secret: expect.any(String), source: 'account', created_at: expect.any(String), expires_at: null },
    ]);
    secrets.push(new Webhook(shown[0]?.secret as string));
  }
  for (const { accountId } of both)
    await openAnyDelivery(database.db, accountId, `${receiver.url}/${accountId}`);
  const requests = await receiver.next(2);
  for (const [n, { accountId }] of both.entries()) {
    const request = requests.find(({ path }) => path === `/${accountId}`);
    const check = (secret: Webhook | undefined) =>
      secret?.verify(String(request?.body), request?.headers ?? {});
    expect(() => check(secrets[n])).not.toThrow();
    expect(() => check(secrets[1 - n])).toThrow();
  }
  // Nothing is kept in the data folder any more.
  expect(await readdir(folder)).not.toContain('signing-secret');
});

test('accounts from before keep the secret their receivers know; those made after have their own', async () => {
  const before = generateSecret();
  await writeFile(join(folder, 'signing-secret'), `${before}\n`);
  const old = await oldAccounts(2);
  const first = await start();
  for (const { key } of old) expect(await shownTo(first.url, key)).toMatchObject([{ secret: before }]);
  const young = await createKey(database.db, 'young');
  expect((await shownTo(first.url, young.key))[0]?.secret).not.toBe(before);
  // From then on it is the account's: whatever becomes of the file.
  await first.stop();
  await writeFile(join(folder, 'signing-secret'), `${generateSecret()}\n`);
  const second = await start();
  expect(await shownTo(second.url, old[0]?.key as string)).toMatchObject([{ secret: before }]);
  await second.stop();
  await writeFile(join(folder, 'signing-secret'), 'nonsense\n');
  await expect(start()).rejects.toThrow('remove the file to have one made for each account');
});

test("a secret in the settings is shared by all accounts, until one rotates; then the account's own sign, the shared one along", async () => {
  const shared = generateSecret();
  const { url } = await start({ RINGBACK_SIGNING_SECRET: shared });
  const { key } = await createKey(database.db, 'one');
  const { key: other } = await createKey(database.db, 'two');
  for (const one of [key, other])
    expect(await shownTo(url, one)).toEqual([
      { secret: shared, source: 'server', created_at: null, expires_at: null },
    ]);
  const rotate = (overlap_seconds: number) =>
    clientOf(url as string, key).call('POST', '/api/signing-secrets/rotate', { overlap_seconds });
  await rotate(60);
  const [mine, ...along] = await shownTo(url, key);
  expect(mine).toMatchObject({ source: 'account', expires_at: null });
  expect(along).toMatchObject([{ secret: shared, expires_at: expect.any(String) }]);
  expect(await shownTo(url, other)).toMatchObject([{ secret: shared, source: 'server' }]);
  await rotate(0);
  // What was on its way out already stays so long as it was promised.
  expect(await shownTo(url, key)).toMatchObject([
    { source: 'account', expires_at: null },
    { secret: shared, expires_at: expect.any(String) },
  ]);
});

test('an account without shared secrets rotates: the first one signs along, and is over with the overlap', async () => {
  const { db } = database;
  const { accountId } = await createKey(db, 'one');
  const [first] = await secretsInForce(db, accountId, false);
  const rotate = (secret: string, overlapMs: number) =>
    rotateSigningSecret(db, accountId, { secret, overlapMs, inherited: [] });
  const inForce = async (shared = false) =>
    (await secretsInForce(db, accountId, shared)).map(({ secret }) => secret);
  await rotate('whsec_second', 60_000);
  expect(await inForce()).toEqual(['whsec_second', first?.secret]);
  // What its owner asked for goes before a setting that comes later.
  expect(await inForce(true)).toEqual(['whsec_second', first?.secret]);
  await rotate('whsec_third', 0);
  expect(await inForce()).toEqual(['whsec_third', first?.secret]);
});

test('what signs for several accounts is looked up at once, as for each; one from before is given its first', async () => {
  const { db } = database;
  const [rotated, fresh, old] = [
    await createKey(db, 'one'),
    await createKey(db, 'two'),
    await createKey(db, 'three'),
  ];
  await rotateSigningSecret(db, rotated.accountId, { secret: 'whsec_new', overlapMs: 60_000, inherited: [] });
  await db.deleteFrom('signing_secret').where('account_id', '=', old.accountId).execute();
  const ids = [rotated, fresh, old].map(({ accountId }) => accountId);
  for (const shared of [true, false]) {
    const found = await secretsInForceOf(db, ids, shared);
    for (const id of ids)
      expect(found.get(id)?.map(({ secret }) => secret)).toEqual(
        (await secretsInForce(db, id, shared)).map(({ secret }) => secret),
      );
  }
  const [current, before] = (await secretsInForceOf(db, ids, false)).get(rotated.accountId) ?? [];
  expect(current?.leftMs).toBeNull();
  expect(before?.leftMs).toBeGreaterThan(50_000);
  expect(before?.leftMs).toBeLessThan(60_000);
});
