// From the commit of a result to its callback at the receiver: p50 and p99 in milliseconds, idle (one at a time), under
// load (`--rate N` a second over 20 endpoints), and with all of it for one endpoint (`--one LIST`, 300,1000 a second; 16
// attempts at a time, as 1,000 a second need). `--deliveries N` (500 idle, 5 s of each load).
import { parseArgs } from 'node:util';
import type { DeliverDeps } from '../src/deliver/start.ts';
import { commit, commitAtRate, summary, waits } from './rig/commits.ts';
import { type Ground, machine, openGround } from './rig/ground.ts';
import { type Sink, startSink } from './rig/sink.ts';

const LOAD_SECONDS = 5;

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: {
      deliveries: { type: 'string', default: '500' },
      rate: { type: 'string', default: '500' },
      one: { type: 'string', default: '300,1000' },
    },
  });
  const ground = await openGround({ used: true });
  const rate = Number(values.rate);
  try {
    const spread = await sending(ground, {}, async (sink) => {
      const idle = await idleRun(ground, sink, Number(values.deliveries));
      const load = await loadRun(ground, sink, { rate, endpoints: 20, from: Number(values.deliveries) });
      return { idle, load: { rate_per_s: rate, ...load } };
    });
    const one: Record<string, unknown> = {};
    for (const rate of values.one.split(',').map(Number))
      one[rate] = await sending(ground, { endpointConcurrency: 16 }, (sink) =>
        loadRun(ground, sink, { rate, endpoints: 1, from: 0 }),
      );
    return { bench: 'latency', ...machine(), unit: 'ms', ...spread, one_endpoint_by_rate_per_s: one };
  } finally {
    await ground.close();
  }
}

/** With the role at work and a receiver. */
async function sending<T>(
  ground: Ground,
  options: Partial<DeliverDeps>,
  work: (sink: Sink) => Promise<T>,
): Promise<T> {
  const stop = await ground.deliver(options);
  const sink = await startSink();
  try {
    return await work(sink);
  } finally {
    await stop();
    await sink.close();
    await ground.clear();
  }
}

async function idleRun(ground: Ground, sink: Sink, count: number) {
  const committed = new Map<number, number>();
  for (let n = 0; n < count; n++) {
    committed.set(n, await commit(ground, `${sink.url}/idle?x=${n}`));
    await sink.reached(n + 1);
  }
  return summary(await waits(committed, sink));
}

type Load = { rate: number; endpoints: number; from: number };

async function loadRun(ground: Ground, sink: Sink, { rate, endpoints, from }: Load) {
  const total = rate * LOAD_SECONDS;
  const url = (number: number) => `${sink.url}/load/${number % endpoints}?x=${number}`;
  const commits = await commitAtRate(ground, { rate, total, from, url });
  await sink.reached(from + total);
  return summary(await waits(commits, sink, from));
}
