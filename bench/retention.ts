// What retention takes: 1,000,000 ended jobs (`--jobs N`), each with a callback, its attempt and an idempotency key, every
// second with audio of its own; one round removes them all. Jobs and callbacks a second, and the slowest statement.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sql } from 'kysely';
import pg from 'pg';
import { createLog } from '../src/log.ts';
import { openAudioFolder } from '../src/store/audio.ts';
import type { Db } from '../src/store/database.ts';
import { removeExpired } from '../src/store/retention.ts';
import { startCpu } from './rig/cpu.ts';
import { fillEnded, tableSizes } from './rig/ended.ts';
import { machine, openGround } from './rig/ground.ts';

const DAY_MS = 86_400_000;

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({ args: argv, options: { jobs: { type: 'string', default: '1000000' } } });
  const jobs = Number(values.jobs);
  const ground = await openGround({ used: true });
  const folder = await mkdtemp(join(tmpdir(), 'ringback-bench-'));
  try {
    const { db } = ground.database;
    await fillEnded(db, ground.account, jobs);
    const sizes = await tableSizes(db);
    const watch = watchStatements();
    const audio = await openAudioFolder(folder);
    const deps = { db, audio, retentionMs: DAY_MS, log: createLog('silent') };
    const cpu = await startCpu(ground.postmaster);
    const started = performance.now();
    const removed = await removeExpired(deps, new AbortController().signal);
    const seconds = (performance.now() - started) / 1_000;
    const figures = { ...watch.figures(), ...(await cpu(jobs)) };
    const left = await count(db);
    if (removed.jobs !== jobs || left !== 0) throw new Error(`${left} rows are left`);
    return {
      bench: 'retention',
      ...machine(),
      tables: sizes,
      removed,
      seconds: Number(seconds.toFixed(1)),
      jobs_per_s: Math.round(jobs / seconds),
      ...figures,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
    await ground.close();
  }
}

async function count(db: Db): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    SELECT (SELECT count(*) FROM job) + (SELECT count(*) FROM delivery) + (SELECT count(*) FROM attempt)
      + (SELECT count(*) FROM audio) + (SELECT count(*) FROM idempotency_key) AS n`.execute(db);
  return rows[0]?.n ?? Number.NaN;
}

/** Times every statement from here on. */
function watchStatements() {
  const seen = new Map<string, { total: number; slowest: number }>();
  const { query } = pg.Client.prototype as unknown as { query: (...given: unknown[]) => Promise<unknown> };
  pg.Client.prototype.query = async function (this: pg.Client, ...given: unknown[]) {
    const began = performance.now();
    try {
      return await query.apply(this, given);
    } finally {
      const ms = performance.now() - began;
      const [first] = given as [string | { text: string }];
      const text = (typeof first === 'string' ? first : first.text).replaceAll(/\s+/g, ' ').slice(0, 80);
      const { total, slowest } = seen.get(text) ?? { total: 0, slowest: 0 };
      seen.set(text, { total: total + ms, slowest: Math.max(slowest, ms) });
    }
  } as never;
  return {
    figures: () => ({
      slowest_ms: Math.round(Math.max(...[...seen.values()].map(({ slowest }) => slowest))),
      statements: [...seen]
        .toSorted(([, a], [, b]) => b.total - a.total)
        .slice(0, 8)
        .map(([text, { total, slowest }]) => ({
          text,
          s: Number((total / 1_000).toFixed(1)),
          slowest_ms: Math.round(slowest),
        })),
    }),
  };
}
