// Submissions a second through `POST /v2/pre-recorded` of the real server, with a callback, by one and by two API
// processes, beside a bare Fastify + one-INSERT server: the same body, the same database with the same settings, the same
// clients, by turns in the same run. `--seconds N` (5) each, `--rounds N` (3), `--connections N` (64).
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sql } from 'kysely';
import { type Posted, post } from './rig/clients.ts';
import { familyUs } from './rig/cpu.ts';
import { type Ground, machine, openGround } from './rig/ground.ts';

const KEY = 'rb_bench_0123456789';
const WARM_UP_MS = 2_000;
const BODY = JSON.stringify({
  audio_url: 'https://cdn.example.org/calls/2026/11/call-42.mp3',
  callback: true,
  callback_config: { url: 'https://app.example.org/hooks/stt?job=A-17', method: 'POST' },
  custom_metadata: { order: 4_711, team: 'north' },
  diarization: false,
  sentences: true,
});

const PROGRAMS = {
  bare: [fileURLToPath(new URL('rig/bare-api.ts', import.meta.url))],
  ringback: [fileURLToPath(new URL('../src/cli/ringback.ts', import.meta.url)), 'serve'],
};
type Program = keyof typeof PROGRAMS;

/** Of a server and of PostgreSQL, microseconds of processor time for each submission. */
type Figures = Posted & { server_us: number | null; postgres_us: number | null };
type Load = { seconds: number; connections: number; folder: string };

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: argv,
    options: {
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '3' },
      connections: { type: 'string', default: '64' },
    },
  });
  const ground = await openGround({ used: true });
  const folder = await mkdtemp(join(tmpdir(), 'ringback-bench-'));
  const load = { seconds: Number(values.seconds), connections: Number(values.connections), folder };
  await sql`CREATE TABLE public.bare_job (id uuid PRIMARY KEY, audio_url text NOT NULL, callback_url text NOT NULL,
    request json NOT NULL, created_at timestamptz NOT NULL DEFAULT now())`.execute(ground.database.db);
  try {
    const rounds = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      const bare = await measure(ground, load, 'bare', 1);
      const one = await measure(ground, load, 'ringback', 1);
      const two = await measure(ground, load, 'ringback', 2);
      rounds.push({ bare, one, two, ratio: ratio(one, bare), ratio_of_two: ratio(two, bare) });
    }
    return { bench: 'submit', ...machine(), connections: load.connections, seconds: load.seconds, rounds };
  } finally {
    await rm(folder, { recursive: true, force: true });
    await ground.close();
  }
}

const ratio = (ours: Posted, bare: Posted) => Number((ours.per_s / bare.per_s).toFixed(2));

async function measure(ground: Ground, load: Load, program: Program, processes: number): Promise<Figures> {
  const servers: Server[] = [];
  try {
    for (let n = 0; n < processes; n++) servers.push(await start(ground, load.folder, program));
    const pids = servers.map(({ child }) => child.pid as number);
    const before = [await used(pids), await familyUs(ground.postmaster)] as const;
    const posted = await post({
      urls: servers.map(({ url }) => url),
      path: '/v2/pre-recorded',
      headers: { 'content-type': 'application/json', 'x-gladia-key': KEY },
      body: BODY,
      connections: load.connections,
      warmUpMs: WARM_UP_MS,
      countMs: load.seconds * 1_000,
    });
    const all = posted.count * (1 + WARM_UP_MS / load.seconds / 1_000);
    const each = (now: number | null, then: number | null) =>
      now === null || then === null ? null : Math.round((now - then) / all);
    return {
      ...posted,
      server_us: each(await used(pids), before[0]),
      postgres_us: each(await familyUs(ground.postmaster), before[1]),
    };
  } finally {
    for (const { child } of servers) await end(child);
    await empty(ground);
  }
}

async function used(pids: readonly number[]): Promise<number | null> {
  const each = await Promise.all(pids.map(familyUs));
  return each.reduce<number | null>((sum, us) => (sum === null || us === null ? null : sum + us), 0);
}

type Server = { child: ChildProcess; url: string };

async function start({ connectionString }: Ground, folder: string, program: Program): Promise<Server> {
  const child = spawn(process.execPath, PROGRAMS[program], {
    env: {
      PATH: process.env.PATH,
      DATABASE_URL: connectionString,
      RINGBACK_DATA_DIR: folder,
      RINGBACK_API_KEYS: KEY,
      RINGBACK_ROLE: 'api',
      RINGBACK_PORT: '0',
      RINGBACK_MAX_REQUESTS_PER_MINUTE: 'off',
      RINGBACK_MAX_QUEUED_JOBS: 'off',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const text of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const line = JSON.parse(text) as { msg: string; url: string };
    if (line.msg !== 'listening') continue;
    child.stdout?.resume();
    return { child, url: line.url };
  }
  throw new Error(`${program} ended before it listened`);
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill();
  await exited;
}

/** Every turn begins with the same empty tables. */
async function empty({ database: { db } }: Ground): Promise<void> {
  await sql`TRUNCATE public.bare_job, job CASCADE`.execute(db);
  await sql`DO $$ BEGIN IF to_regclass('ringback_queue.job') IS NOT NULL THEN TRUNCATE ringback_queue.job; END IF; END $$`.execute(
    db,
  );
}
