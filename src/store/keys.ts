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

const SHOWN = [
  'id',
  'account_id',
  'name',
  'prefix',
  'source',
  'created_at',
  'last_used_at',
  'revoked_at',
] as const;

/** 160 random bits: a plain hash is enough to store it. */
export function newKey(): string {
  return `rb_${randomBytes(20).toString('base64url')}`;
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/** The accounts that keys open; an unknown or revoked one is left out. */
export async function findAccounts(db: Db, keys: readonly string[]): Promise<Map<string, string>> {
  const byHash = new Map(keys.map((key) => [hashOf(key).toString('hex'), key]));
  const rows = await db
    .selectFrom('api_key')
    .select(['id', 'account_id', 'hash', 'last_used_at'])
    .where('hash', '=', sql<Buffer>`ANY(${keys.map(hashOf)}::bytea[])`)
    .where('revoked_at', 'is', null)
    .execute();
  // Once a minute is enough to see that a key is in use, and spares a write per request.
  const used = rows.filter(({ last_used_at: at }) => at === null || Date.now() - at.getTime() > 60_000);
  if (used.length > 0)
    await sql`
      UPDATE api_key SET last_used_at = now() WHERE id IN (
        SELECT id FROM api_key WHERE id = ANY(${used.map(({ id }) => id)}::uuid[])
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)`.execute(db);
  return new Map(
    rows.map(({ hash, account_id }) => [byHash.get(hash.toString('hex')) as string, account_id]),
  );
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

/** Oldest first: every account's, or one's own. */
export function listKeys(db: Db, accountId?: string): Promise<KeyRow[]> {
  let query = db
    .selectFrom('api_key')
    .innerJoin('account', 'account.id', 'api_key.account_id')
    .select(['account.name as account', ...SHOWN.map((column) => `api_key.${column}` as const)]);
  if (accountId !== undefined) query = query.where('api_key.account_id', '=', accountId);
  return query.orderBy('api_key.created_at').execute();
}

/** Keys in use per account: enough for every program its own, and no table without end. */
const MOST_KEYS = 100;

/** Another key for the account; undefined when it has as many in use as it may. */
export function createOwnKey(
  db: Db,
  accountId: string,
  name: string,
): Promise<{ row: Omit<KeyRow, 'account'>; key: string } | undefined> {
  return db.transaction().execute(async (trx) => {
    if ((await lockActiveKeys(trx, accountId)) >= MOST_KEYS) return undefined;
    const key = newKey();
    const { id } = await insertKey(trx, { key, name, source: 'created', accountId });
    const row = await trx.selectFrom('api_key').select(SHOWN).where('id', '=', id).executeTakeFirstOrThrow();
    return { row, key };
  });
}

/** Refused from now on, unless the account would be locked out, or the setting would bring the key back. */
export function revokeOwnKey(
  db: Db,
  accountId: string,
  id: string,
): Promise<Omit<KeyRow, 'account'> | 'unknown' | 'last' | 'configured'> {
  return db.transaction().execute(async (trx) => {
    const active = await lockActiveKeys(trx, accountId);
    const key = await trx
      .selectFrom('api_key')
      .select('source')
      .where('account_id', '=', accountId)
      .where('id', '=', id)
      .where('revoked_at', 'is', null)
      .executeTakeFirst();
    if (!key) return 'unknown';
    if (key.source === 'setting') return 'configured';
    if (active === 1) return 'last';
    return trx
      .updateTable('api_key')
      .set({ revoked_at: sql`now()` })
      .where('id', '=', id)
      .returning(SHOWN)
      .executeTakeFirstOrThrow();
  });
}

/** Changes of one account's keys take turns: two keys cannot revoke one another at the same instant. */
async function lockActiveKeys(trx: Trx, accountId: string): Promise<number> {
  await trx.selectFrom('account').select('id').where('id', '=', accountId).forNoKeyUpdate().execute();
  const { active } = await trx
    .selectFrom('api_key')
    .select(sql<number>`count(*)`.as('active'))
    .where('account_id', '=', accountId)
    .where('revoked_at', 'is', null)
    .executeTakeFirstOrThrow();
  return active;
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
