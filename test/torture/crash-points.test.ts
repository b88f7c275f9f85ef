// Named points on the way of a job and of a callback × what can happen there. Whatever it is: the callback arrives,
// its row ends delivered, and every attempt that was begun is on record. The heir is another process of the same program.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLog } from '../../src/log.ts';
import { startRingback } from '../../src/main.ts';
import { readSettings } from '../../src/settings.ts';
import { generateSecret } from '../../src/signature.ts';
import { openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { insertAccount } from '../rig/account.ts';
import { openAnyDelivery } from '../rig/delivery.ts';
import { eventually } from '../rig/eventually.ts';
import { freshDatabase } from '../rig/postgres.ts';
import { type Program, startProgram } from '../rig/program.ts';
import { type Receiver, startReceiver } from '../rig/receiver.ts';
import { MODES, type Mode, type Point } from './faulty-server.ts';
import { endLeases } from './waits.ts';

const FAULTY = fileURLToPath(new URL('./faulty-server.ts', import.meta.url));
const API_KEY = 'rb_test_0123456789abcdef';

let folder: string;
let database: Awaited<ReturnType<typeof freshDatabase>>;
let client: Client;
let receiver: Receiver;
let stops: (() => Promise<unknown>)[];

beforeEach(async () => {
  stops = [];
  folder = await mkdtemp(join(tmpdir(), 'ringback-crash-points-'));
  stops.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  database = await freshDatabase();
  stops.push(database.drop);
  client = new Client({ connectionString: database.url });
  await client.connect();
  stops.push(() => client.end());
  // Audio is a 404: the job's end, and its callback, come at once.
  receiver = await startReceiver({
    respond: ({ path }) => ({ status: path.startsWith('/audio') ? 404 : 200 }),
  });
  stops.push(() => receiver.close());
});
afterEach(async () => {
  for (const stop of stops.toReversed()) await stop();
});

const secret = generateSecret();
const settings = (role: string) => ({
  DATABASE_URL: database.url,
  RINGBACK_ROLE: role,
  RINGBACK_DATA_DIR: folder,
  RINGBACK_API_KEYS: API_KEY,
  RINGBACK_SIGNING_SECRET: secret,
  RINGBACK_PORT: '0',
  RINGBACK_ALLOW_NETWORKS: '127.0.0.0/8',
});

async function startFaulty(
  point: Point,
  mode: Mode,
  role: string,
): Promise<{ program: Program; url: string }> {
  const program = startProgram({
    command: process.execPath,
    args: [FAULTY, point, mode],
    env: settings(role),
  });
  stops.push(() => program.stop());
  const ready = await program.line(/^ready/, 1, 60_000);
  return { program, url: ready.slice('ready '.length) };
}

async function startHeir(role: string): Promise<string> {
  const heir = await startRingback(readSettings(settings(role)), createLog('silent'));
  stops.push(() => heir.stop());
  return heir.url as string;
}

async function openOne(): Promise<string> {
  const opened = openDatabase({ connectionString: database.url, size: 1, onError: () => {} });
  try {
    await migrate(opened.db);
    const accountId = await insertAccount(opened.db);
    return await openAnyDelivery(opened.db, accountId, `${receiver.url}/hooks`);
  } finally {
    await opened.close();
  }
}

/** The delivery and its attempts, once it is delivered and its endpoint given back. */
function settled() {
  return eventually(
    async () => {
      const { rows } = await client.query(
        `SELECT delivery.state, delivery.attempts, endpoint.leased_until,
           (SELECT array_agg(outcome ORDER BY number) FROM ringback.attempt WHERE delivery_id = delivery.id) AS outcomes
         FROM ringback.delivery JOIN ringback.endpoint ON endpoint.id = endpoint_id`,
      );
      return rows;
    },
    (rows) => rows.length === 1 && rows[0].state === 'delivered' && rows[0].leased_until === null,
    30_000,
  );
}

test.each(MODES)(
  'after insert, %s: no 201, and yet the job runs; the same request again gets its id',
  async (mode) => {
    const { program, url } = await startFaulty('after insert', mode, 'api');
    const submit = (base: string, signal: AbortSignal) =>
      fetch(`${base}/v2/pre-recorded`, {
        method: 'POST',
        headers: {
          'x-gladia-key': API_KEY,
          'content-type': 'application/json',
          'idempotency-key': 'order-18',
        },
        body: JSON.stringify({
          audio_url: `${receiver.url}/audio.wav`,
          callback: true,
          callback_config: { url: `${receiver.url}/hooks` },
        }),
        signal,
      });
    const giveUp = new AbortController();
    const answered = submit(url, giveUp.signal).then(
      (response) => response.status,
      () => null,
    );
    await program.line('fault');
    if (mode === 'hang') giveUp.abort();
    expect(await answered).toBe(mode === 'throw' ? 500 : null);

    const heir = await startHeir('api,transcribe,deliver');
    const again = await submit(heir, AbortSignal.timeout(20_000));
    expect(again.status).toBe(201);
    const { id } = (await again.json()) as { id: string };
    const [row] = await settled();
    expect(row).toMatchObject({ attempts: 1, outcomes: ['delivered'] });
    const { rows } = await client.query('SELECT id, state FROM ringback.job');
    expect(rows).toEqual([{ id, state: 'error' }]);
    const calls = receiver.requests.filter(({ path }) => path === '/hooks');
    expect(calls.map(({ body }) => JSON.parse(body.toString()).id)).toEqual([id]);
  },
  90_000,
);

type Case = {
  point: Point;
  mode: Mode;
  /** What the attempts have come to, in order. */
  outcomes: readonly string[];
  /** Requests the receiver saw: more than one only where its answer was in hand and could not be recorded. */
  requests: number;
};
const TAKEN_OVER = ['unknown', 'delivered'];
const CASES: readonly Case[] = [
  ...MODES.map((mode) => ({ point: 'after claim', mode, outcomes: TAKEN_OVER, requests: 1 }) as const),
  ...MODES.map((mode) => ({ point: 'before send', mode, outcomes: TAKEN_OVER, requests: 1 }) as const),
  ...MODES.map((mode) => ({ point: 'after send', mode, outcomes: TAKEN_OVER, requests: 2 }) as const),
  { point: 'before record', mode: 'kill', outcomes: TAKEN_OVER, requests: 2 },
  // An answer in hand is written as soon as the database takes it.
  { point: 'before record', mode: 'throw', outcomes: ['delivered'], requests: 1 },
  { point: 'before record', mode: 'hang', outcomes: TAKEN_OVER, requests: 2 },
];

test.each(CASES)(
  '$point, $mode: $outcomes',
  async ({ point, mode, outcomes, requests }) => {
    const { program } = await startFaulty(point, mode, 'deliver');
    const id = await openOne();
    await program.line('fault', 1, 30_000);
    // It can still claim and send, so it would be its own heir; here another process is to be.
    if (point === 'before record' && mode === 'hang') program.signal('SIGSTOP');
    await startHeir('deliver');
    // As if the lease had run its time; a process that can still record has done so by then.
    if (outcomes.length > 1) await endLeases(client);
    const [row] = await settled();
    expect(row).toMatchObject({ attempts: outcomes.length, outcomes });
    expect(receiver.requests).toHaveLength(requests);
    expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([id]));
    const numbers = receiver.requests.map(({ headers }) => Number(headers['ringback-attempt']));
    expect(numbers.at(-1)).toBe(outcomes.length);
  },
  90_000,
);
