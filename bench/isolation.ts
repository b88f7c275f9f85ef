// 100 healthy endpoints at 200 deliveries a second, with and without one dead endpoint that holds 100,000 due
// deliveries: milliseconds from commit to receiver of the healthy ones. `--seconds N` (10), `--backlog N` (100000),
// `--rounds N` (5): by turns without and with, and all of each together, since 1 % of ten seconds is one bad moment of
// the machine's.
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { openDelivery } from '../src/store/deliveries.ts';
import { type Ground, machine, openGround, percentile } from './rig/ground.ts';
import { startSink } from './rig/sink.ts';

const HEALTHY = 100;
const RATE = 200;
const WARM_UP_S = 3;
const BODY = Buffer.from(JSON.stringify({ id: 'x', event: 'success', payload: 'x'.repeat(2_000) }));

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: {
      seconds: { type: 'string', default: '10' },
      backlog: { type: 'string', default: '100000' },
      rounds: { type: 'string', default: '5' },
    },
  });
  const ground = await openGround();
  try {
    // The first seconds of a process are its compiler's: without this the first of the two runs measures them.
    await healthyRun(ground, WARM_UP_S, 0);
    const without: Run[] = [];
    const beside: Run[] = [];
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
  const committed = new Map<number, number>();
  const started = performance.now();
  const total = (seconds + WARM_UP_S) * RATE;
  const open: Promise<void>[] = [];
  for (let n = 0; n < total; n++) {
    const due = started + (n / RATE) * 1_000;
    const early = due - performance.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    open.push(
      ground.database.db
        .transaction()
        .execute((trx) =>
          openDelivery(trx, {
            accountId: ground.account,
            jobId: randomUUID(),
            url: `${sink.url}/${n % HEALTHY}?x=${n}`,
            method: 'POST',
            event: 'success',
            form: 'full',
            fullBody: BODY,
            referenceBody: BODY,
            waitMs: 0,
          }),
        )
        .then(() => {
          committed.set(n, performance.timeOrigin + performance.now());
        }),
    );
  }
  await Promise.all(open);
  await sink.reached(total);
  const arrivals = await sink.arrivals();
  const deadAttempts = await dead.count();
  await Promise.all([sink.close(), dead.close()]);
  await stop();
  await ground.clear();
  const waits = [...committed]
    .filter(([n]) => n >= WARM_UP_S * RATE)
    .map(([n, at]) => Math.max(0, (arrivals.get(n) ?? Number.NaN) - at));
  return { waits, deadAttempts };
}

function figures(runs: readonly Run[]) {
  const of = (waits: readonly number[]) => {
    const sorted = waits.toSorted((a, b) => a - b);
    const rounded = (share: number) => Number(percentile(sorted, share).toFixed(1));
    return { p50: rounded(0.5), p99: rounded(0.99) };
  };
  const all = runs.flatMap(({ waits }) => waits);
  return {
    n: all.length,
    ...of(all),
    p99_by_round: runs.map(({ waits }) => of(waits).p99),
    dead_attempts: runs.map(({ deadAttempts }) => deadAttempts),
  };
}
