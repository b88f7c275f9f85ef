import type { Trx } from './database.ts';

/** Until the transaction ends: changes of one account that must see one another take turns. */
export async function lockAccount(trx: Trx, accountId: string): Promise<void> {
  await trx.selectFrom('account').select('id').where('id', '=', accountId).forNoKeyUpdate().execute();
}
