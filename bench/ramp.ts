// An endpoint comes back with many due: arrivals in each second after its first. `--backlog N` (100000),
// `--concurrency N` (64, so that the slow start and not the endpoint's own limit is seen), `--seconds N` (30).
import { parseArgs } from 'node:util';
import { listEndpoints } from '../src/store/endpoint-list.ts';
import { enableEndpoint } from '../src/store/endpoints.ts';
import { machine, openGround } from './rig/ground.ts';
import { startSink } from './rig/sink.ts';

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: {
      backlog: { type: 'string', default: '100000' },
      concurrency: { type: 'string', default: '64' },
      seconds: { type: 'string', default: '30' },
    },
  });
  const ground = await openGround();
  const sink = await startSink();
  try {
    await ground.fill([`${sink.url}/back`], Number(values.backlog));
    const [endpoint] = await listEndpoints(ground.database.db, ground.account);
    await enableEndpoint(ground.database.db, ground.account, endpoint?.id as string);
    const stop = await ground.deliver({ endpointConcurrency: Number(values.concurrency) });
    await new Promise((resolve) => setTimeout(resolve, Number(values.seconds) * 1_000));
    await stop();
    const times = [...(await sink.arrivals()).values()].sort((a, b) => a - b);
    const perSecond: number[] = [];
    for (const time of times) {
      const second = Math.floor((time - (times[0] as number)) / 1_000);
      perSecond[second] = (perSecond[second] ?? 0) + 1;
    }
    return {
      bench: 'ramp',
      ...machine(),
      backlog: Number(values.backlog),
      concurrency: Number(values.concurrency),
      arrivals_by_second: Array.from(perSecond, (count) => count ?? 0),
    };
  } finally {
    await sink.close();
    await ground.close();
  }
}
