// An account of no particular kind.
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
