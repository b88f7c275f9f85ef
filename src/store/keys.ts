// Accounts and their API keys. A key is shown once, when it is made; here only its SHA-256 is kept.
import { createHash, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import type { Db, Trx } from './database.ts';

export type KeyRow = {
  id: string;
  account_id: string;
  account: string;
  name: string;
  prefix: string;
  source: 'created' | 'setting';
  created_at: Date;
  last_used_at: Date | null;
  revoked_at: Date | null;
};

const PREFIX_LENGTH = 8;

/** 160 random bits: a plain hash is enough to store it. */
export function newKey(): string {
  return `rb_${randomBytes(20).toString('base64url')}`;
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** The account a key opens; undefined for an unknown or revoked one. */
export async function findAccount(db: Db, key: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('api_key')
    .select(['id', 'account_id', 'last_used_at'])
    .where('hash', '=', hashOf(key))
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  if (!row) return undefined;
  // Once a minute is enough to see that a key is in use, and spares a write per request.
  if (row.last_used_at === null || Date.now() - row.last_used_at.getTime() > 60_000)
    await db.updateTable('api_key').set({ last_used_at: sql`now()` }).where('id', '=', row.id).execute();
  return row.account_id;
}

/** A new account with its first key. The key is not stored: hand it on now. */
export async function createKey(
  db: Db,
  name: string,
  accountId?: string,
): Promise<{ id: string; accountId: string; key: string }> {
  const key = newKey();
  const made = await db
    .transaction()
    .execute((trx) => insertKey(trx, { key, name, source: 'created', accountId }));
  return { ...made, key };
}

async function insertKey(
  trx: Trx,
  {
    key,
    name,
    source,
    accountId,
  }: { key: string; name: string; source: 'created' | 'setting'; accountId: string | undefined },
): Promise<{ id: string; accountId: string }> {
  const account =
    accountId ??
    (await trx.insertInto('account').values({ name }).returning('id').executeTakeFirstOrThrow()).id;
  const { id } = await trx
    .insertInto('api_key')
    .values({ account_id: account, name, prefix: key.slice(0, PREFIX_LENGTH), hash: hashOf(key), source })
    .returning('id')
    .executeTakeFirstOrThrow();
  return { id, accountId: account };
}

export function listKeys(db: Db): Promise<KeyRow[]> {
  return db
    .selectFrom('api_key')
    .innerJoin('account', 'account.id', 'api_key.account_id')
    .select([
      'api_key.id',
      'api_key.account_id',
      'account.name as account',
      'api_key.name',
      'api_key.prefix',
      'api_key.source',
      'api_key.created_at',
      'api_key.last_used_at',
      'api_key.revoked_at',
    ])
    .orderBy('api_key.created_at')
    .execute();
}

/** False when there is no such key, or it is revoked already. */
export async function revokeKey(db: Db, id: string): Promise<boolean> {
  const result = await db
    .updateTable('api_key')
    .set({ revoked_at: sql`now()` })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/**
 * Makes the table agree with RINGBACK_API_KEYS: each key there opens an account, a key gone from there no longer does.
 * With no key anywhere, makes one and returns it to be shown this once.
 */
export function settleKeys(db: Db, configured: readonly string[]): Promise<{ created: string | null }> {
  return db.transaction().execute(async (trx) => {
    // Two processes that start at once must not both make the first key.
    await sql`LOCK TABLE api_key IN SHARE ROW EXCLUSIVE MODE`.execute(trx);
    const hashes = configured.map(hashOf);
    for (const [index, key] of configured.entries()) {
      const known = await trx
        .updateTable('api_key')
        .set({ revoked_at: null })
        .where('hash', '=', hashOf(key))
        .executeTakeFirst();
      if (known.numUpdatedRows === 0n)
        await insertKey(trx, {
          key,
          name: `RINGBACK_API_KEYS ${index + 1}`,
          source: 'setting',
          accountId: undefined,
        });
    }
    let gone = trx
      .updateTable('api_key')
      .set({ revoked_at: sql`now()` })
      .where('source', '=', 'setting')
      .where('revoked_at', 'is', null);
    if (hashes.length > 0) gone = gone.where('hash', 'not in', hashes);
    await gone.execute();
    const usable = await trx
      .selectFrom('api_key')
      .select('id')
      .where('revoked_at', 'is', null)
      .limit(1)
      .executeTakeFirst();
    if (usable) return { created: null };
    const key = newKey();
    await insertKey(trx, { key, name: 'first', source: 'created', accountId: undefined });
    return { created: key };
  });
}
