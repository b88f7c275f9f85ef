// Faults of the database under several servers at work: restarts, and a network between that cuts, refuses, delays or
// falls silent. After each one the time until a job submitted then has been called back; at the end the books.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { generateSecret } from '../../src/signature.ts';
import { eventually } from '../rig/eventually.ts';
import { startProxy, type TcpProxy } from '../rig/proxy.ts';
import { type RestartablePostgres, startRestartablePostgres } from '../rig/restartable-postgres.ts';
import { type Books, compareBooks } from './books.ts';
import { startFarEnd } from './far-end.ts';
import { startFleet } from './fleet.ts';
import { randomFrom } from './random.ts';
import { createSubmitter } from './submitter.ts';
import { endWaits, settled } from './waits.ts';

type Scene = { postgres: RestartablePostgres; proxy: TcpProxy };

/** Each resolves when the fault is over and the database is there again. */
const FAULTS = {
  'fast stop': ({ postgres }) => restart(postgres, 'fast'),
  'immediate stop': ({ postgres }) => restart(postgres, 'immediate'),
  'cut (fin)': async ({ proxy }) => void proxy.cut('fin'),
  'cut (rst)': async ({ proxy }) => void proxy.cut('rst'),
  refused: async ({ proxy }) => {
    proxy.setMode('refuse');
    proxy.cut('rst');
    await wait(2_000);
    proxy.setMode('forward');
  },
  delayed: async ({ proxy }) => {
    proxy.setDelay(150);
    await wait(3_000);
    proxy.setDelay(0);
  },
  // What was connected is dead and is not told; new connections work at once.
  'half open': async ({ proxy }) => {
    proxy.setMode('silent');
    proxy.setMode('forward');
  },
  // New connections are accepted, too, and hear nothing.
  'silent for 10 s': async ({ proxy }) => {
    proxy.setMode('silent');
    await wait(10_000);
    proxy.setMode('forward');
    proxy.cut('rst');
  },
} as const satisfies Record<string, (scene: Scene) => Promise<void>>;
export type Fault = keyof typeof FAULTS;

async function restart(postgres: RestartablePostgres, mode: 'fast' | 'immediate'): Promise<void> {
  await postgres.stop(mode);
  await wait(1_000);
  await postgres.start();
}

export type DatabaseFaultsOptions = {
  faults: readonly Fault[];
  /** Jobs submitted a second, all the time. */
  rate: number;
  processes: number;
  seed: number;
  /** Seconds until all rows must be final. */
  settleSeconds: number;
  /** Leases of what a fault stranded are cut short at the end. */
  hurry: boolean;
  tell: (line: string) => void;
};

export type DatabaseFaultsFigures = Omit<DatabaseFaultsOptions, 'tell'> &
  Omit<Books, 'violations'> & {
    accepted: number;
    submitRetries: number;
    /** Per fault, from its end: seconds until jobs submitted then to each process were called back. */
    backAfter: Record<string, number>;
    settledSeconds: number;
    logWarnings: Record<string, number>;
    logErrors: Record<string, number>;
    violations: string[];
    violationCount: number;
  };

const ENDPOINTS = 20;
const CLIP = new URL('../fixtures/speech/all-circuits-busy-now.wav', import.meta.url);

export async function databaseFaults(options: DatabaseFaultsOptions): Promise<DatabaseFaultsFigures> {
  const { faults, rate, processes, tell } = options;
  const random = randomFrom(options.seed);
  const folder = await mkdtemp(join(tmpdir(), 'ringback-database-faults-'));
  const postgres = await startRestartablePostgres(folder);
  const proxy = await startProxy(postgres.port);
  // Restarts are met directly: a proxy would still accept.
  const url = new URL(postgres.connectionString);
  if (faults.every((fault) => !fault.endsWith('stop'))) url.port = String(proxy.port);
  const secret = generateSecret();
  const far = await startFarEnd({
    random: random.split(),
    secret,
    endpoints: ENDPOINTS,
    clip: await readFile(CLIP),
    blips: 0.03,
    answerAfterMs: 100,
  });
  const fleet = startFleet({
    size: processes,
    databaseUrl: url.href,
    folder,
    settings: {
      RINGBACK_SIGNING_SECRET: secret,
      RINGBACK_MODEL: 'moonshine-tiny',
      RINGBACK_WORKERS: '4',
      RINGBACK_CALLBACK_TIMEOUT: '2s',
      RINGBACK_RETRY_SCHEDULE: ['0s', ...Array(99).fill('1s')].join(','),
    },
  });
  const everybody = () => Array.from({ length: processes }, (_, slot) => fleet.isUp(slot));
  try {
    await eventually(everybody, (up) => up.every(Boolean), 120_000);
    const submitter = createSubmitter(() => fleet.urls());
    const submit = (among?: () => string[]) =>
      submitter.submit(
        {
          audio_url: `${far.url}/missing.wav`,
          callback: true,
          callback_config: { url: far.hook(random.integer(0, ENDPOINTS - 1)) },
        },
        among,
      );
    let over = false;
    const submissions: Promise<unknown>[] = [];
    const submitting = (async () => {
      while (!over) {
        submissions.push(submit());
        await wait(1_000 / rate);
      }
    })();
    const canary = async (slot: number) => {
      const id = await submit(() => fleet.urls().slice(slot, slot + 1));
      await eventually(
        () => far.arrivals.some(({ jobId, status }) => jobId === id && status === 200),
        Boolean,
        180_000,
      );
    };

    const backAfter: Record<string, number> = {};
    for (const fault of faults) {
      await wait(1_500);
      await FAULTS[fault]({ postgres, proxy });
      const from = performance.now();
      await Promise.all(everybody().map((_, slot) => canary(slot)));
      backAfter[fault] = Math.round((performance.now() - from) / 100) / 10;
      tell(`${fault}: called back ${backAfter[fault]} s after its end`);
    }
    over = true;
    await submitting;
    await Promise.all(submissions);
    far.settle();
    const client = new Client({ connectionString: postgres.connectionString });
    await client.connect();
    try {
      if (options.hurry) await endWaits(client);
      const settledSeconds = await settled(client, options.settleSeconds, tell);
      // Endpoints are given back after their last answer is on record.
      await wait(1_000);
      await fleet.stop();
      const { violations, ...books } = await compareBooks(client, submitter.accepted, far.arrivals, {
        databaseCrashed: faults.includes('immediate stop'),
      });
      const all = [...violations, ...fleet.deaths, ...submitter.refusals.map((text) => `refused: ${text}`)];
      if (settledSeconds === null) all.unshift(`not settled after ${options.settleSeconds} s`);
      const { tell: _, ...given } = options;
      return {
        ...given,
        accepted: submitter.accepted.size,
        submitRetries: submitter.retries,
        backAfter,
        settledSeconds: Math.round(settledSeconds ?? -1),
        ...books,
        logWarnings: Object.fromEntries(fleet.warnings),
        logErrors: Object.fromEntries(fleet.errors),
        violations: all.slice(0, 20),
        violationCount: all.length,
      };
    } finally {
      await client.end();
    }
  } finally {
    await fleet.stop();
    await far.close();
    await proxy.close();
    await postgres.stop('fast');
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** `--processes N --rate N --seed N [--fault NAME …]` */
export async function run(
  argv: string[],
): Promise<{ runs: DatabaseFaultsFigures[]; violationCount: number }> {
  const { values } = parseArgs({
    args: argv,
    options: {
      processes: { type: 'string', default: '2' },
      rate: { type: 'string', default: '20' },
      seed: { type: 'string', default: '1' },
      fault: { type: 'string', multiple: true, default: Object.keys(FAULTS) },
    },
  });
  const unknown = values.fault.filter((name) => !(name in FAULTS));
  if (unknown.length > 0) throw new Error(`no such fault: ${unknown}; there are ${Object.keys(FAULTS)}`);
  const chosen = values.fault as Fault[];
  const parts = [
    chosen.filter((name) => name.endsWith('stop')),
    chosen.filter((name) => !name.endsWith('stop')),
  ].filter((faults) => faults.length > 0);
  const runs: DatabaseFaultsFigures[] = [];
  for (const faults of parts)
    runs.push(
      await databaseFaults({
        faults,
        rate: Number(values.rate),
        processes: Number(values.processes),
        seed: Number(values.seed),
        settleSeconds: 180,
        hurry: false,
        tell: (line) => process.stderr.write(`${line}\n`),
      }),
    );
  return { runs, violationCount: runs.reduce((sum, { violationCount }) => sum + violationCount, 0) };
}
