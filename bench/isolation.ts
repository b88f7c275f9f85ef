// 100 healthy endpoints at 200 deliveries a second, with and without one dead endpoint that holds 100,000 due
// deliveries: milliseconds from commit to receiver of the healthy ones. `--seconds N` (10), `--backlog N` (100000),
// `--rounds N` (5): by turns without and with, and all of each together, since 1 % of ten seconds is one bad moment of
// the machine's.
import { parseArgs } from 'node:util';
import { commitAtRate, summary, waits } from './rig/commits.ts';
import { type Ground, machine, openGround } from './rig/ground.ts';
import { startSink } from './rig/sink.ts';

const HEALTHY = 100;
const RATE = 200;
const WARM_UP_S = 3;

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: {
      seconds: { type: 'string', default: '10' },
      backlog: { type: 'string', default: '100000' },
      rounds: { type: 'string', default: '5' },
    },
  });
  const ground = await openGround({ used: true });
  try {
    // The first seconds of a process are its compiler's: without this the first of the two runs measures them.
    await healthyRun(ground, WARM_UP_S, 0);
    const [without, beside]: [Run[], Run[]] = [[], []];
    for (let round = 0; round < Number(values.rounds); round++) {
      without.push(await healthyRun(ground, Number(values.seconds), 0));
      beside.push(await healthyRun(ground, Number(values.seconds), Number(values.backlog)));
    }
    const [alone, together] = [figures(without), figures(beside)];
    return {
      bench: 'isolation',
      ...machine(),
      unit: 'ms',
      healthy_endpoints: HEALTHY,
      rate_per_s: RATE,
      backlog: Number(values.backlog),
      without_dead: alone,
      beside_dead: together,
      p99_ratio: Number((together.p99 / alone.p99).toFixed(2)),
    };
  } finally {
    await ground.close();
  }
}

type Run = { waits: number[]; deadAttempts: number };

async function healthyRun(ground: Ground, seconds: number, backlog: number): Promise<Run> {
  const sink = await startSink();
  const dead = await startSink('silent');
  if (backlog > 0) await ground.fill([`${dead.url}/dead`], backlog);
  const stop = await ground.deliver({ deadlineMs: 5_000 });
  const total = (seconds + WARM_UP_S) * RATE;
  const commits = await commitAtRate(ground, {
    rate: RATE,
    total,
    url: (n) => `${sink.url}/${n % HEALTHY}?x=${n}`,
  });
  await sink.reached(total);
  const measured = await waits(commits, sink, WARM_UP_S * RATE);
  const deadAttempts = await dead.count();
  await Promise.all([sink.close(), dead.close()]);
  await stop();
  await ground.clear();
  return { waits: measured, deadAttempts };
}

function figures(runs: readonly Run[]) {
  return {
    ...summary(runs.flatMap((run) => run.waits)),
    p99_by_round: runs.map((run) => summary(run.waits).p99),
    dead_attempts: runs.map((run) => run.deadAttempts),
  };
}
