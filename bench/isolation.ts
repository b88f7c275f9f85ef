// 100 healthy endpoints at 200 deliveries a second, with and without one dead endpoint that holds 100,000 due
// deliveries: milliseconds from commit to receiver of the healthy ones. `--seconds N` (20), `--backlog N` (100000).
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
    options: { seconds: { type: 'string', default: '20' }, backlog: { type: 'string', default: '100000' } },
  });
  const ground = await openGround();
  try {
    // The first seconds of a process are its compiler's: without this the first of the two runs measures them.
    await healthyRun(ground, WARM_UP_S, 0);
    const without = await healthyRun(ground, Number(values.seconds), 0);
    const beside = await healthyRun(ground, Number(values.seconds), Number(values.backlog));
    return {
      bench: 'isolation',
      ...machine(),
      unit: 'ms',
      healthy_endpoints: HEALTHY,
      rate_per_s: RATE,
      backlog: Number(values.backlog),
      without_dead: without,
      beside_dead: beside,
      p99_ratio: Number((beside.p99 / without.p99).toFixed(2)),
    };
  } finally {
    await ground.close();
  }
}

async function healthyRun(ground: Ground, seconds: number, backlog: number) {
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
    if (performance.now() < due) await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
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
    .map(([n, at]) => Math.max(0, (arrivals.get(n) ?? Number.NaN) - at))
    .sort((a, b) => a - b);
  const round = (value: number) => Number(value.toFixed(1));
  return {
    n: waits.length,
    p50: round(percentile(waits, 0.5)),
    p99: round(percentile(waits, 0.99)),
    dead_attempts: deadAttempts,
  };
}
