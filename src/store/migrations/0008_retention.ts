// What retention looks things up by, and the name by which a storage folder knows its database.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `CREATE INDEX job_finished ON job (completed_at) WHERE completed_at IS NOT NULL`,
  `CREATE INDEX delivery_finished ON delivery (final_at) WHERE final_at IS NOT NULL`,
  `CREATE INDEX audio_age ON audio (created_at)`,
  `CREATE INDEX replay_finished ON replay (finished_at) WHERE finished_at IS NOT NULL`,
  `CREATE INDEX endpoint_hour_age ON endpoint_hour (hour)`,

  `CREATE TABLE installation (
     single boolean PRIMARY KEY DEFAULT true CHECK (single),
     id uuid NOT NULL DEFAULT gen_random_uuid()
   )`,
  `INSERT INTO installation DEFAULT VALUES`,
] as const;
