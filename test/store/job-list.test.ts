// Lists stay fast however many jobs there are: the plans of 20,000 rows, as PostgreSQL makes them by itself.
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type JobFilter, listJobs, pageOfJobs } from '../../src/store/job-list.ts';
import { metadataConditions } from '../../src/store/metadata.ts';
import type { Json } from '../../src/store/schema.ts';
import { migratedDatabase } from '../rig/postgres.ts';

let database: Awaited<ReturnType<typeof migratedDatabase>>;
let account: string;

beforeAll(async () => {
  database = await migratedDatabase();
  const { db } = database;
  account = randomUUID();
  await sql`INSERT INTO account (id, name) VALUES (${account}, 'list')`.execute(db);
  await sql`
    INSERT INTO job (id, account_id, state, audio_url, request, custom_metadata, created_at, completed_at, lease_until,
      result, error_code, error_message)
    SELECT gen_random_uuid(), ${account}, state, 'https://cdn.example.org/a.mp3', '{}',
      jsonb_build_object('order', n, 'team', n % 4), '2026-01-01'::timestamptz + n * interval '1 minute',
      CASE WHEN state IN ('done', 'error') THEN now() END, CASE state WHEN 'processing' THEN now() END,
      CASE state WHEN 'done' THEN '{}' END, CASE state WHEN 'error' THEN 'internal' END,
      CASE state WHEN 'error' THEN 'x' END
    FROM generate_series(1, 20000) AS n, LATERAL (SELECT CASE WHEN n % 1000 = 0 THEN 'queued'
      WHEN n % 999 = 0 THEN 'processing' WHEN n % 50 = 0 THEN 'error' ELSE 'done' END AS state) AS chosen`.execute(
    db,
  );
  await sql`VACUUM ANALYZE job`.execute(db);
});
afterAll(() => database.drop());

const asked = (filter: Json) => metadataConditions(filter) ?? [];

type Node = { 'Node Type': string; 'Index Name'?: string; Plans?: Node[] };

function nodes(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(nodes)];
}

async function planOf(filter: Partial<JobFilter>): Promise<Node[]> {
  const [row] = await pageOfJobs(database.db, account, { offset: 0, limit: 21, ...filter }).explain<{
    'QUERY PLAN': [{ Plan: Node }];
  }>('json');
  return nodes((row as { 'QUERY PLAN': [{ Plan: Node }] })['QUERY PLAN'][0].Plan);
}

test.each<[name: string, index: string, filter: Partial<JobFilter>]>([
  ['the first page', 'job_of_account', {}],
  ['a deep offset', 'job_of_account', { offset: 15_000 }],
  ['one state', 'job_of_account_in_state', { states: ['error'] }],
  ['two states', 'job_of_account_in_state', { states: ['done', 'error'] }],
  ['a day', 'job_of_account', { from: new Date('2026-01-05'), before: new Date('2026-01-06') }],
  ['metadata of one job', 'job_metadata', { metadata: asked({ order: '77' }) }],
  ['metadata of no job', 'job_metadata', { metadata: asked({ order: 'none' }) }],
  ['metadata of every fourth job', 'job_of_account', { metadata: asked({ team: 1 }) }],
])('%s is read from an index, and nothing is sorted that need not be', async (_name, index, filter) => {
  const plan = await planOf(filter);
  const types = plan.map((node) => node['Node Type']);
  expect(types).not.toContain('Seq Scan');
  expect(plan.map((node) => node['Index Name'])).toContain(index);
  // A sort means that every row the filter finds was read: for one job, not for thousands.
  if (index !== 'job_metadata') expect(types).not.toContain('Sort');
});

test('the plans find what they should', async () => {
  const count = async (filter: Partial<JobFilter>) =>
    (await listJobs(database.db, account, { offset: 0, limit: 1_000, ...filter })).length;
  expect(await count({ metadata: asked({ order: '77' }) })).toBe(1);
  expect(await count({ metadata: asked({ order: 'none' }) })).toBe(0);
  expect(await count({ states: ['queued', 'processing'] })).toBe(20 + 20);
  expect(await count({ offset: 19_990 })).toBe(10);
});
