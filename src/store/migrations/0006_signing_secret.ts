// Signing secrets of accounts that have their own. Without one, the server's secrets sign.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `CREATE TABLE signing_secret (
     id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
     account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
     secret text NOT NULL,
     created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
     expires_at timestamptz
   )`,
  // One that signs for good; the others are on their way out.
  `CREATE UNIQUE INDEX signing_secret_current ON signing_secret (account_id) WHERE expires_at IS NULL`,
  `CREATE INDEX signing_secret_of_account ON signing_secret (account_id)`,
] as const;
