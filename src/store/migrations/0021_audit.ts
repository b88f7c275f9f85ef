// Who changed keys and secrets, and how many callbacks a replay is expected to find.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `CREATE TABLE audit_entry (
     id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
     at timestamptz NOT NULL DEFAULT now(),
     action text NOT NULL,
     key_id uuid REFERENCES api_key ON DELETE SET NULL,
     subject_id uuid,
     subject_name text
   )`,
  `CREATE INDEX audit_entry_of_account ON audit_entry (account_id, id)`,
  // Null: of a replay from before, or more than is counted.
  `ALTER TABLE replay ADD expected integer`,
] as const;
