// Runs that ended for want of something of our own do not count; what processes of one database must agree on; and which
// processes live.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // `run` only ever grows, so that no two runs share a token; those that do not count are counted here.
  `ALTER TABLE job ADD COLUMN refunded integer NOT NULL DEFAULT 0`,
  // Put back for want of something, it waits until then.
  `ALTER TABLE job ADD COLUMN start_after timestamptz`,
  `ALTER TABLE installation ADD COLUMN storage_id uuid`,
  `CREATE TABLE process (
     id uuid PRIMARY KEY,
     host text NOT NULL,
     pid integer NOT NULL,
     pid_space text,
     roles text[] NOT NULL,
     key_hashes bytea[] NOT NULL,
     secret_prints text[] NOT NULL,
     started_at timestamptz NOT NULL DEFAULT now(),
     beat_at timestamptz NOT NULL DEFAULT now()
   )`,
] as const;
