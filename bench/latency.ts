// From the commit of a result to its callback at the receiver: p50 and p99 in milliseconds, idle (one at a time) and
// under load (`--rate N` a second over 20 endpoints). `--deliveries N` (500 idle, 5 s of load).
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { openDelivery } from '../src/store/deliveries.ts';
import { type Ground, machine, openGround, percentile } from './rig/ground.ts';
import { type Sink, startSink } from './rig/sink.ts';

const BODY = Buffer.from(JSON.stringify({ id: 'x', event: 'success', payload: 'x'.repeat(2_000) }));
const LOAD_SECONDS = 5;

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: { deliveries: { type: 'string', default: '500' }, rate: { type: 'string', default: '500' } },
  });
  const ground = await openGround();
  const stop = await ground.deliver();
  const sink = await startSink();
  try {
    const idle = await idleRun(ground, sink, Number(values.deliveries));
    const load = await loadRun(ground, sink, Number(values.rate), Number(values.deliveries));
    return {
      bench: 'latency',
      ...machine(),
      unit: 'ms',
      idle,
      load: { rate_per_s: Number(values.rate), ...load },
    };
  } finally {
    await stop();
    await sink.close();
    await ground.close();
  }
}

/** Wall-clock milliseconds of the commit: the receiver's process is on the same machine and clock. */
async function commit({ database, account }: Ground, url: string): Promise<number> {
  await database.db.transaction().execute((trx) =>
    openDelivery(trx, {
      accountId: account,
      jobId: randomUUID(),
      url,
      method: 'POST',
      event: 'success',
      form: 'full',
      fullBody: BODY,
      referenceBody: BODY,
      waitMs: 0,
    }),
  );
  return performance.timeOrigin + performance.now();
}

async function idleRun(ground: Ground, sink: Sink, count: number) {
  const committed = new Map<number, number>();
  for (let n = 0; n < count; n++) {
    committed.set(n, await commit(ground, `${sink.url}/idle?x=${n}`));
    await sink.reached(n + 1);
  }
  return summary(committed, await sink.arrivals());
}

async function loadRun(ground: Ground, sink: Sink, rate: number, from: number) {
  const committed = new Map<number, number>();
  const started = performance.now();
  const total = rate * LOAD_SECONDS;
  const open: Promise<void>[] = [];
  for (let n = 0; n < total; n++) {
    const due = started + (n / rate) * 1_000;
    if (performance.now() < due) await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
    const number = from + n;
    open.push(
      commit(ground, `${sink.url}/load/${n % 20}?x=${number}`).then((at) => {
        committed.set(number, at);
      }),
    );
  }
  await Promise.all(open);
  await sink.reached(from + total);
  return summary(committed, await sink.arrivals());
}

function summary(committed: ReadonlyMap<number, number>, arrivals: ReadonlyMap<number, number>) {
  const waits = [...committed]
    .map(([n, at]) => Math.max(0, (arrivals.get(n) ?? Number.NaN) - at))
    .sort((a, b) => a - b);
  const round = (value: number) => Number(value.toFixed(1));
  return { n: waits.length, p50: round(percentile(waits, 0.5)), p99: round(percentile(waits, 0.99)) };
}
