// A delivery's row is written anew with every claim and every answer; its body never changes. Kept out of line, the body
// is not copied along.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // Rows longer than this have their large values moved out; what is read with every claim stays in.
  `ALTER TABLE delivery SET (toast_tuple_target = 128)`,
  `ALTER TABLE delivery ALTER url SET STORAGE MAIN, ALTER reason SET STORAGE MAIN, ALTER state SET STORAGE MAIN,
     ALTER method SET STORAGE MAIN, ALTER event SET STORAGE MAIN, ALTER form SET STORAGE MAIN,
     ALTER asked_form SET STORAGE MAIN, ALTER trigger SET STORAGE MAIN`,
] as const;
