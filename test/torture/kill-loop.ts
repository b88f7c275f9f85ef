// The kill loop: several servers on one PostgreSQL, SIGKILLed at random while jobs come in and receivers flap; then
// nobody is killed any more, the receivers are well, and the books must balance.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { generateSecret } from '../../src/signature.ts';
import { startEmbedded } from '../../src/store/embedded.ts';
import { eventually } from '../rig/eventually.ts';
import { type Books, compareBooks } from './books.ts';
import { startFarEnd } from './far-end.ts';
import { startFleet } from './fleet.ts';
import { randomFrom } from './random.ts';
import { createSubmitter } from './submitter.ts';
import { endWaits, settled } from './waits.ts';

export type KillLoopOptions = {
  /** Kills go on this long; longer when the deliveries are not all submitted by then, unless in a hurry. */
  seconds: number;
  processes: number;
  deliveries: number;
  /** Share of jobs with real speech; the others' audio is a 404. */
  clips: number;
  seed: number;
  /** Seconds the settling may take. */
  settleSeconds: number;
  /** On a busy machine most of the time goes into starting: no kills after `seconds`, and waits are cut short then. */
  hurry: boolean;
  tell: (line: string) => void;
};

export type KillLoopFigures = Omit<KillLoopOptions, 'tell'> &
  Omit<Books, 'violations'> & {
    accepted: number;
    submitRetries: number;
    kills: number;
    lives: number;
    killSeconds: number;
    settledSeconds: number;
    mostAtOnceAtAnEndpoint: number;
    moods: Record<string, number>;
    logErrors: Record<string, number>;
    violations: string[];
    violationCount: number;
  };

const ENDPOINTS = 40;
/** Many, because most of the time most of them wait for a process that was just killed. */
const SUBMITTERS = 32;
/** SIGKILL every so many milliseconds. */
const KILL_EVERY = [500, 3_000] as const;
/** How often the process that is drawn is killed though it is still starting: always, and on a busy machine none ever works. */
const KILL_STARTING = 0.2;
/** 100 attempts: a flapping receiver may not use the schedule up. */
const SCHEDULE = ['0s', ...Array(19).fill('1s'), ...Array(80).fill('3s')].join(',');
const CLIP = new URL('../fixtures/speech/all-circuits-busy-now.wav', import.meta.url);

export async function killLoop(options: KillLoopOptions): Promise<KillLoopFigures> {
  const { seconds, processes, deliveries, seed, tell } = options;
  const random = randomFrom(seed);
  const [farRandom, killRandom, jobRandom] = [random.split(), random.split(), random.split()];
  const folder = await mkdtemp(join(tmpdir(), 'ringback-kill-loop-'));
  const postgres = await startEmbedded({
    dataDirectory: folder,
    settings: { max_connections: 300 },
    log: () => {},
  });
  const secret = generateSecret();
  const far = await startFarEnd({
    random: farRandom,
    secret,
    endpoints: ENDPOINTS,
    clip: await readFile(CLIP),
    spells: { good: [3_000, 15_000], bad: [500, 4_000] },
    blips: 0.02,
  });
  const fleet = startFleet({
    size: processes,
    databaseUrl: postgres.connectionString,
    folder,
    settings: {
      RINGBACK_SIGNING_SECRET: secret,
      RINGBACK_MODEL: 'moonshine-tiny',
      RINGBACK_WORKERS: '6',
      RINGBACK_CALLBACK_TIMEOUT: '2s',
      RINGBACK_RETRY_SCHEDULE: SCHEDULE,
      // A killed process's jobs count until their leases end, and here a hundred die a minute, all of one account.
      RINGBACK_MAX_CONCURRENT_JOBS: 'off',
    },
  });
  const slots = Array.from({ length: processes }, (_, slot) => slot);
  const client = new Client({ connectionString: postgres.connectionString });
  await client.connect();
  try {
    await eventually(
      () => slots.map((slot) => fleet.isUp(slot)),
      (up) => up.every(Boolean),
      120_000,
    );
    const submitter = createSubmitter(() => fleet.urls());
    const started = performance.now();
    const elapsed = () => (performance.now() - started) / 1_000;
    let submitted = 0;

    const submitting = Array.from({ length: SUBMITTERS }, async () => {
      while (submitted < deliveries) {
        const number = submitted++;
        // Evenly over the time there is, so that the last second is tortured like the first.
        const ahead = (number / deliveries) * seconds - elapsed();
        if (ahead > 0) await wait(ahead * 1_000);
        const speech = jobRandom.next() < options.clips;
        await submitter.submit({
          audio_url: `${far.url}/${speech ? 'clip' : 'missing'}.wav`,
          callback: true,
          callback_config: { url: `${far.hook(jobRandom.integer(0, ENDPOINTS - 1))}?n=${number}` },
        });
      }
    });
    let allSubmitted = false;
    const submissions = Promise.all(submitting).then(() => {
      allSubmitted = true;
    });
    let told = 0;
    while (elapsed() < seconds || !(allSubmitted || options.hurry)) {
      await wait(killRandom.integer(...KILL_EVERY));
      const slot = killRandom.integer(0, processes - 1);
      const merciless = killRandom.next() < KILL_STARTING;
      if (merciless || fleet.isUp(slot)) fleet.kill(slot);
      if (elapsed() > told + 15) {
        told = elapsed();
        tell(
          `${Math.round(told)} s: ${fleet.kills} kills, ${submitter.accepted.size} accepted, ${far.arrivals.length} callbacks`,
        );
      }
    }
    const killSeconds = elapsed();
    await submissions;

    far.settle();
    if (options.hurry) await endWaits(client);
    const settledSeconds = await settled(client, options.settleSeconds, tell);
    // Endpoints are given back after their last answer is on record.
    await wait(1_000);
    await fleet.stop();
    const { violations, ...books } = await compareBooks(client, submitter.accepted, far.arrivals);
    const all = [...violations, ...fleet.deaths, ...submitter.refusals.map((text) => `refused: ${text}`)];
    if (settledSeconds === null) all.unshift(`not settled after ${options.settleSeconds} s`);
    const { tell: _, ...given } = options;
    return {
      ...given,
      accepted: submitter.accepted.size,
      submitRetries: submitter.retries,
      kills: fleet.kills,
      lives: fleet.lives,
      killSeconds: Math.round(killSeconds),
      settledSeconds: Math.round(settledSeconds ?? -1),
      ...books,
      mostAtOnceAtAnEndpoint: far.mostAtOnce,
      moods: countBy(far.arrivals, (arrival) => arrival.mood),
      logErrors: Object.fromEntries(fleet.errors),
      violations: all.slice(0, 20),
      violationCount: all.length,
    };
  } finally {
    await fleet.stop();
    await client.end();
    await far.close();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function countBy<T>(items: readonly T[], key: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1;
  return counts;
}

/** `--minutes N --processes N --deliveries N --clips SHARE --seed N` */
export async function run(argv: string[]): Promise<KillLoopFigures> {
  const { values } = parseArgs({
    args: argv,
    options: {
      minutes: { type: 'string', default: '5' },
      processes: { type: 'string', default: '3' },
      deliveries: { type: 'string', default: '10000' },
      // At 0.01 and load 11 all workers were busy with the speech of killed runs: two minutes of kills saw 389 callbacks.
      clips: { type: 'string', default: '0.001' },
      seed: { type: 'string', default: '1' },
    },
  });
  return killLoop({
    seconds: Number(values.minutes) * 60,
    processes: Number(values.processes),
    deliveries: Number(values.deliveries),
    clips: Number(values.clips),
    seed: Number(values.seed),
    settleSeconds: 900,
    hurry: false,
    tell: (line) => process.stderr.write(`${line}\n`),
  });
}
