// Callbacks with headers of their owner's and in a shape of their own, and what was made of a request that was not quite right.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // Secret, and therefore nowhere in the request, which is shown.
  `ALTER TABLE job ADD callback_headers json, ADD callback_format text, ADD request_notes json`,
  `ALTER TABLE delivery ADD headers json`,
] as const;
