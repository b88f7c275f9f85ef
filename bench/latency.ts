// From the commit of a result to its callback at the receiver: p50 and p99 in milliseconds, idle (one at a time) and
// under load (`--rate N` a second over 20 endpoints). `--deliveries N` (500 idle, 5 s of load).
import { parseArgs } from 'node:util';
import { commit, commitAtRate, summary, waits } from './rig/commits.ts';
import { type Ground, machine, openGround } from './rig/ground.ts';
import { type Sink, startSink } from './rig/sink.ts';

const LOAD_SECONDS = 5;

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: { deliveries: { type: 'string', default: '500' }, rate: { type: 'string', default: '500' } },
  });
  const ground = await openGround({ used: true });
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

async function idleRun(ground: Ground, sink: Sink, count: number) {
  const committed = new Map<number, number>();
  for (let n = 0; n < count; n++) {
    committed.set(n, await commit(ground, `${sink.url}/idle?x=${n}`));
    await sink.reached(n + 1);
  }
  return summary(await waits(committed, sink));
}

async function loadRun(ground: Ground, sink: Sink, rate: number, from: number) {
  const total = rate * LOAD_SECONDS;
  const url = (number: number) => `${sink.url}/load/${number % 20}?x=${number}`;
  const commits = await commitAtRate(ground, { rate, total, from, url });
  await sink.reached(from + total);
  return summary(await waits(commits, sink));
}
