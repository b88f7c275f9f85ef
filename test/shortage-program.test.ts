// The whole program, short of something for real: its file descriptors taken away, its speech process killed, its disk
// filled. Jobs wait and end done, callbacks arrive, and nobody's good name is touched.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../src/store/database.ts';
import { runsOf } from '../src/store/jobs.ts';
import { eventually } from './rig/eventually.ts';
import { freshDatabase } from './rig/postgres.ts';
import { descriptorsOf } from './rig/proc.ts';
import { type Served, serve } from './rig/process.ts';
import { type Receiver, startReceiver } from './rig/receiver.ts';
import { type SmallDisk, smallDisk } from './rig/tmpfs.ts';

const run = promisify(execFile);
const speech = await readFile(fileURLToPath(new URL('./fixtures/jfk.wav', import.meta.url)));

let fresh: Awaited<ReturnType<typeof freshDatabase>>;
let database: Database;
let folder: string;
let disk: SmallDisk | null;
let receiver: Receiver;
let server: Served;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ringback-scarce-'));
  disk = await smallDisk(64);
  fresh = await freshDatabase();
  database = openDatabase({ connectionString: fresh.url, size: 2, onError: () => {} });
  receiver = await startReceiver({
    respond: ({ path }) => (path.startsWith('/audio') ? { status: 200, body: speech } : { status: 200 }),
  });
  server = await serve(folder, {
    DATABASE_URL: fresh.url,
    RINGBACK_WORKERS: '1',
    RINGBACK_MODEL: 'moonshine-tiny',
    RINGBACK_RETRY_SCHEDULE: '0s',
    ...(disk && { RINGBACK_STORAGE: join(disk.folder, 'audio') }),
  });
}, 60_000);
afterAll(async () => {
  server.child.kill('SIGTERM');
  await server.exited;
  await receiver.close();
  await database.close();
  await fresh.drop();
  await disk?.remove();
  await rm(folder, { recursive: true });
});

async function submit(): Promise<string> {
  const { status, json } = await server.call('POST', '/v2/pre-recorded', {
    audio_url: `${receiver.url}/audio.wav`,
    callback: true,
    callback_config: { url: `${receiver.url}/hooks` },
  });
  expect(status).toBe(201);
  return json.id;
}
const rowOf = (id: string) =>
  database.db
    .selectFrom('job')
    .select(['state', 'error_code', 'run', 'refunded', 'fetched'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
const ended = (id: string) =>
  eventually(
    () => rowOf(id),
    ({ state }) => state === 'done' || state === 'error',
    60_000,
  );
const attemptsOf = (id: string) =>
  database.db
    .selectFrom('attempt')
    .innerJoin('delivery', 'delivery.id', 'attempt.delivery_id')
    .select(['attempt.outcome', 'attempt.error_class', 'delivery.state'])
    .where('delivery.job_id', '=', id)
    .orderBy('attempt.number')
    .execute();
const delivered = (id: string) =>
  eventually(
    () => attemptsOf(id),
    (rows) => rows.at(-1)?.state === 'delivered',
    60_000,
  );
const endpoint = () =>
  database.db
    .selectFrom('endpoint')
    .select(['breaker', 'failures', 'failing_since'])
    .executeTakeFirstOrThrow();
const HEALTHY = { breaker: 'closed', failures: 0, failing_since: null };

async function workerOf(parent: number): Promise<number | undefined> {
  for (const entry of await readdir('/proc')) {
    const stat = await readFile(`/proc/${entry}/stat`, 'latin1').catch(() => '');
    if (Number(/\) \S (\d+)/.exec(stat)?.[1]) !== parent) continue;
    const command = await readFile(`/proc/${entry}/cmdline`, 'latin1').catch(() => '');
    if (command.includes('speech/worker')) return Number(entry);
  }
  return undefined;
}

const descriptors = (soft: number) =>
  run('prlimit', ['--pid', String(server.child.pid), `--nofile=${soft}:`]);

test('no file descriptor left: the job waits, the callback too, and both arrive', {
  timeout: 120_000,
}, async ({ skip }) => {
  if (
    await run('prlimit', ['--version'])
      .catch(() => null)
      .then((found) => found === null)
  )
    return skip('there is no prlimit');
  const warm = await submit();
  expect(await ended(warm)).toMatchObject({ state: 'done' });
  await delivered(warm);

  // Below what is open already: nothing new can be opened. Requests come on the connection that is there.
  const open = await descriptorsOf(server.child.pid as number);
  await descriptors(Math.min(20, open));
  const id = await submit();
  const waiting = await eventually(
    () => rowOf(id),
    ({ refunded }) => refunded > 0,
    20_000,
  );
  expect(waiting).toMatchObject({ state: 'queued', error_code: null });
  await descriptors(1_024);
  const row = await ended(id);
  expect([row.state, runsOf(row)]).toEqual(['done', 1]);
  await delivered(id);
  expect(await endpoint()).toMatchObject(HEALTHY);
  expect(server.log.filter(({ short }) => short === 'descriptors').length).toBeGreaterThan(0);
});

test('the speech process killed from outside: the job is run again and ends done', {
  timeout: 120_000,
}, async () => {
  const id = await submit();
  const worker = await eventually(
    () => workerOf(server.child.pid as number),
    (pid) => pid !== undefined,
    20_000,
  );
  await eventually(
    () => rowOf(id),
    ({ state }) => state === 'processing',
    20_000,
  );
  process.kill(worker as number, 'SIGKILL');
  expect(await ended(id)).toMatchObject({ state: 'done', error_code: null });
  await delivered(id);
  expect(await endpoint()).toMatchObject(HEALTHY);
});

test('the disk full: uploads are refused with 507, the job waits, /readyz says why, and all ends well', {
  timeout: 120_000,
}, async ({ skip }) => {
  if (!disk) return skip('mounting a small disk needs root');
  await disk.fill();
  const id = await submit();
  const upload = await server.upload(speech, 'a.wav');
  expect([upload.status, upload.json.error.reason]).toEqual([507, 'disk_full']);
  const ready = await server.call('GET', '/readyz');
  expect([ready.status, ready.json.message]).toEqual([503, 'Ringback is short of disk space.']);
  // Begun just before the disk was looked at, its run is refunded; just after, it is not begun.
  await eventually(
    async () => ({ row: await rowOf(id), said: server.log.map(({ msg }) => msg) }),
    ({ row, said }) =>
      row.refunded > 0 || said.includes('no job can be begun at this moment; it is tried again'),
    20_000,
  );
  await disk.empty();
  expect(await ended(id)).toMatchObject({ state: 'done', error_code: null });
  expect((await server.upload(speech, 'a.wav')).status).toBe(200);
  await delivered(id);
  expect(await endpoint()).toMatchObject(HEALTHY);
});
