// Every account has a signing secret from its beginning; one that its owner asked for goes before the server's setting, the
// first one does not.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // Until now rotation alone made any.
  `ALTER TABLE signing_secret ADD origin text NOT NULL DEFAULT 'rotation' CHECK (origin IN ('account', 'rotation'))`,
] as const;
