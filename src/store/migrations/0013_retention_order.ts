// The order in which retention goes through its tables: by time, and by id where times are equal, from where the last
// batch ended.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `DROP INDEX job_finished, delivery_finished, audio_age`,
  `CREATE INDEX job_finished ON job (completed_at, id) WHERE completed_at IS NOT NULL`,
  `CREATE INDEX delivery_finished ON delivery (final_at, id) WHERE final_at IS NOT NULL`,
  `CREATE INDEX audio_age ON audio (created_at, id)`,
] as const;
