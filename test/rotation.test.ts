// Rotations of the signing secret while callbacks flow, from two programs on one database, to a receiver that takes up the
// new secret as soon as it is told, and refuses all else: nothing is ever refused.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createLog } from '../src/log.ts';
import { type Ringback, startRingback } from '../src/main.ts';
import { readSettings } from '../src/settings.ts';
import { verify } from '../src/signature.ts';
import { API_KEY, clientOf } from './rig/app.ts';
import { openAnyDelivery } from './rig/delivery.ts';
import { eventually } from './rig/eventually.ts';
import { migratedDatabase } from './rig/postgres.ts';
import { type Receiver, startReceiver } from './rig/receiver.ts';

type Shown = { secret: string; created_at: string; expires_at: string | null };

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let folder: string;
let programs: Ringback[];
let receiver: Receiver;
let account: string;

beforeAll(async () => {
  database = await migratedDatabase();
  folder = await mkdtemp(join(tmpdir(), 'ringback-rotation-'));
  programs = [await program(), await program()];
  const { id } = await database.db.selectFrom('account').select('id').executeTakeFirstOrThrow();
  account = id;
});
afterAll(async () => {
  for (const one of programs) await one.stop();
  await database.drop();
  await rm(folder, { recursive: true });
});
afterEach(() => receiver.close());

function program(): Promise<Ringback> {
  return startRingback(
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
}

const at = (number: number) => clientOf(programs[number]?.url as string);
const current = async (): Promise<string> =>
  (await at(0).call('GET', '/api/signing-secrets')).json.items[0].secret;
async function rotate(number: number, overlap_seconds: number): Promise<Shown[]> {
  return (await at(number).call('POST', '/api/signing-secrets/rotate', { overlap_seconds })).json.items;
}

/** Callbacks to several endpoints, more at each than are sent at a time: some are claimed ahead. Returns how it ends. */
function traffic(): () => Promise<number> {
  let going = true;
  let opened = 0;
  const flow = (async () => {
    while (going) {
      await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          openAnyDelivery(database.db, account, `${receiver.url}/hooks/${n % 3}`),
        ),
      );
      opened += 10;
      await wait(20);
    }
  })();
  return async () => {
    going = false;
    await flow;
    await eventually(
      async () => receiver.requests.length,
      (count) => count >= opened,
      30_000,
    );
    return opened;
  };
}

type Arrived = { at: number; by: (secret: string) => boolean };

/** Answers 401 to what `secret()` did not sign, slowly enough for others to queue up behind. */
async function strict(secret: () => string): Promise<Arrived[]> {
  const arrived: Arrived[] = [];
  receiver = await startReceiver({
    respond: async ({ headers, body }) => {
      const by = (one: string) => verify(one, headers, body).ok;
      arrived.push({ at: Date.now(), by });
      const status = by(secret()) ? 200 : 401;
      await wait(15);
      return { status };
    },
  });
  return arrived;
}

const refused = async () =>
  (await database.db.selectFrom('attempt').select('delivery_id').where('status', '=', 401).execute()).length;

test.each([
  ['without overlap', 0],
  ['with overlap', 60],
])(
  'rotated %s, at one program and the other, and twice in a row: nothing is refused',
  async (_what, overlap) => {
    let adopted = await current();
    const arrived = await strict(() => adopted);
    const end = traffic();
    for (const number of [0, 1, 0, 0, 1, 1]) {
      await wait(200);
      const [made] = await rotate(number, overlap);
      adopted = made?.secret as string;
    }
    await wait(200);
    expect(await end()).toBeGreaterThan(100);
    expect(await refused()).toBe(0);
    expect(arrived.length).toBeGreaterThan(100);
    const endpoints = await database.db.selectFrom('endpoint').select(['breaker', 'failures']).execute();
    expect(endpoints.every(({ breaker, failures }) => breaker === 'closed' && failures === 0)).toBe(true);
  },
  60_000,
);

test('both sign for the overlap; from its end on, the new one alone', async () => {
  const old = await current();
  const arrived = await strict(() => old);
  const end = traffic();
  await wait(200);
  const made = await rotate(1, 1);
  receiver.setResponse(async ({ headers, body }) => {
    arrived.push({ at: Date.now(), by: (one) => verify(one, headers, body).ok });
    await wait(15);
    return { status: 200 };
  });
  const told = Date.now();
  const over = Date.parse(made.find(({ secret }) => secret === old)?.expires_at as string);
  await wait(over - told + 300);
  await end();
  const signedBy = (secret: string, from: number, to = Number.POSITIVE_INFINITY) =>
    new Set(arrived.filter((one) => one.at >= from && one.at < to).map(({ by }) => by(secret)));
  const fresh = made[0]?.secret as string;
  expect(signedBy(old, 0, over - 20)).toEqual(new Set([true]));
  expect(signedBy(fresh, told)).toEqual(new Set([true]));
  // What was begun before its end arrives a little later.
  expect(signedBy(old, over + 50)).toEqual(new Set([false]));
}, 30_000);
