// A job that meets a shortage of ours, on a real database behind a proxy that can fail: it waits, it does not end, and it
// costs no run. Recognition stands outside.
import { access, readdir, writeFile } from 'node:fs/promises';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { MAX_RUNS } from '../../src/job.ts';
import { createLog } from '../../src/log.ts';
import { ShortageError } from '../../src/shortage.ts';
import { openAudioFolder } from '../../src/store/audio.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { runsOf } from '../../src/store/jobs.ts';
import { type Stage, startNext } from '../../src/store/next-job.ts';
import { type HandlerDeps, handleJob } from '../../src/transcribe/handler.ts';
import { HeldRuns, JOB_LEASE_MS } from '../../src/transcribe/held-runs.ts';
import { ShortageWaits } from '../../src/transcribe/waits.ts';
import { type Api, startApi } from '../rig/api.ts';
import { eventually } from '../rig/eventually.ts';
import { handlerDeps, submitWithCallback, transcriptOf } from '../rig/handler.ts';
import { startProxy, type TcpProxy } from '../rig/proxy.ts';
import { smallDisk } from '../rig/tmpfs.ts';

let api: Api;
let proxy: TcpProxy;
/** Through the proxy. */
let database: Database;
let runs: HeldRuns;
beforeAll(async () => {
  api = await startApi();
  const url = new URL(api.databaseUrl);
  proxy = await startProxy(Number(url.port));
  url.host = `127.0.0.1:${proxy.port}`;
  database = openDatabase({ connectionString: url.href, size: 3, onError: () => {} });
  runs = new HeldRuns(api.db, log);
});
afterAll(async () => {
  await runs.stop();
  await database.close();
  await proxy.close();
  await api.stop();
});
beforeEach(() => proxy.setMode('forward'));

const log = createLog('silent');
const submit = () => submitWithCallback(api);
const depsWith = (more: Partial<HandlerDeps> = {}) =>
  handlerDeps({ db: database.db, audio: api.audio, runs, log, waits: new ShortageWaits(0), ...more });

const never = new AbortController().signal;

/** One stage of the job, as its worker would; what it waits for is left out. */
async function handle(stage: Stage, deps: HandlerDeps, stopping = never): Promise<void> {
  await sql`UPDATE job SET start_after = NULL`.execute(api.db);
  const job = await startNext(api.db, stage, { leaseMs: JOB_LEASE_MS, most: null, full: [] });
  if (job) await handleJob(deps, job, stopping);
}
const handleBoth = async (deps: HandlerDeps) => {
  for (const stage of ['fetch', 'transcribe'] as const) await handle(stage, deps);
};
/** Submitted, and its audio is here. */
async function fetched(): Promise<string> {
  const id = await submit();
  await handle('fetch', depsWith());
  return id;
}
const rowOf = (id: string) =>
  api.db.selectFrom('job').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
const deliveriesOf = (id: string) =>
  api.db.selectFrom('delivery').select('event').where('job_id', '=', id).execute();
const filesKept = async () =>
  (await readdir(api.folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
    .length;
const coded = (code: string) => Object.assign(new Error(code), { code });
const failing = (error: Error) => async () => {
  throw error;
};

test.for<[string, Partial<HandlerDeps>]>([
  ['the download has no descriptor', { fetchAudio: failing(coded('EMFILE')) }],
  ['the disk is full', { fetchAudio: failing(coded('ENOSPC')) }],
  ['the speech process cannot be started', { transcribe: failing(coded('EAGAIN')) }],
  ['recognition is short of memory', { transcribe: failing(new ShortageError('memory', 'no memory')) }],
  ['an add-on is short of threads', { addons: failing(coded('ERR_WORKER_INIT_FAILED')) }],
])('%s: the job waits, blames nobody, costs no run, and ends done', async ([, more]) => {
  const id = await submit();
  const before = await filesKept();
  for (let n = 0; n <= MAX_RUNS; n++) await handleBoth(depsWith({ ...more }));
  const row = await rowOf(id);
  expect([row.state, row.error_code, runsOf(row)]).toEqual(['queued', null, 0]);
  // Downloaded once, if at all.
  expect([await deliveriesOf(id), await filesKept()]).toEqual([[], before + (row.fetched ? 1 : 0)]);
  await handleBoth(depsWith());
  expect(await rowOf(id)).toMatchObject({ state: 'done' });
});

test('it waits in the queue, longer each time', async () => {
  const id = await fetched();
  const deps = depsWith({ transcribe: failing(coded('ENOMEM')) });
  const waits: number[] = [];
  for (let n = 0; n < 3; n++) {
    await handle('transcribe', deps);
    const { rows } = await sql<{ seconds: number }>`
      SELECT extract(epoch FROM start_after - now())::float8 AS seconds FROM job WHERE id = ${id}`.execute(
      api.db,
    );
    waits.push(rows[0]?.seconds as number);
    // Not before its time.
    const next = { leaseMs: JOB_LEASE_MS, most: null, full: [] };
    expect(await startNext(api.db, 'transcribe', next)).toBeUndefined();
  }
  await handle('transcribe', depsWith());
  expect(waits.map((seconds) => Math.round(seconds))).toEqual([5, 10, 20]);
});

test('a disk that is really full: nothing is left behind, and the job ends when there is room', async ({
  skip,
}) => {
  const disk = await smallDisk(2);
  if (!disk) return skip('mounting a small disk needs root');
  try {
    const audio = await openAudioFolder(disk.folder);
    await disk.fill();
    const id = await submit();
    const fetchAudio: HandlerDeps['fetchAudio'] = async (_url, path) => {
      await writeFile(path, Buffer.alloc(100_000));
      return { bytes: 100_000, filename: 'a.mp3' };
    };
    await handle('fetch', depsWith({ audio, fetchAudio }));
    expect(await rowOf(id)).toMatchObject({ state: 'queued', run: 1, refunded: 1 });
    expect(await readdir(`${disk.folder}/incoming`)).toEqual([]);
    await disk.empty();
    await handleBoth(depsWith({ audio, fetchAudio }));
    expect(await rowOf(id)).toMatchObject({ state: 'done' });
  } finally {
    await disk.remove();
  }
});

test('a file whose process is killed each time ends some day, and says so', async () => {
  const id = await fetched();
  const killed = depsWith({ transcribe: failing(new ShortageError('memory', 'killed', { suspect: true })) });
  for (let run = 1; run < MAX_RUNS; run++) {
    await handle('transcribe', killed);
    const row = await rowOf(id);
    expect([row.state, runsOf(row)]).toEqual(['queued', run]);
  }
  await handle('transcribe', killed);
  const row = await rowOf(id);
  expect(row).toMatchObject({ state: 'error', error_code: 'engine_failed' });
  expect(row.error_message).toContain(`started ${MAX_RUNS} times and its process died each time`);
  expect(await deliveriesOf(id)).toEqual([{ event: 'error' }]);
});

test('the answer to the commit of the end is lost: the words and their audio stay', async () => {
  const id = await fetched();
  const cut = proxy.cutBeforeAnswer('commit');
  await handle('transcribe', depsWith());
  await cut;
  const row = await rowOf(id);
  expect(row).toMatchObject({ state: 'done' });
  expect(await deliveriesOf(id)).toEqual([{ event: 'success' }]);
  await access(api.audio.path(row.audio_id as string));
});

test('we stop with the outcome unknown: nothing is deleted', async () => {
  const id = await fetched();
  const stopping = new AbortController();
  const cut = proxy.cutBeforeAnswer('commit').then(() => {
    proxy.setMode('refuse');
    stopping.abort();
  });
  await handle('transcribe', depsWith(), stopping.signal);
  await cut;
  const row = await rowOf(id);
  expect(row).toMatchObject({ state: 'done' });
  await access(api.audio.path(row.audio_id as string));
});

test('a database that is away for longer than a few tries costs neither the words nor a run', async () => {
  const id = await fetched();
  let tries = 0;
  const shortages = { met: () => tries++ } as never;
  const handled = handle(
    'transcribe',
    depsWith({
      shortages,
      async transcribe() {
        proxy.setMode('refuse');
        proxy.cut('rst');
        return transcriptOf('Hello.');
      },
    }),
  );
  await eventually(
    async () => tries,
    (n) => n >= 3,
  );
  proxy.setMode('forward');
  await handled;
  expect(await rowOf(id)).toMatchObject({ state: 'done', run: 2 });
});

test('a database that is away in the middle of a run: the job is put back when it is there again', async () => {
  const id = await fetched();
  let tries = 0;
  const handled = handle(
    'transcribe',
    depsWith({
      shortages: { met: () => tries++ } as never,
      async transcribe() {
        proxy.setMode('refuse');
        proxy.cut('rst');
        throw new ShortageError('database', 'away');
      },
    }),
  );
  await eventually(
    async () => tries,
    (n) => n >= 3,
  );
  proxy.setMode('forward');
  await handled;
  expect(await rowOf(id)).toMatchObject({ state: 'queued', run: 2, refunded: 1 });
});
