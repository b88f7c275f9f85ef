// An account of no particular kind.
import { sql } from 'kysely';
import type { Db } from '../../src/store/database.ts';

/** Its id. */
export async function insertAccount(db: Db): Promise<string> {
  const { id } = await db
    .insertInto('account')
    .values({ name: 'a' })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

/** Of a database with nothing else in it. */
export async function onlyAccount(db: Db): Promise<string> {
  await sql`TRUNCATE account CASCADE`.execute(db);
  return insertAccount(db);
}
