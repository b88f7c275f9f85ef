// callback_config.compression: the body may travel gzipped.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `ALTER TABLE job ADD callback_gzip boolean NOT NULL DEFAULT false`,
  `ALTER TABLE delivery ADD gzip boolean NOT NULL DEFAULT false`,
] as const;
