// Callbacks to 20 healthy endpoints at 200 a second, alone and beside receivers that hang, of the same and of another account:
// milliseconds from commit to receiver of the healthy ones. `--seconds N` (10) of each, `--rounds N` (1): by turns with
// the run alone, and all of each together, since 1 % of ten seconds is one bad moment of the machine's. `--beside LIST`:
// some of the rows only. `--backlog N` (100000): due at the dead endpoint. `--many N` (2000): paths, or hosts.
import { parseArgs } from 'node:util';
import { commitAtRate, summary, waits } from './rig/commits.ts';
import { type Ground, machine, openGround } from './rig/ground.ts';
import { type SinkMode, startSink } from './rig/sink.ts';

const HEALTHY = 20;
const RATE = 200;
const WARM_UP_S = 3;
/** As the program has it unless told otherwise. */
const DEADLINE_MS = 15_000;

type Neighbour = { mode: SinkMode; hosts: number; paths: number; deliveries: number };

const neighbours = (backlog: number, many: number) =>
  ({
    'dead endpoint': { mode: 'silent', hosts: 1, paths: 1, deliveries: backlog },
    'dead host': { mode: 'silent', hosts: 1, paths: many, deliveries: many },
    'dead hosts': { mode: 'silent', hosts: many, paths: 1, deliveries: many },
    'slow host': { mode: 'slow', hosts: 1, paths: many, deliveries: many },
    'slow hosts': { mode: 'slow', hosts: many, paths: 1, deliveries: many },
  }) satisfies Record<string, Neighbour>;

type Run = { waits: number[]; first: number; attempts: number };

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: {
      seconds: { type: 'string', default: '10' },
      backlog: { type: 'string', default: '100000' },
      many: { type: 'string', default: '2000' },
      rounds: { type: 'string', default: '1' },
      beside: { type: 'string' },
    },
  });
  const seconds = Number(values.seconds);
  const all = Object.entries(neighbours(Number(values.backlog), Number(values.many)));
  const chosen = values.beside?.split(',');
  const kinds = all.filter(([name]) => chosen?.includes(name) ?? true);
  const ground = await openGround({ used: true });
  try {
    // The first seconds of a process are its compiler's: without this the first of the runs measures them.
    await healthyRun(ground, WARM_UP_S, null);
    const alone: Run[] = [];
    const beside: Record<string, Run[]> = {};
    for (let round = 0; round < Number(values.rounds); round++)
      for (const [name, neighbour] of kinds) {
        alone.push(await healthyRun(ground, seconds, null));
        for (const account of [ground.account, ground.otherAccount]) {
          const row = `${name}, ${account === ground.account ? 'same' : 'another'} account`;
          beside[row] = [
            ...(beside[row] ?? []),
            await healthyRun(ground, seconds, { ...neighbour, account }),
          ];
        }
      }
    const { p99 } = figures(alone);
    return {
      bench: 'isolation',
      ...machine(),
      unit: 'ms',
      healthy_endpoints: HEALTHY,
      rate_per_s: RATE,
      alone: figures(alone),
      beside: Object.fromEntries(
        Object.entries(beside).map(([name, runs]) => {
          const found = figures(runs);
          return [name, { ...found, p99_ratio: Number((found.p99 / p99).toFixed(2)) }];
        }),
      ),
    };
  } finally {
    await ground.close();
  }
}

async function healthyRun(
  ground: Ground,
  seconds: number,
  neighbour: (Neighbour & { account: string }) | null,
): Promise<Run> {
  const sink = await startSink('answer', HEALTHY);
  const hanging = neighbour && (await startSink(neighbour.mode, neighbour.hosts));
  if (neighbour && hanging) {
    const urls = hanging.urls.flatMap((url) =>
      Array.from({ length: neighbour.paths }, (_, n) => `${url}/hooks/${n}`),
    );
    await ground.fill(urls, neighbour.deliveries, neighbour.account);
  }
  const stop = await ground.deliver({ deadlineMs: DEADLINE_MS });
  const total = (seconds + WARM_UP_S) * RATE;
  const commits = await commitAtRate(ground, {
    rate: RATE,
    total,
    url: (n) => `${sink.urls[n % HEALTHY]}/hooks?x=${n}`,
  });
  await sink.reached(total);
  const measured = await waits(commits, sink, WARM_UP_S * RATE);
  const first = Math.max(...(await waits(commits, sink, 0, HEALTHY)));
  const attempts = (await hanging?.count()) ?? 0;
  await Promise.all([sink.close(), hanging?.close()]);
  await stop();
  await ground.clear();
  return { waits: measured, first, attempts };
}

function figures(runs: readonly Run[]) {
  return {
    ...summary(runs.flatMap((run) => run.waits)),
    /** The longest of the first callbacks to each endpoint, of which nothing was known yet. */
    first_max: Math.round(Math.max(...runs.map((run) => run.first))),
    attempts_of_neighbour: runs.map((run) => run.attempts),
  };
}
