// The kill loop: several servers on one PostgreSQL, SIGKILLed at random while jobs come in and receivers flap.
import { setTimeout as wait } from 'node:timers/promises';
import { startEmbedded } from '../../src/store/embedded.ts';
import { type BalancedFigures, type BalancedOptions, balanced } from './balanced.ts';
import { readOptions, tell } from './options.ts';

export type KillLoopOptions = BalancedOptions & {
  /** Kills go on this long; longer when the deliveries are not all submitted by then, unless in a hurry. */
  seconds: number;
  deliveries: number;
  /** Share of jobs with real speech; the others' audio is a 404. */
  clips: number;
};

export type KillLoopFigures = Omit<KillLoopOptions, 'tell'> & BalancedFigures & { killSeconds: number };

const ENDPOINTS = 40;
/** Many, because most of the time most of them wait for a process that was just killed. */
const SUBMITTERS = 32;
/** SIGKILL every so many milliseconds. */
const KILL_EVERY = [500, 3_000] as const;
/** How often the process that is drawn is killed though it is still starting: always, and on a busy machine none ever works. */
const KILL_STARTING = 0.2;
/** 100 attempts: a flapping receiver may not use the schedule up. */
const SCHEDULE = ['0s', ...Array(19).fill('1s'), ...Array(80).fill('3s')].join(',');

export function killLoop(options: KillLoopOptions): Promise<KillLoopFigures> {
  const { seconds, processes, deliveries, tell } = options;
  const ground = {
    name: 'kill-loop',
    startPostgres: (folder: string) =>
      startEmbedded({ dataDirectory: folder, settings: { max_connections: 300 }, log: () => {} }),
    farEnd: { endpoints: ENDPOINTS, spells: { good: [3_000, 15_000], bad: [500, 4_000] }, blips: 0.02 },
    settings: {
      RINGBACK_WORKERS: '6',
      RINGBACK_RETRY_SCHEDULE: SCHEDULE,
      // A killed process's jobs count until their leases end, and here a hundred die a minute, all of one account.
      RINGBACK_MAX_CONCURRENT_JOBS: 'off',
    },
  } as const;
  return balanced(options, ground, async ({ random, far, fleet, submitter }) => {
    const [killRandom, jobRandom] = [random.split(), random.split()];
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
    return { killSeconds: Math.round(killSeconds) };
  });
}

/** `--minutes N --processes N --deliveries N --clips SHARE --seed N` */
export function run(argv: string[]): Promise<KillLoopFigures> {
  const { minutes, ...given } = readOptions(argv, {
    minutes: 5,
    processes: 3,
    deliveries: 10_000,
    // At 0.01 and load 11 all workers were busy with the speech of killed runs: two minutes of kills saw 389 callbacks.
    clips: 0.001,
    seed: 1,
  });
  return killLoop({ ...given, seconds: minutes * 60, settleSeconds: 900, hurry: false, tell });
}
