// Accounts: whose keys, jobs, endpoints and secrets they are. Made with their first key.
import { sql } from 'kysely';
import { generateSecret } from '../signature.ts';
import type { Db, Trx } from './database.ts';
import { giveSecret } from './signing-secrets.ts';

export type AccountRow = { id: string; name: string; created_at: Date; active_keys: number };

/** With a signing secret of its own: no account can sign what another's receiver takes for genuine. */
export async function insertAccount(trx: Trx, name: string): Promise<string> {
  const { id } = await trx.insertInto('account').values({ name }).returning('id').executeTakeFirstOrThrow();
  await giveSecret(trx, id, generateSecret());
  return id;
}

/** Oldest first, with the keys in force. */
export function listAccounts(db: Db): Promise<AccountRow[]> {
  return db
    .selectFrom('account')
    .leftJoin('api_key', (join) =>
      join.onRef('api_key.account_id', '=', 'account.id').on('api_key.revoked_at', 'is', null),
    )
    .select([
      'account.id',
      'account.name',
      'account.created_at',
      sql<number>`count(api_key.id)`.as('active_keys'),
    ])
    .groupBy('account.id')
    .orderBy('account.created_at')
    .orderBy('account.id')
    .execute();
}
