// What lists of jobs are looked up by: state and metadata, beside the time (job_of_account).
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `CREATE INDEX job_of_account_in_state ON job (account_id, state, created_at DESC, id DESC)`,
  `CREATE INDEX job_metadata ON job USING gin (custom_metadata jsonb_path_ops)`,
  // Whether a value is rare decides between this index and the newest jobs one by one: a hundred samples are too few.
  `ALTER TABLE job ALTER custom_metadata SET STATISTICS 1000`,
] as const;
