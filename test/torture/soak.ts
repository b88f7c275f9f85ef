// Flat memory: a whole server at its full rate for as long as asked, every tenth endpoint dead, real jobs beside it. Its
// resident memory, sockets and timers are sampled from outside; a line is fitted through the memory after the warm-up.
// Nothing forces a garbage collection. Rows are removed as they end, so that the disk stays bounded.
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { generateSecret } from '../../src/signature.ts';
import { startEmbedded } from '../../src/store/embedded.ts';
import { eventually } from '../rig/eventually.ts';
import { megabytesOf } from '../rig/proc.ts';
import { startFleet } from './fleet.ts';
import { readOptions, tell } from './options.ts';
import type { Probe } from './soak-probe.ts';
import { createSubmitter } from './submitter.ts';

export type SoakOptions = {
  minutes: number;
  /** Real jobs a second, through the API, beside the deliveries that are put there directly. */
  jobsPerSecond: number;
  sampleSeconds: number;
  tell: (line: string) => void;
};

type Sample = { at: number; rssMb: number; sockets: number; timers: number; delivered: number };

/** Every tenth is dead: one of these answers 500, one never. */
const ENDPOINTS = 20;
const BAD = 0;
const SILENT = 10;
/** Due deliveries that are always there. */
const BACKLOG = 2_000;
const BODY = JSON.stringify({ event: 'success', payload: { text: 'word '.repeat(400) } });
/** Below this the memory is shown and not judged: V8 lets the heap grow for minutes before it sweeps it. */
const JUDGED_MINUTES = 10;
/** What the fitted line may rise from the end of the warm-up to the end, as a share of the memory in between. */
const MOST_RISE = 0.1;
/** 256 attempts, 256 idle connections, some dozens to the database, a few clients. */
const MOST_SOCKETS = 700;
/** One or two per attempt in flight, one per idle connection. */
const MOST_TIMERS = 1_500;
const PROBE = fileURLToPath(new URL('./soak-probe.ts', import.meta.url));

export async function soak(options: SoakOptions) {
  const { minutes, tell } = options;
  const folder = await mkdtemp(join(tmpdir(), 'ringback-soak-'));
  const postgres = await startEmbedded({ dataDirectory: folder, log: () => {} });
  const seen = { ok: 0, bad: 0, silent: 0, jobs: 0 };
  const receiver = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    request.resume();
    const [, kind, number] = (request.url ?? '').split(/[/?]/);
    if (kind === 'missing.wav') response.writeHead(404).end();
    else if (kind === 'jobs') {
      seen.jobs++;
      response.end();
    } else if (Number(number) === BAD) {
      seen.bad++;
      response.writeHead(500).end();
    } else if (Number(number) === SILENT) seen.silent++;
    else {
      seen.ok++;
      response.end();
    }
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', 4_096, resolve));
  const far = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const probeFile = join(folder, 'probe.json');
  const fleet = startFleet({
    size: 1,
    databaseUrl: postgres.connectionString,
    folder,
    settings: {
      RINGBACK_SIGNING_SECRET: generateSecret(),
      RINGBACK_MODEL: 'moonshine-tiny',
      RINGBACK_CALLBACK_TIMEOUT: '2s',
      RINGBACK_RETRY_SCHEDULE: '0s,5s,30s',
      NODE_OPTIONS: `--import ${PROBE}`,
      SOAK_PROBE_FILE: probeFile,
    },
  });
  const client = new Client({ connectionString: postgres.connectionString });
  try {
    await eventually(() => fleet.isUp(0), Boolean, 120_000);
    await client.connect();
    await client.query('SET search_path = ringback');
    const { rows } = await client.query('SELECT id FROM account LIMIT 1');
    const account: string = rows[0].id;
    const urls = Array.from({ length: ENDPOINTS }, (_, n) => `${far}/hooks/${n}`);
    await client.query(
      'INSERT INTO endpoint (account_id, url) SELECT $1, url FROM unnest($2::text[]) AS url ON CONFLICT DO NOTHING',
      [account, urls],
    );

    const started = performance.now();
    const elapsed = () => (performance.now() - started) / 1_000;
    const over = () => elapsed() > minutes * 60;
    const submitter = createSubmitter(() => fleet.urls());
    const submitting = (async () => {
      while (!over()) {
        await submitter.submit({
          audio_url: `${far}/missing.wav`,
          callback: true,
          callback_config: { url: `${far}/jobs/x` },
        });
        submitter.accepted.clear();
        await wait(1_000 / options.jobsPerSecond);
      }
    })();
    let filled = 0;
    const filling = (async () => {
      while (!over()) {
        if (filled - seen.ok > BACKLOG) await wait(10);
        else filled += await fill(client, { account, urls });
      }
    })();
    const sweeping = (async () => {
      const sweeper = new Client({ connectionString: postgres.connectionString });
      await sweeper.connect();
      await sweeper.query('SET search_path = ringback');
      while (!over()) {
        await sweep(sweeper);
        await wait(1_000);
      }
      await sweeper.end();
    })();

    const samples: Sample[] = [];
    const pid = fleet.pid(0);
    while (!over()) {
      await wait(options.sampleSeconds * 1_000);
      if (over()) break;
      const probe: Probe = JSON.parse(await readFile(probeFile, 'utf8'));
      const sample = {
        at: Math.round(elapsed()),
        rssMb: Math.round(await megabytesOf(pid)),
        sockets: await socketsOf(pid),
        timers: probe.timers,
        delivered: seen.ok,
      };
      samples.push(sample);
      tell(
        `${JSON.stringify(sample)} heap ${mb(probe.heapUsed)} external ${mb(probe.external)} buffers ${mb(probe.arrayBuffers)}`,
      );
    }
    await Promise.all([submitting, filling, sweeping]);
    const size = await client.query('SELECT pg_database_size(current_database()) AS bytes');
    const figures = judge(samples, minutes >= JUDGED_MINUTES);
    const violations = [...figures.violations, ...fleet.deaths];
    if (seen.jobs === 0 || seen.bad === 0 || seen.silent === 0) violations.push('not every kind was sent to');
    const last = samples.at(-1);
    return {
      minutes,
      samples: samples.length,
      deliveredPerSecond: Math.round((last?.delivered ?? 0) / (last?.at ?? 1)),
      seen,
      ...figures,
      databaseMb: mb(Number(size.rows[0].bytes)),
      logErrors: Object.fromEntries(fleet.errors),
      violations,
      violationCount: violations.length,
    };
  } finally {
    await fleet.stop();
    await client.end();
    receiver.closeAllConnections();
    receiver.close();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Due deliveries, spread evenly; how many of them go to endpoints that answer. */
async function fill(client: Client, { account, urls }: { account: string; urls: string[] }): Promise<number> {
  await client.query(
    `INSERT INTO delivery (id, account_id, job_id, endpoint_id, url, method, event, form, asked_form, full_body,
       reference_body, due_at)
     SELECT gen_random_uuid(), $1, $2, endpoint.id, endpoint.url || '?n=' || n, 'POST', 'success', 'full', 'full',
       $3, '{}', now()
     FROM generate_series(1, ${BACKLOG}) AS n JOIN endpoint ON endpoint.url = ($4::text[])[1 + n % ${ENDPOINTS}]`,
    [account, randomUUID(), Buffer.from(BODY), urls],
  );
  await client.query(
    `WITH due AS (SELECT id FROM endpoint WHERE url = ANY($1::text[]) AND disabled_at IS NULL ORDER BY id FOR UPDATE)
     UPDATE endpoint SET next_due = least(next_due, now()) FROM due WHERE endpoint.id = due.id AND open_until IS NULL`,
    [urls],
  );
  return (BACKLOG * (ENDPOINTS - 2)) / ENDPOINTS;
}

/** Rows that have ended, and what has waited for a minute at a dead endpoint. */
async function sweep(client: Client): Promise<void> {
  await client.query(
    `DELETE FROM delivery WHERE final_at < now() - interval '2 seconds'
       OR state = 'pending' AND created_at < now() - interval '1 minute'`,
  );
  await client.query("DELETE FROM job WHERE completed_at < now() - interval '10 seconds'");
}

/** Least squares through the memory after the warm-up. */
function judge(all: readonly Sample[], memoryJudged: boolean) {
  const samples = all.slice(Math.floor(all.length / 4));
  const first = samples[0]?.at ?? 0;
  const span = (samples.at(-1)?.at ?? 0) - first;
  const mean = (of: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [meanAt, meanRss] = [mean(({ at }) => at), mean(({ rssMb }) => rssMb)];
  const covariance = mean(({ at, rssMb }) => (at - meanAt) * (rssMb - meanRss));
  const slope = covariance / mean(({ at }) => (at - meanAt) ** 2);
  const rise = slope * span;
  const most = (of: (sample: Sample) => number) => Math.max(...samples.map(of));
  const [sockets, timers] = [most((sample) => sample.sockets), most((sample) => sample.timers)];
  const violations: string[] = [];
  if (memoryJudged && !(rise <= meanRss * MOST_RISE))
    violations.push(`memory rose by ${rise.toFixed(1)} MB in ${span} s, of ${meanRss.toFixed(0)} MB`);
  if (sockets > MOST_SOCKETS) violations.push(`${sockets} sockets were open`);
  if (timers > MOST_TIMERS) violations.push(`${timers} timers were set`);
  return {
    memoryJudged,
    warmUpSeconds: first,
    rssMeanMb: Math.round(meanRss),
    rssMostMb: most((sample) => sample.rssMb),
    slopeMbPerHour: Math.round(slope * 3_600),
    riseMb: Number(rise.toFixed(1)),
    riseAllowedMb: Number((meanRss * MOST_RISE).toFixed(1)),
    socketsMost: sockets,
    timersMost: timers,
    violations,
  };
}

const mb = (bytes: number) => Math.round(bytes / 2 ** 20);

async function socketsOf(pid: number): Promise<number> {
  const open = await readdir(`/proc/${pid}/fd`);
  const links = await Promise.all(open.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
  return links.filter((link) => link.startsWith('socket:')).length;
}

/** `--minutes N --jobs-per-second N` */
export async function run(argv: string[]): Promise<Awaited<ReturnType<typeof soak>>> {
  const given = readOptions(argv, { minutes: 30, 'jobs-per-second': 10 });
  return soak({
    minutes: given.minutes,
    jobsPerSecond: given['jobs-per-second'],
    sampleSeconds: 10,
    tell,
  });
}
