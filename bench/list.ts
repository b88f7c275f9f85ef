// Lists of a big account: 1,000,000 jobs (`--jobs N`), nine tenths of them of one account, and what the usual questions
// take there, from the filter to the records of the page, with the plan PostgreSQL made by itself.
import { parseArgs } from 'node:util';
import { sql } from 'kysely';
import type { Db } from '../src/store/database.ts';
import { type JobFilter, listJobs, pageOfJobs, readListed } from '../src/store/job-list.ts';
import { metadataConditions } from '../src/store/metadata.ts';
import { machine, openGround, percentile } from './rig/ground.ts';

const CHUNK = 25_000;
const TIMES = 15;
const PAGE = 20;

const asked = (filter: Parameters<typeof metadataConditions>[0]) => metadataConditions(filter) ?? [];

export async function run(argv: string[]): Promise<Record<string, unknown>> {
  const { values } = parseArgs({ args: argv, options: { jobs: { type: 'string', default: '1000000' } } });
  const jobs = Number(values.jobs);
  const ground = await openGround();
  try {
    const { db } = ground.database;
    const started = performance.now();
    await fill(db, ground.account, jobs);
    const filled = Math.round((performance.now() - started) / 1_000);
    const day = new Date(Date.UTC(2026, 0, 10));
    const questions: [name: string, filter: Partial<JobFilter>][] = [
      ['first page', {}],
      ['status=error (1 %)', { states: ['error'] }],
      ['status=queued&status=processing (few)', { states: ['queued', 'processing'] }],
      ['status=done&status=error (nearly all)', { states: ['done', 'error'] }],
      ['a day', { from: day, before: new Date(day.getTime() + 86_400_000) }],
      ['metadata: one job has it', { metadata: asked({ order: String(Math.round(jobs / 3)) }) }],
      ['metadata: a thousandth has it', { metadata: asked({ customer: { id: '77' } }) }],
      ['metadata: a quarter has it', { metadata: asked({ team: '1' }) }],
      ['metadata: nobody has it', { metadata: asked({ order: 'none' }) }],
      ['metadata and status', { states: ['error'], metadata: asked({ customer: { id: '77' } }) }],
      ['offset in the middle', { offset: Math.round(jobs * 0.45) }],
      ['offset near the end', { offset: Math.round(jobs * 0.9) - 2 * PAGE }],
    ];
    const lists = [];
    for (const [name, part] of questions)
      lists.push({ name, ...(await measure(db, ground.account, { offset: 0, limit: PAGE + 1, ...part })) });
    return { bench: 'list', ...machine(), jobs, filled_s: filled, lists };
  } finally {
    await ground.close();
  }
}

async function measure(db: Db, account: string, filter: JobFilter) {
  const took: number[] = [];
  let rows = 0;
  for (let n = 0; n < TIMES; n++) {
    const started = performance.now();
    rows = 0;
    for await (const batch of readListed(
      db,
      { accountId: account, withResults: true },
      await listJobs(db, account, filter),
    ))
      rows += batch.length;
    took.push(performance.now() - started);
  }
  took.sort((a, b) => a - b);
  const [row] = await pageOfJobs(db, account, filter).explain<{ 'QUERY PLAN': [{ Plan: Node }] }>('json');
  const plan = row ? nodes(row['QUERY PLAN'][0].Plan) : [];
  const reads = plan.flatMap((node) =>
    node['Index Name']
      ? `${node['Node Type']} ${node['Index Name']}`
      : /Seq/.test(node['Node Type'])
        ? node['Node Type']
        : [],
  );
  return {
    rows,
    p50_ms: Number(percentile(took, 0.5).toFixed(1)),
    max_ms: Number((took.at(-1) as number).toFixed(1)),
    reads: [...new Set(reads)],
  };
}

type Node = { 'Node Type': string; 'Index Name'?: string; Plans?: Node[] };

function nodes(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(nodes)];
}

/** A year of jobs, a result of some 600 bytes in each; every tenth is another account's. */
async function fill(db: Db, account: string, jobs: number): Promise<void> {
  const { id: other } = await db
    .insertInto('account')
    .values({ name: 'other' })
    .returning('id')
    .executeTakeFirstOrThrow();
  for (let from = 1; from <= jobs; from += CHUNK)
    await sql`
      INSERT INTO job (id, account_id, state, audio_url, request, custom_metadata, created_at, completed_at, lease_until,
        filename, duration, channels, result, error_code, error_message)
      SELECT gen_random_uuid(), CASE WHEN n % 10 = 0 THEN ${other}::uuid ELSE ${account}::uuid END, state,
        'https://cdn.example.org/call-' || n || '.mp3',
        json_build_object('audio_url', 'https://cdn.example.org/call-' || n || '.mp3', 'callback', true),
        jsonb_build_object('order', n, 'team', n % 4, 'customer', jsonb_build_object('id', n % 1000)),
        '2026-01-01'::timestamptz + n * interval '31.5 seconds',
        CASE WHEN state IN ('done', 'error') THEN '2026-01-01'::timestamptz + n * interval '32 seconds' END,
        CASE state WHEN 'processing' THEN now() END, 'call.mp3', 61.5, 1,
        CASE state WHEN 'done' THEN repeat('{"word":"w","start":0,"end":1},', 20) END,
        CASE state WHEN 'error' THEN 'audio_corrupt' END, CASE state WHEN 'error' THEN 'x' END
      FROM generate_series(${from}::int, ${Math.min(jobs, from + CHUNK - 1)}::int) AS n,
        LATERAL (SELECT CASE WHEN n > ${jobs}::int - 20 THEN 'queued' WHEN n > ${jobs}::int - 25 THEN 'processing'
          WHEN n % 101 = 0 THEN 'error' ELSE 'done' END AS state) AS chosen`.execute(db);
  // What autovacuum does by itself within minutes; here nobody waits for it.
  await db.connection().execute(async (one) => {
    await sql`SET statement_timeout = 0`.execute(one);
    await sql`VACUUM ANALYZE job`.execute(one);
    await sql`RESET statement_timeout`.execute(one);
  });
}
