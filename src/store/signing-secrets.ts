// Signing secrets per account, and their rotation: for the overlap the old and the new one both sign, so that a
// receiver may change over whenever it likes. Secrets must be readable to sign with; guard the database accordingly.
import { sql } from 'kysely';
import type { Db, Trx } from './database.ts';

export type SigningSecret = {
  id: string;
  secret: string;
  created_at: Date;
  /** Null: signs for good. */
  expires_at: Date | null;
};

/** Those that sign now, newest first; empty when the account has none of its own. */
export function listSigningSecrets(db: Db, accountId: string): Promise<SigningSecret[]> {
  return db
    .selectFrom('signing_secret')
    .select(['id', 'secret', 'created_at', 'expires_at'])
    .where('account_id', '=', accountId)
    .where((e) => e.or([e('expires_at', 'is', null), e('expires_at', '>', sql<Date>`now()`)]))
    .orderBy('created_at', 'desc')
    .execute();
}

export type Rotation = {
  /** The new one. */
  secret: string;
  /** How long those before it go on signing. */
  overlapMs: number;
  /** What signed so far when the account had none of its own: the server's. */
  inherited: readonly string[];
};

export function rotateSigningSecret(
  db: Db,
  accountId: string,
  { secret, overlapMs, inherited }: Rotation,
): Promise<void> {
  return db.transaction().execute(async (trx) => {
    // Two rotations at once take turns.
    await trx.selectFrom('account').select('id').where('id', '=', accountId).forUpdate().execute();
    const expires = sql<Date>`now() + ${overlapMs} * interval '1 millisecond'`;
    const retired = await trx
      .updateTable('signing_secret')
      .set({ expires_at: expires })
      .where('account_id', '=', accountId)
      .where('expires_at', 'is', null)
      .executeTakeFirst();
    if (retired.numUpdatedRows === 0n) await inherit(trx, accountId, inherited, expires);
    await trx
      .deleteFrom('signing_secret')
      .where('account_id', '=', accountId)
      .where('expires_at', '<=', sql<Date>`now()`)
      .execute();
    await trx.insertInto('signing_secret').values({ account_id: accountId, secret }).execute();
  });
}

async function inherit(
  trx: Trx,
  accountId: string,
  inherited: readonly string[],
  expires: ReturnType<typeof sql<Date>>,
): Promise<void> {
  if (inherited.length === 0) return;
  await trx
    .insertInto('signing_secret')
    .values(inherited.map((secret) => ({ account_id: accountId, secret, expires_at: expires })))
    .execute();
}
