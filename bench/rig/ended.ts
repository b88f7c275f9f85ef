// A database after a long time: ended jobs with their callbacks, attempts, keys and audio, older than any retention.
import { sql } from 'kysely';
import type { Db } from '../../src/store/database.ts';

const CHUNK = 20_000;
const ENDPOINTS = 500;

/** Results and bodies of some 600 bytes, which compress as transcripts do. */
export async function fillEnded(db: Db, account: string, jobs: number): Promise<void> {
  await sql`
    INSERT INTO endpoint (account_id, url)
    SELECT ${account}, 'https://app.example.org/hooks/' || n FROM generate_series(1, ${ENDPOINTS}::int) AS n`.execute(
    db,
  );
  for (let from = 1; from <= jobs; from += CHUNK)
    await chunk(db, account, from, Math.min(jobs, from + CHUNK - 1));
  // What autovacuum does by itself within minutes; here nobody waits for it.
  await db.connection().execute(async (one) => {
    await sql`SET statement_timeout = 0`.execute(one);
    await sql`VACUUM ANALYZE`.execute(one);
    await sql`RESET statement_timeout`.execute(one);
  });
}

async function chunk(db: Db, account: string, from: number, to: number): Promise<void> {
  await sql`
    WITH n AS MATERIALIZED (
      SELECT n, gen_random_uuid() AS job_id, gen_random_uuid() AS audio_id, gen_random_uuid() AS delivery_id,
        now() - interval '400 days' + n * interval '20 seconds' AS at,
        repeat('{"word":"w' || n || '","start":0,"end":1},', 20) AS text
      FROM generate_series(${from}::int, ${to}::int) AS n),
    kept AS (
      INSERT INTO audio (id, account_id, filename, extension, bytes, duration, channels, created_at)
      SELECT audio_id, ${account}::uuid, 'call.mp3', 'mp3', 1000, 61.5, 1, at FROM n WHERE n % 2 = 0 RETURNING id),
    ended AS (
      INSERT INTO job (id, account_id, state, audio_url, audio_id, request, custom_metadata, callback_url,
        callback_method, callback_form, created_at, completed_at, filename, duration, channels, result)
      SELECT job_id, ${account}::uuid, 'done', 'https://cdn.example.org/call.mp3', kept.id, '{"callback":true}',
        jsonb_build_object('order', n), 'https://app.example.org/hooks', 'POST', 'full', at, at, 'call.mp3', 61.5, 1, text
      FROM n LEFT JOIN kept ON kept.id = n.audio_id RETURNING id),
    called AS (
      INSERT INTO delivery (id, account_id, job_id, endpoint_id, url, method, event, form, asked_form, full_body,
        reference_body, state, attempts, step, created_at, final_at)
      SELECT delivery_id, ${account}::uuid, job_id, endpoint.id, endpoint.url, 'POST', 'success', 'full', 'full',
        convert_to(text, 'UTF8'), '{}', 'delivered', 1, 1, at, at
      FROM n JOIN endpoint ON endpoint.url = 'https://app.example.org/hooks/' || 1 + n % ${ENDPOINTS}::int RETURNING id),
    tried AS (
      INSERT INTO attempt (delivery_id, number, trigger, form, started_at, duration_ms, outcome, status, answer_head)
      SELECT delivery_id, 1, 'schedule', 'full', at, 12, 'delivered', 200, 'ok' FROM n, (SELECT count(*) FROM called) AS c)
    INSERT INTO idempotency_key (account_id, route, key, body_hash, job_id, status, answer)
    SELECT ${account}::uuid, '/v2/pre-recorded', n::text, 'x', job_id, 201, '{}' FROM n, (SELECT count(*) FROM ended) AS e`.execute(
    db,
  );
}

export type TableSize = { rows: number; mb: number; indexes_mb: number };

export async function tableSizes(db: Db): Promise<Record<string, TableSize>> {
  const { rows } = await sql<TableSize & { name: string }>`
    SELECT relname AS name, reltuples::bigint AS rows,
      round((pg_total_relation_size(oid) - pg_indexes_size(oid)) / 1e6)::int AS mb,
      round(pg_indexes_size(oid) / 1e6)::int AS indexes_mb
    FROM pg_class WHERE relnamespace = 'ringback'::regnamespace AND relkind = 'r' AND reltuples > 0
    ORDER BY pg_total_relation_size(oid) DESC`.execute(db);
  return Object.fromEntries(rows.map(({ name, ...size }) => [name, size]));
}
