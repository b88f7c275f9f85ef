// Deliveries per second, and processor time of each, with everything on, beside a bare pg-boss + undici loop and raw
// undici: in the same run, the same bytes to the same receiver, each after a quarter of the work to warm up.
// `--deliveries N` (20000), `--endpoints LIST` (1,20,1000), `--concurrency N` per endpoint (4), `--rounds N` (1): bare
// and ours by turns.
import { parseArgs } from 'node:util';
import { PgBoss } from 'pg-boss';
import { Pool } from 'undici';
import { type CpuPerItem, startCpu } from './rig/cpu.ts';
import { BODY, type Ground, machine, openGround } from './rig/ground.ts';
import { type Sink, startSink } from './rig/sink.ts';

const IN_FLIGHT = 80;
const FETCH = 50;
const FETCHERS = 4;

type Figures = { per_s: number } & CpuPerItem;

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: {
      deliveries: { type: 'string', default: '20000' },
      endpoints: { type: 'string', default: '1,20,1000' },
      concurrency: { type: 'string', default: '4' },
      rounds: { type: 'string', default: '1' },
    },
  });
  const count = Number(values.deliveries);
  const concurrency = Number(values.concurrency);
  const spread = values.endpoints.split(',').map(Number);
  const ground = await openGround({ used: true });
  try {
    const warmUp = Math.ceil(count / 4);
    await pgBossLoop(ground, warmUp, IN_FLIGHT);
    await ringbackRun(ground, warmUp, 20, concurrency);
    const bare: Record<number, Figures[]> = {};
    const ringback: Record<number, Figures[]> = {};
    for (let round = 0; round < Number(values.rounds); round++)
      for (const endpoints of spread) {
        const inFlight = Math.min(IN_FLIGHT, endpoints * concurrency);
        // Once for all that are given as many requests at a time.
        const others = bare[inFlight] ?? [];
        if (others.length <= round) bare[inFlight] = [...others, await pgBossLoop(ground, count, inFlight)];
        const own = await ringbackRun(ground, count, endpoints, concurrency);
        ringback[endpoints] = [...(ringback[endpoints] ?? []), own];
      }
    await rawUndici(warmUp);
    const raw = await rawUndici(count);
    return {
      bench: 'deliver',
      ...machine(),
      deliveries: count,
      concurrency_per_endpoint: concurrency,
      ringback_by_endpoints: ringback,
      pg_boss_undici_by_requests_at_a_time: bare,
      raw_undici_per_s: raw,
      ratio_to_pg_boss_by_endpoints: Object.fromEntries(
        spread.map((endpoints) => [
          endpoints,
          ringback[endpoints]?.map((own, round) => {
            const other = bare[Math.min(IN_FLIGHT, endpoints * concurrency)]?.[round];
            return Number((own.per_s / (other?.per_s ?? Number.NaN)).toFixed(2));
          }),
        ]),
      ),
    };
  } finally {
    await ground.close();
  }
}

/** From the start of the role to the last answer on record. */
async function ringbackRun(
  ground: Ground,
  count: number,
  endpoints: number,
  concurrency: number,
): Promise<Figures> {
  const sink = await startSink();
  await ground.fill(
    Array.from({ length: endpoints }, (_, n) => `${sink.url}/hooks/${n}`),
    count,
  );
  const cpu = await startCpu(ground.postmaster);
  const started = performance.now();
  const stop = await ground.deliver({ endpointConcurrency: concurrency });
  await sink.reached(count);
  await stop();
  const took = performance.now() - started;
  const used = await cpu(count);
  const { n } = await ground.database.db
    .selectFrom('delivery')
    .select((e) => e.fn.countAll<number>().as('n'))
    .where('state', '=', 'delivered')
    .executeTakeFirstOrThrow();
  if (n !== count || (await sink.count()) !== count) throw new Error(`${n} of ${count} delivered`);
  await sink.close();
  await ground.clear();
  return { per_s: perSecond(count, took), ...used };
}

/** The least that could be called a webhook sender on a job queue: no signature, no policy, no record, no limits. */
async function pgBossLoop(ground: Ground, count: number, inFlight: number): Promise<Figures> {
  const boss = new PgBoss({
    connectionString: ground.connectionString,
    schema: 'bare',
    schedule: false,
    supervise: false,
  });
  boss.on('error', (error) => {
    throw error;
  });
  await boss.start();
  await boss.createQueue('send');
  const sink = await startSink();
  const jobs = Array.from({ length: count }, (_, n) => ({ data: { url: `/hooks?x=${n}`, body: BODY } }));
  while (jobs.length > 0) await boss.insert('send', jobs.splice(0, 5_000));
  const pool = new Pool(sink.url, { connections: inFlight });
  const cpu = await startCpu(ground.postmaster);
  const started = performance.now();
  const worker = async () => {
    for (;;) {
      const batch = await boss.fetch<{ url: string; body: string }>('send', { batchSize: FETCH });
      if (batch.length === 0) return;
      await Promise.all(
        batch.map(async ({ data }) => {
          const { body } = await pool.request({ path: data.url, method: 'POST', body: data.body });
          await body.dump();
        }),
      );
      await boss.complete(
        'send',
        batch.map((job) => job.id),
      );
    }
  };
  await Promise.all(Array.from({ length: FETCHERS }, worker));
  const took = performance.now() - started;
  const used = await cpu(count);
  if ((await sink.count()) !== count) throw new Error('the bare loop lost some');
  await pool.close();
  await boss.stop({ graceful: false });
  await sink.close();
  return { per_s: perSecond(count, took), ...used };
}

async function rawUndici(count: number): Promise<number> {
  const sink: Sink = await startSink();
  const pool = new Pool(sink.url, { connections: IN_FLIGHT });
  let next = 0;
  const started = performance.now();
  const worker = async () => {
    while (next < count) {
      const { body } = await pool.request({ path: `/hooks?x=${next++}`, method: 'POST', body: BODY });
      await body.dump();
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  const took = performance.now() - started;
  await pool.close();
  await sink.close();
  return perSecond(count, took);
}

function perSecond(count: number, milliseconds: number): number {
  return Math.round((count / milliseconds) * 1_000);
}
