// Plans that are kept: made while the tables are empty, they must be right when these hold millions of rows.
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { ANY_HOST, claimDeliveries, claimEndpoints, record } from '../../src/store/leases.ts';
import { asPrepared, prepared } from '../../src/store/prepared.ts';
import { migratedDatabase } from '../rig/postgres.ts';
import { recorded } from '../rig/recorded.ts';

let migrated: Awaited<ReturnType<typeof migratedDatabase>>;
beforeAll(async () => {
  migrated = await migratedDatabase();
});
afterAll(() => migrated.drop());

const NOBODYS = {
  endpointId: randomUUID(),
  token: 1,
  id: randomUUID(),
  attempt: 1,
  trigger: 'schedule',
  form: 'full',
} as const;

/** The three statements as one connection has prepared them, each with its plan for any values. */
async function plans(lookupsOnly: boolean): Promise<Record<string, string>> {
  const own: Database = openDatabase({
    connectionString: migrated.url,
    size: 1,
    onError: () => {},
    lookupsOnly,
  });
  const { db } = own;
  try {
    // The worst moment: known to be empty.
    await sql`VACUUM ANALYZE delivery, endpoint, attempt`.execute(db);
    await claimEndpoints(db, { endpoints: 1, room: () => 1, leaseMs: 1_000, told: [], hosts: ANY_HOST });
    await claimDeliveries(db, [{ endpointId: NOBODYS.endpointId, token: 1, room: 1 }]);
    await record(db, [recorded(NOBODYS)], { endpoints: [], hosts: [] });
    await sql`SET plan_cache_mode = force_generic_plan`.execute(db);
    const { rows } = await sql<{ name: string; parameters: number }>`
      SELECT name, cardinality(parameter_types) AS parameters FROM pg_prepared_statements`.execute(db);
    const found = rows.map(async ({ name, parameters }): Promise<[string, string]> => {
      const nulls = Array(parameters).fill('NULL').join(', ');
      const plan = await sql.raw<{ 'QUERY PLAN': string }>(`EXPLAIN EXECUTE ${name} (${nulls})`).execute(db);
      return [name, plan.rows.map((row) => row['QUERY PLAN']).join('\n')];
    });
    return Object.fromEntries(await Promise.all(found));
  } finally {
    await own.close();
  }
}

const READS_A_TABLE_THROUGH = /Hash Join|Merge Join|Seq Scan on (delivery|endpoint|attempt)/;

test('claims and records are prepared, and planned on empty tables as lookups of each row', async () => {
  const found = await plans(true);
  expect(Object.keys(found).sort()).toEqual(['claim_deliveries', 'claim_endpoints', 'record_attempts']);
  for (const plan of Object.values(found)) expect(plan).not.toMatch(READS_A_TABLE_THROUGH);
});

test('control: without the settings of such connections, a plan made now would read tables through', async () => {
  const found = Object.values(await plans(false));
  expect(found.some((plan) => READS_A_TABLE_THROUGH.test(plan))).toBe(true);
});

test('only what is marked is prepared', () => {
  const { sql: text, parameters } = sql`${prepared('look')} SELECT ${1}::int`.compile(migrated.db);
  expect(asPrepared([text, parameters])).toEqual([{ name: 'look', text, values: [1] }]);
  for (const given of [['SELECT 1', []], ['commit'], [{ text: 'SELECT 1' }]])
    expect(asPrepared(given)).toBe(given);
});
