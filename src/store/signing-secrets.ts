// Signing secrets per account, and their rotation: for the overlap the old and the new one both sign, so that a
// receiver may change over whenever it likes. Secrets must be readable to sign with; guard the database accordingly.
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { generateSecret } from '../signature.ts';
import { lockAccount } from './account-lock.ts';
import { recordChange } from './audit.ts';
import type { Db, TellingDb, Trx } from './database.ts';
import { prepared } from './prepared.ts';

export type SigningSecret = {
  id: string;
  secret: string;
  /** `account`: it came with the account. `rotation`: its owner wanted it. */
  origin: 'account' | 'rotation';
  created_at: Date;
  /** Null: signs for good. */
  expires_at: Date | null;
};

/** All of the account that are not over, newest first. */
export function listSigningSecrets(db: Db, accountId: string): Promise<SigningSecret[]> {
  return db
    .selectFrom('signing_secret')
    .select(['id', 'secret', 'origin', 'created_at', 'expires_at'])
    .where('account_id', '=', accountId)
    .where((e) => e.or([e('expires_at', 'is', null), e('expires_at', '>', sql<Date>`now()`)]))
    .orderBy('created_at', 'desc')
    .execute();
}

/**
 * Those of the account that sign now. With secrets of the server's setting that all accounts share, only those the owner
 * asked for: none is what says that the shared ones sign.
 */
export async function secretsInForce(db: Db, accountId: string, shared: boolean): Promise<SigningSecret[]> {
  const own = await listSigningSecrets(db, accountId);
  const signing = signingAmong(own, shared);
  if (shared || signing.length > 0) return signing;
  // An account from before accounts had any.
  await giveSecret(db, accountId, generateSecret());
  return listSigningSecrets(db, accountId);
}

function signingAmong<Secret extends Pick<SigningSecret, 'origin'>>(
  own: readonly Secret[],
  shared: boolean,
): Secret[] {
  const wanted = own.filter(({ origin }) => origin === 'rotation');
  return shared || wanted.length > 0 ? wanted : [...own];
}

export type SecretInForce = {
  secret: string;
  /** How much longer it signs; null: for good. */
  leftMs: number | null;
  /** How long ago its owner asked for it; null: it came with the account. */
  ageMs: number | null;
};

/** The same of several accounts at once, for those who sign. */
export async function secretsInForceOf(
  db: Db,
  accountIds: readonly string[],
  shared: boolean,
): Promise<Map<string, SecretInForce[]>> {
  const { rows } = await sql<
    SecretInForce & Pick<SigningSecret, 'origin'> & { accountId: string }
  >`${prepared('secrets_in_force')}
    SELECT account_id AS "accountId", secret, origin,
      (extract(epoch FROM expires_at - now()) * 1000)::float8 AS "leftMs",
      CASE origin WHEN 'rotation' THEN (extract(epoch FROM now() - created_at) * 1000)::float8 END AS "ageMs"
    FROM signing_secret
    WHERE account_id = ANY(${accountIds}::uuid[]) AND (expires_at IS NULL OR expires_at > now())
    ORDER BY created_at DESC`.execute(db);
  const own = Map.groupBy(rows, ({ accountId }) => accountId);
  const found = new Map<string, SecretInForce[]>();
  for (const id of accountIds) {
    const signing = signingAmong(own.get(id) ?? [], shared);
    // One from before accounts had any is given its first.
    const given = shared || signing.length > 0 ? [] : await secretsInForce(db, id, shared);
    found.set(id, [...signing, ...given.map(({ secret }) => ({ secret, leftMs: null, ageMs: null }))]);
  }
  return found;
}

/** The secret an account begins with; nothing happens to one that has any. */
export async function giveSecret(db: Db, accountId: string, secret: string): Promise<void> {
  await db
    .insertInto('signing_secret')
    .values({ account_id: accountId, secret, origin: 'account' })
    .onConflict((conflict) => conflict.column('account_id').where('expires_at', 'is', null).doNothing())
    .execute();
}

/**
 * What signed for all accounts before they had secrets of their own goes on signing for those that were there then: their
 * receivers know it. How many that were.
 */
export async function inheritSecret(db: Db, secret: string): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    INSERT INTO signing_secret (account_id, secret, origin)
    SELECT id, ${secret}, 'account' FROM account
    WHERE NOT EXISTS (SELECT FROM signing_secret WHERE account_id = account.id)
    ON CONFLICT (account_id) WHERE expires_at IS NULL DO NOTHING`.execute(db);
  return Number(numAffectedRows);
}

export type Rotation = {
  /** The new one. */
  secret: string;
  /** How long those before it go on signing. */
  overlapMs: number;
  /** The shared secrets, which signed so far unless the owner has asked for another before. */
  inherited: readonly string[];
  /** SHA-256 of the key that asks; null: nobody with a key. */
  by?: Buffer | null;
};

/**
 * After the commit, what was signed just before it is still on its way: who adopts the new secret on our word would refuse
 * that. Longer than any process goes by what it has looked up (deliver/account-secrets, which begins nothing new for twice
 * as long), and than a request takes across an ocean.
 */
export const SETTLE_MS = 250;

/** In force from the commit on, in every process. Resolves once what was signed before has arrived, as a rule. */
export async function rotateSigningSecret(
  db: TellingDb,
  accountId: string,
  { secret, overlapMs, inherited, by = null }: Rotation,
): Promise<void> {
  await db.commit(async (trx) => {
    // Two rotations at once take turns.
    await lockAccount(trx, accountId);
    const expires = sql<Date>`now() + ${overlapMs} * interval '1 millisecond'`;
    if (inherited.length > 0) await retireShared(trx, accountId, inherited, expires);
    await trx
      .updateTable('signing_secret')
      .set({ expires_at: expires, origin: 'rotation' })
      .where('account_id', '=', accountId)
      .where('expires_at', 'is', null)
      .execute();
    await trx
      .deleteFrom('signing_secret')
      .where('account_id', '=', accountId)
      .where('expires_at', '<=', sql<Date>`now()`)
      .execute();
    await trx
      .insertInto('signing_secret')
      .values({ account_id: accountId, secret, origin: 'rotation' })
      .execute();
    await recordChange(trx, { accountId, action: 'secret.rotated', by });
    trx.changed.push({ kind: 'secrets', accountId });
  });
  await delay(SETTLE_MS);
}

/** Where the shared ones signed until now, the first one of the account's own did not: they take its place on the way out. */
async function retireShared(
  trx: Trx,
  accountId: string,
  shared: readonly string[],
  expires: ReturnType<typeof sql<Date>>,
): Promise<void> {
  const wanted = await trx
    .selectFrom('signing_secret')
    .select('id')
    .where('account_id', '=', accountId)
    .where('origin', '=', 'rotation')
    .where('expires_at', 'is', null)
    .executeTakeFirst();
  if (wanted) return;
  await trx.deleteFrom('signing_secret').where('account_id', '=', accountId).execute();
  await trx
    .insertInto('signing_secret')
    .values(
      shared.map((secret) => ({
        account_id: accountId,
        secret,
        origin: 'rotation' as const,
        expires_at: expires,
      })),
    )
    .execute();
}
