// What /metrics counts without reading tables through.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `CREATE TABLE attempt_total (
     outcome text PRIMARY KEY,
     attempts bigint NOT NULL
   )`,
  `INSERT INTO attempt_total SELECT outcome, count(*) FROM attempt GROUP BY outcome`,
  // Rare: with those of the failed and of all that are final, it tells how many were delivered.
  `CREATE INDEX delivery_cancelled ON delivery (account_id) WHERE state = 'cancelled'`,
] as const;
