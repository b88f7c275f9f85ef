// The deliver role whole: a real database, real sockets, a real receiver; only time is shortened, by the schedule.
import { randomUUID } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { accountSecrets } from '../../src/deliver/account-secrets.ts';
import { type DeliverDeps, startDeliver } from '../../src/deliver/start.ts';
import { parseNetworks } from '../../src/outbound/address.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { generateSecret, verify } from '../../src/signature.ts';
import type { DeliveryChange } from '../../src/store/changes.ts';
import { openDatabase } from '../../src/store/database.ts';
import { findDelivery, listAttempts, resend } from '../../src/store/deliveries.ts';
import { readFigures } from '../../src/store/figures.ts';
import { rotateSigningSecret, secretsInForceOf } from '../../src/store/signing-secrets.ts';
import { insertAccount } from '../rig/account.ts';
import { ANY_DELIVER } from '../rig/deliver-deps.ts';
import { openAnyDelivery } from '../rig/delivery.ts';
import { eventually } from '../rig/eventually.ts';
import { migratedDatabase } from '../rig/postgres.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let outbound: Outbound;
let account: string;
let receiver: Receiver;
let stops: (() => Promise<void>)[];
const secrets = [generateSecret(), generateSecret()];

beforeAll(async () => {
  database = await migratedDatabase();
  outbound = new Outbound({ policy: { allow: parseNetworks(['127.0.0.0/8']), own: [] } });
  const { db } = database;
  account = await insertAccount(db);
});
afterAll(async () => {
  outbound.close();
  await database.drop();
});
beforeEach(async () => {
  receiver = await startReceiver();
  stops = [() => receiver.close()];
});
afterEach(async () => {
  for (const stop of stops.toReversed()) await stop();
});

async function deliver(options: Partial<DeliverDeps> = {}): Promise<() => Promise<void>> {
  let stopping: Promise<void> | undefined;
  const stopRole = await startDeliver({
    ...ANY_DELIVER,
    database,
    outbound,
    secretsOf: async () => secrets,
    schedule: [0, 1, 1],
    deadlineMs: 5_000,
    ...options,
  });
  const stop = () => {
    stopping ??= stopRole();
    return stopping;
  };
  stops.push(stop);
  return stop;
}

function open(
  url = `${receiver.url}/hooks?job=1`,
  method: 'POST' | 'PUT' = 'POST',
  more: { gzip?: boolean } = {},
): Promise<string> {
  const id = randomUUID();
  return openAnyDelivery(database.db, account, url, {
    jobId: id,
    method,
    fullBody: Buffer.from(`{"id":"${id}","payload":{"text":"naïve  café"}}`),
    referenceBody: Buffer.from(`{"id":"${id}","reason":"payload_too_large"}`),
    ...more,
  });
}

const see = async (id: string) => {
  const row = await findDelivery(database.db, account, id);
  const attempts = await listAttempts(database.db, [id]);
  return { state: row?.state, reason: row?.reason, attempts };
};
const ended = (id: string) =>
  eventually(
    () => see(id),
    ({ state }) => state === 'delivered' || state === 'failed',
  );

test('a callback arrives signed, with the query intact, and the attempt is on record', async () => {
  receiver.setResponse({ status: 201, body: 'thanks' });
  await deliver();
  const id = await open(undefined, 'PUT');
  const [request] = await receiver.next();
  expect(request).toMatchObject({
    method: 'PUT',
    path: '/hooks?job=1',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'Ringback/9.9.9',
      'webhook-id': id,
      'ringback-attempt': '1',
    },
  });
  for (const secret of secrets)
    new Webhook(secret).verify(request?.body.toString() ?? '', request?.headers ?? {});
  const { state, attempts } = await ended(id);
  expect(state).toBe('delivered');
  expect(attempts).toMatchObject([
    {
      number: 1,
      status: 201,
      outcome: 'delivered',
      address: '127.0.0.1',
      answer_bytes: 6,
      answer_truncated: false,
    },
  ]);
  expect(attempts[0]?.answer_head?.toString()).toBe('thanks');
});

test('compression: gzip sends the same JSON packed, and signs the JSON', async () => {
  await deliver();
  const id = await open(undefined, 'POST', { gzip: true });
  const [request] = await receiver.next();
  expect(request?.headers['content-encoding']).toBe('gzip');
  const body = gunzipSync(request?.body as Buffer).toString();
  expect(JSON.parse(body).payload.text).toBe('naïve  café');
  new Webhook(secrets[0] as string).verify(body, request?.headers ?? {});
  expect((await ended(id)).state).toBe('delivered');
});

test('an account with secrets of its own: rotation lets old and new sign for the overlap, then the new one alone', async () => {
  const { db } = database;
  const own = [generateSecret(), generateSecret()] as const;
  const rotate = (secret: string, overlapMs: number) =>
    rotateSigningSecret(db, account, { secret, overlapMs, inherited: secrets });
  const validOf = (headers: Record<string, string>, body: string) =>
    [...secrets, ...own].map((secret) => verify(secret, headers, body).ok);
  // What signs is told to nobody here: every attempt sees it by itself.
  const secretsOf = accountSecrets({
    serverSecrets: secrets,
    list: (ids) => secretsInForceOf(db, ids, true),
    now: () => performance.now(),
  });
  await deliver({ secretsOf });
  const next = async () => {
    await open();
    const [request] = await receiver.next();
    return validOf(request?.headers ?? {}, request?.body.toString() ?? '');
  };
  expect(await next()).toEqual([true, true, false, false]);
  await rotate(own[0], 60_000);
  expect(await next()).toEqual([true, true, true, false]);
  await rotate(own[1], 0);
  expect(await next()).toEqual([true, true, false, true]);
  await db.deleteFrom('signing_secret').execute();
});

test('failures are tried again by the schedule, with the same id and the same bytes', async () => {
  let count = 0;
  receiver.setResponse(() => ({ status: ++count < 3 ? 500 : 200 }));
  await deliver();
  const id = await open();
  const requests = await receiver.next(3);
  expect((await ended(id)).state).toBe('delivered');
  expect(requests.map((request) => request.headers['ringback-attempt'])).toEqual(['1', '2', '3']);
  expect(new Set(requests.map((request) => request.headers['webhook-id']))).toEqual(new Set([id]));
  expect(new Set(requests.map((request) => request.body.toString())).size).toBe(1);
});

test('a schedule that is used up ends as failed, with the reason; a resend has a full schedule and the same id', async () => {
  receiver.setResponse({ status: 500 });
  await deliver();
  const id = await open();
  const { state, reason, attempts } = await ended(id);
  expect([state, attempts.length]).toEqual(['failed', 3]);
  expect(reason).toBe('all 3 attempts of the schedule failed; the last: status 500');
  receiver.setResponse({ status: 200 });
  expect(await resend(database.db, account, id)).toBe('resent');
  await receiver.next(4);
  expect(receiver.requests.at(-1)?.headers).toMatchObject({ 'webhook-id': id, 'ringback-attempt': '4' });
  const after = await ended(id);
  expect(after.attempts.map((row) => row.trigger)).toEqual(['schedule', 'schedule', 'schedule', 'resend']);
});

test('413: the reference form follows at once; a second 413 fails', async () => {
  receiver.setResponse((request) => ({ status: request.body.includes('payload"') ? 413 : 200 }));
  await deliver({ schedule: [0, 3_600_000] });
  const id = await open();
  const [full, reference] = await receiver.next(2);
  expect(full?.body.toString()).toContain('"payload"');
  expect(reference?.body.toString()).toContain('"reason":"payload_too_large"');
  expect(reference?.headers['webhook-id']).toBe(id);
  expect((await ended(id)).state).toBe('delivered');
  receiver.setResponse({ status: 413 });
  expect(await ended(await open())).toMatchObject({
    state: 'failed',
    reason: expect.stringContaining('413'),
  });
});

test('410 stops for good', async () => {
  receiver.setResponse({ status: 410 });
  await deliver();
  expect(await ended(await open())).toMatchObject({ state: 'failed', attempts: [{ outcome: 'gone' }] });
});

test('a private address is refused before anything is sent, without being named', async () => {
  const guarded = new Outbound({ policy: { allow: [], own: [] } });
  await deliver({ outbound: guarded, schedule: [0] });
  const { state, attempts } = await ended(await open());
  guarded.close();
  expect(state).toBe('failed');
  expect(attempts).toMatchObject([{ error_class: 'blocked_address', status: null, address: null }]);
  expect(receiver.connections).toBe(0);
});

test('never more attempts at a time at one endpoint than allowed, and all arrive', async () => {
  let now = 0;
  let most = 0;
  receiver.setResponse(async () => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setImmediate(resolve));
    now--;
    return { status: 200 };
  });
  await deliver({ endpointConcurrency: 3 });
  const ids = await Promise.all(Array.from({ length: 40 }, () => open()));
  await receiver.next(40);
  for (const id of ids) expect((await ended(id)).state).toBe('delivered');
  expect(receiver.requests).toHaveLength(40);
  expect(most).toBeLessThanOrEqual(3);
});

test('an endpoint that never answers holds up nobody else', async () => {
  const dead = await startReceiver({ respond: () => new Promise(() => {}) });
  stops.push(() => dead.close());
  await deliver({ deadlineMs: 60_000 });
  for (let n = 0; n < 50; n++) await open(`${dead.url}/hooks`);
  await dead.next(4);
  const ids = await Promise.all(Array.from({ length: 20 }, (_, n) => open(`${receiver.url}/${n}`)));
  await receiver.next(20);
  for (const id of ids) expect((await ended(id)).state).toBe('delivered');
  expect(dead.requests).toHaveLength(4);
});

test('stopping hands a running attempt back: on record, not held against the schedule, sent by the next process', async () => {
  receiver.setResponse(() => new Promise(() => {}));
  const stop = await deliver({ deadlineMs: 60_000, schedule: [0] });
  const id = await open();
  await receiver.next();
  await stop();
  expect(await see(id)).toMatchObject({
    state: 'pending',
    attempts: [{ number: 1, outcome: 'interrupted', error_class: 'aborted' }],
  });
  receiver.setResponse({ status: 200 });
  await deliver({ schedule: [0] });
  expect(await ended(id)).toMatchObject({
    state: 'delivered',
    attempts: [{}, { number: 2, outcome: 'delivered' }],
  });
});

test('two processes share the work and send nothing twice', async () => {
  await deliver();
  await deliver();
  const ids = await Promise.all(Array.from({ length: 60 }, (_, n) => open(`${receiver.url}/${n % 6}`)));
  await receiver.next(60);
  for (const id of ids) expect((await ended(id)).attempts).toHaveLength(1);
  expect(new Set(receiver.requests.map((request) => request.headers['webhook-id'])).size).toBe(60);
  expect(receiver.requests).toHaveLength(60);
});

test('every attempt is told to whoever listens, as the row is after it, and counted by its outcome', async () => {
  const told: DeliveryChange[] = [];
  // By another process.
  const other = openDatabase({ connectionString: database.url, size: 1, onError: () => {} });
  stops.push(() => other.close(), await other.join(), await database.join());
  other.db.teller.hear((news) => {
    if (news.kind === 'delivery') told.push(news);
  });
  const totals = async () =>
    new Map((await readFigures(database.db)).attempts.map(({ outcome, attempts }) => [outcome, attempts]));
  const before = await totals();
  const stop = await deliver();
  const ids = await Promise.all(
    Array.from({ length: 200 }, (_, n) => open(`${receiver.url}/told/${n % 20}`)),
  );
  const last = (state: string) => new Set(told.filter((one) => one.state === state).map(({ id }) => id));
  await eventually(
    () => last('delivered').size,
    (size) => size === ids.length,
    50_000,
  );
  expect(last('delivered')).toEqual(new Set(ids));
  expect(last('pending')).toEqual(new Set(ids));
  const [one] = told.filter((change) => change.id === ids[0]).slice(-1);
  expect(one).toEqual({
    kind: 'delivery',
    accountId: account,
    id: ids[0],
    jobId: expect.any(String),
    state: 'delivered',
    attempts: 1,
    at: expect.any(Number),
  });
  await stop();
  const after = await totals();
  expect((after.get('delivered') ?? 0) - (before.get('delivered') ?? 0)).toBe(ids.length);
});
