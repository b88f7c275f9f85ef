// Rows are the queue: what waits for a download and what waits for a place are found by index, account by account, and
// an account remembers when it was last served. pg-boss, which stood beside the rows, is gone with its tables.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `ALTER TABLE account ADD last_fetch timestamptz, ADD last_start timestamptz`,
  // Audio that was downloaded for this job alone: it goes when the job ends in an error.
  `ALTER TABLE job ADD fetched boolean NOT NULL DEFAULT false`,
  // Unknown from the end of a download to the end of its decoding.
  `ALTER TABLE audio ALTER duration DROP NOT NULL, ALTER channels DROP NOT NULL`,
  `CREATE INDEX job_to_fetch ON job (account_id, created_at, id) WHERE state = 'queued' AND audio_id IS NULL`,
  // A downloaded job that waits for a place is processing, and nobody's lease can run out meanwhile.
  `CREATE INDEX job_to_transcribe ON job (account_id, created_at, id)
     WHERE state = 'queued' AND audio_id IS NOT NULL OR state = 'processing' AND lease_until = 'infinity'`,
  `ALTER TABLE job DROP queue_id`,
  `DROP SCHEMA IF EXISTS ringback_queue CASCADE`,
] as const;
