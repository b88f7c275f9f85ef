// Faults of the database under several servers at work: restarts, and a network between that cuts, refuses, delays or
// falls silent. After each one the time until a job submitted then has been called back; at the end the books.
import { setTimeout as wait } from 'node:timers/promises';
import { eventually } from '../rig/eventually.ts';
import { startProxy, type TcpProxy } from '../rig/proxy.ts';
import { type RestartablePostgres, startRestartablePostgres } from '../rig/restartable-postgres.ts';
import { type BalancedFigures, type BalancedOptions, balanced } from './balanced.ts';
import { readOptions, tell } from './options.ts';

type Stage = { postgres: RestartablePostgres; proxy: TcpProxy };

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
} as const satisfies Record<string, (scene: Stage) => Promise<void>>;
export type Fault = keyof typeof FAULTS;

async function restart(postgres: RestartablePostgres, mode: 'fast' | 'immediate'): Promise<void> {
  await postgres.stop(mode);
  await wait(1_000);
  await postgres.start();
}

export type DatabaseFaultsOptions = BalancedOptions & {
  faults: readonly Fault[];
  /** Jobs submitted a second, all the time. */
  rate: number;
};

export type DatabaseFaultsFigures = Omit<DatabaseFaultsOptions, 'tell'> &
  BalancedFigures & {
    /** Per fault, from its end: seconds until jobs submitted then to each process were called back. */
    backAfter: Record<string, number>;
  };

const ENDPOINTS = 20;

/** Reached through the proxy, except for restarts: a proxy would still accept. */
async function startStage(folder: string, faults: readonly Fault[]) {
  const postgres = await startRestartablePostgres(folder);
  const proxy = await startProxy(postgres.port);
  const url = new URL(postgres.connectionString);
  if (faults.every((fault) => !fault.endsWith('stop'))) url.port = String(proxy.port);
  return {
    postgres,
    proxy,
    connectionString: postgres.connectionString,
    serversUrl: url.href,
    stop: async () => {
      await proxy.close();
      await postgres.stop('fast');
    },
  };
}

export function databaseFaults(options: DatabaseFaultsOptions): Promise<DatabaseFaultsFigures> {
  const { faults, rate, processes, tell } = options;
  const ground = {
    name: 'database-faults',
    startPostgres: (folder: string) => startStage(folder, faults),
    farEnd: { endpoints: ENDPOINTS, blips: 0.03, answerAfterMs: 100 },
    settings: {
      RINGBACK_WORKERS: '4',
      RINGBACK_RETRY_SCHEDULE: ['0s', ...Array(99).fill('1s')].join(','),
    },
    databaseCrashed: faults.includes('immediate stop'),
  };
  return balanced(options, ground, async ({ random, postgres, far, fleet, submitter }) => {
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
      await FAULTS[fault](postgres);
      const from = performance.now();
      await Promise.all(Array.from({ length: processes }, (_, slot) => canary(slot)));
      backAfter[fault] = Math.round((performance.now() - from) / 100) / 10;
      tell(`${fault}: called back ${backAfter[fault]} s after its end`);
    }
    over = true;
    await submitting;
    await Promise.all(submissions);
    return { backAfter };
  });
}

/** `--processes N --rate N --seed N [--fault NAME …]` */
export async function run(
  argv: string[],
): Promise<{ runs: DatabaseFaultsFigures[]; violationCount: number }> {
  const { fault, ...given } = readOptions(argv, {
    processes: 2,
    rate: 20,
    seed: 1,
    fault: Object.keys(FAULTS),
  });
  const unknown = fault.filter((name) => !(name in FAULTS));
  if (unknown.length > 0) throw new Error(`no such fault: ${unknown}; there are ${Object.keys(FAULTS)}`);
  const chosen = fault as Fault[];
  const parts = [
    chosen.filter((name) => name.endsWith('stop')),
    chosen.filter((name) => !name.endsWith('stop')),
  ].filter((faults) => faults.length > 0);
  const runs: DatabaseFaultsFigures[] = [];
  for (const faults of parts)
    runs.push(await databaseFaults({ ...given, faults, settleSeconds: 180, hurry: false, tell }));
  return { runs, violationCount: runs.reduce((sum, { violationCount }) => sum + violationCount, 0) };
}
