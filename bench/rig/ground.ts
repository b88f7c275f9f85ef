// What the delivery benchmarks stand on: an embedded PostgreSQL on a temporary folder, the tables, many deliveries.

import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { pino } from 'pino';
import { type DeliverDeps, startDeliver } from '../../src/deliver/start.ts';
import { parseNetworks } from '../../src/outbound/address.ts';
import { Outbound } from '../../src/outbound/request.ts';
import { generateSecret } from '../../src/signature.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { startEmbedded } from '../../src/store/embedded.ts';
import { migrate } from '../../src/store/migrate.ts';
import { NO_TRACING } from '../../src/trace.ts';

const BODY_BYTES = 2_000;
const WAL_MB = 800;

/** A short transcript's callback: about 2 kB, as the demo's; compresses about as words with times do. */
export const BODY = JSON.stringify({ id: randomUUID(), event: 'success', payload: filler() });

function filler(): string {
  let text = '';
  for (let n = 0; text.length < BODY_BYTES; n++)
    text += `{"word":"w${n * 7919}","start":${n / 7},"end":${n / 6}}`;
  return text.slice(0, BODY_BYTES);
}

export type Ground = {
  database: Database;
  connectionString: string;
  /** PostgreSQL's first process. */
  postmaster: number;
  account: string;
  /** Of somebody else. */
  otherAccount: string;
  /** Commits deliveries of an account (`account`), spread over the endpoints by turns; numbered in the query. */
  fill(endpoints: readonly string[], count: number, account?: string): Promise<void>;
  /** The deliver role with everything on: signing, address policy, attempt rows, limits per endpoint. */
  deliver(options?: Partial<DeliverDeps>): Promise<() => Promise<void>>;
  /** Forgets all endpoints, deliveries and attempts. */
  clear(): Promise<void>;
  close(): Promise<void>;
};

/** `used`: on a database that has been running, for what is measured in commits. */
export async function openGround({ used = false } = {}): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), 'ringback-bench-'));
  if (used) await useWal(folder);
  const postgres = await startEmbedded({ dataDirectory: folder, log: () => {} });
  const connection = { connectionString: postgres.connectionString, onError: () => {} };
  const database = openDatabase({ ...connection, size: 15 });
  // As in the program.
  const sending = openDatabase({ ...connection, size: 5, lookupsOnly: true, teller: database.db.teller });
  const { db } = database;
  await migrate(db);
  const insertAccount = async (name: string) =>
    (await db.insertInto('account').values({ name }).returning('id').executeTakeFirstOrThrow()).id;
  const account = await insertAccount('bench');
  const otherAccount = await insertAccount('other');
  const outbound = new Outbound({ policy: { allow: parseNetworks(['127.0.0.0/8']), own: [] } });
  const secret = generateSecret();
  const pidFile = await readFile(join(folder, 'postgres', 'cluster', 'postmaster.pid'), 'utf8');
  return {
    database,
    connectionString: postgres.connectionString,
    postmaster: Number.parseInt(pidFile, 10),
    account,
    otherAccount,
    async fill(endpoints, count, owner = account) {
      await sql`
        INSERT INTO endpoint (account_id, url)
        SELECT ${owner}, url FROM unnest(${endpoints}::text[]) AS url ON CONFLICT DO NOTHING`.execute(db);
      await sql`
        INSERT INTO delivery (id, account_id, job_id, endpoint_id, url, method, event, form, asked_form, full_body,
          reference_body, due_at)
        SELECT gen_random_uuid(), ${owner}, gen_random_uuid(), endpoint.id, endpoint.url || '?x=' || n, 'POST',
          'success', 'full', 'full', ${Buffer.from(BODY)}, '{}', now()
        FROM generate_series(0, ${count - 1}::int) AS n
        JOIN endpoint ON endpoint.account_id = ${owner}
          AND endpoint.url = (${endpoints}::text[])[1 + n % ${endpoints.length}::int]`.execute(db);
      await sql`UPDATE endpoint SET next_due = now() WHERE url = ANY(${endpoints}::text[])`.execute(db);
      // As autovacuum would; otherwise it does so in the middle of what is measured.
      await sql`VACUUM ANALYZE`.execute(db);
    },
    deliver: (options = {}) =>
      startDeliver({
        database: sending,
        outbound,
        secretsOf: async () => [secret],
        schedule: [0, 60_000],
        deadlineMs: 5_000,
        endpointConcurrency: 4,
        graceMs: 4_000,
        version: '0.0.0',
        now: () => new Date(),
        random: Math.random,
        log: pino({ level: 'silent' }),
        shortages: { found: () => {} },
        tracing: NO_TRACING,
        ...options,
      }),
    clear: async () => {
      await sql`TRUNCATE delivery, endpoint CASCADE`.execute(db);
    },
    async close() {
      outbound.close();
      await sending.close();
      await database.close();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * A database that has been running has its log's files there, to be used again (a checkpoint, here the one of stopping,
 * puts them by). A new cluster makes and syncs one for every 16 MB and holds all commits up meanwhile: at 200
 * callbacks a second for 0.1 to 0.4 s every 10 s.
 */
async function useWal(folder: string): Promise<void> {
  const postgres = await startEmbedded({ dataDirectory: folder, log: () => {} });
  const { db, close } = openDatabase({
    connectionString: postgres.connectionString,
    size: 1,
    onError: () => {},
  });
  for (let n = 0; n < WAL_MB; n++)
    await sql`SELECT pg_logical_emit_message(false, 'bench', repeat('x', 1048576))`.execute(db);
  await close();
  await postgres.stop();
}

/** For every line of figures: what they were measured on. */
export function machine(): { cpu: string; cores: number; node: string } {
  return { cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length, node: process.version };
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
