// Accounts and their API keys. A key is shown once, when it is made; here only its SHA-256 is kept.
import { createHash, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { lockAccount } from './account-lock.ts';
import { insertAccount } from './accounts.ts';
import { recordChange } from './audit.ts';
import { Batches } from './batches.ts';
import type { Db, Trx } from './database.ts';
import { LIVES } from './liveness.ts';
import { prepared } from './prepared.ts';

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

export function hashOfKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

/**
 * Tells the account a key opens; undefined for an unknown or revoked one. Nothing is remembered between two requests, so a
 * key is refused from its revocation on; those of requests that come together are looked up together.
 */
export function accountFinder(db: Db): (key: string) => Promise<string | undefined> {
  const batches = new Batches<string, string | undefined>({
    run: (keys) => findAccounts(db, keys),
    lanes: 2,
    most: 1_000,
  });
  return (key) => batches.add(key);
}

async function findAccounts(db: Db, keys: readonly string[]): Promise<(string | undefined)[]> {
  const hashes = new Map([...new Set(keys)].map((key) => [key, hashOfKey(key)]));
  const { rows } = await sql<{
    id: string;
    account_id: string;
    hash: Buffer;
    stale: boolean;
  }>`${prepared('find_accounts')}
    SELECT id, account_id, hash, coalesce(last_used_at < now() - interval '1 minute', true) AS stale
    FROM api_key WHERE hash = ANY(${[...hashes.values()]}::bytea[]) AND revoked_at IS NULL`.execute(db);
  // Once a minute is enough to see that a key is in use, and spares a write per request.
  const stale = rows.filter((row) => row.stale).map(({ id }) => id);
  if (stale.length > 0)
    await sql`
      UPDATE api_key SET last_used_at = now() WHERE id IN (
        SELECT id FROM api_key WHERE id = ANY(${stale}::uuid[]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)`.execute(
      db,
    );
  const accounts = new Map(rows.map(({ hash, account_id }) => [hash.toString('hex'), account_id]));
  return keys.map((key) => accounts.get(hashes.get(key)?.toString('hex') ?? ''));
}

/** Another key of the account, or a new account with its first key. The key is not stored: hand it on now. */
export async function createKey(
  db: Db,
  name: string,
  account: { id: string } | { name: string } = { name },
): Promise<{ id: string; accountId: string; key: string }> {
  const key = newKey();
  const made = await db.transaction().execute(async (trx) => {
    const accountId = 'id' in account ? account.id : await insertAccount(trx, account.name);
    const made = await insertKey(trx, { key, name, source: 'created', accountId });
    await recordChange(trx, { accountId, action: 'key.created', by: null, subject: { id: made.id, name } });
    return made;
  });
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
  const account = accountId ?? (await insertAccount(trx, name));
  const { id } = await trx
    .insertInto('api_key')
    .values({ account_id: account, name, prefix: key.slice(0, PREFIX_LENGTH), hash: hashOfKey(key), source })
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

/** Another key for the account; undefined when it has as many in use as it may. `by`: SHA-256 of the key that asks. */
export function createOwnKey(
  db: Db,
  accountId: string,
  name: string,
  by: Buffer | null = null,
): Promise<{ row: Omit<KeyRow, 'account'>; key: string } | undefined> {
  return db.transaction().execute(async (trx) => {
    if ((await lockActiveKeys(trx, accountId)) >= MOST_KEYS) return undefined;
    const key = newKey();
    const { id } = await insertKey(trx, { key, name, source: 'created', accountId });
    await recordChange(trx, { accountId, action: 'key.created', by, subject: { id, name } });
    const row = await trx.selectFrom('api_key').select(SHOWN).where('id', '=', id).executeTakeFirstOrThrow();
    return { row, key };
  });
}

/**
 * Refused from now on, unless the account would be locked out, or the setting would bring the key back. `by`: SHA-256 of the
 * key that asks.
 */
export function revokeOwnKey(
  db: Db,
  accountId: string,
  id: string,
  by: Buffer | null = null,
): Promise<Omit<KeyRow, 'account'> | 'unknown' | 'last' | 'configured'> {
  return db.transaction().execute(async (trx) => {
    const active = await lockActiveKeys(trx, accountId);
    const key = await trx
      .selectFrom('api_key')
      .select(['source', 'name'])
      .where('account_id', '=', accountId)
      .where('id', '=', id)
      .where('revoked_at', 'is', null)
      .executeTakeFirst();
    if (!key) return 'unknown';
    if (key.source === 'setting') return 'configured';
    if (active === 1) return 'last';
    await recordChange(trx, { accountId, action: 'key.revoked', by, subject: { id, name: key.name } });
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
  await lockAccount(trx, accountId);
  const { active } = await trx
    .selectFrom('api_key')
    .select(sql<number>`count(*)`.as('active'))
    .where('account_id', '=', accountId)
    .where('revoked_at', 'is', null)
    .executeTakeFirstOrThrow();
  return active;
}

/** False when there is no such key, or it is revoked already. */
export function revokeKey(db: Db, id: string): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const revoked = await trx
      .updateTable('api_key')
      .set({ revoked_at: sql`now()` })
      .where('id', '=', id)
      .where('revoked_at', 'is', null)
      .returning(['account_id', 'name'])
      .executeTakeFirst();
    if (!revoked) return false;
    const { account_id: accountId, name } = revoked;
    await recordChange(trx, { accountId, action: 'key.revoked', by: null, subject: { id, name } });
    return true;
  });
}

/**
 * Makes the table agree with RINGBACK_API_KEYS: each key there opens an account, one that no living server has there no
 * longer does. Returns the prefixes of those in force only because another living server has them in its setting.
 */
export function settleKeys(db: Db, configured: readonly string[]): Promise<string[]> {
  return db.transaction().execute(async (trx) => {
    await lockAllKeys(trx);
    const hashes = configured.map(hashOfKey);
    for (const [index, key] of configured.entries()) {
      const known = await trx
        .updateTable('api_key')
        .set({ revoked_at: null })
        .where('hash', '=', hashOfKey(key))
        .executeTakeFirst();
      if (known.numUpdatedRows === 0n)
        await insertKey(trx, {
          key,
          name: `RINGBACK_API_KEYS ${index + 1}`,
          source: 'setting',
          accountId: undefined,
        });
    }
    await revokeUnconfigured(trx, hashes);
    return trx
      .selectFrom('api_key')
      .select('prefix')
      .where('source', '=', 'setting')
      .where('revoked_at', 'is', null)
      .where('hash', '<>', sql<Buffer>`ALL(${hashes}::bytea[])`)
      .execute()
      .then((rows) => rows.map(({ prefix }) => prefix));
  });
}

/** With no key in force anywhere, makes one, to be shown this once; null otherwise. */
export function createFirstKey(db: Db): Promise<string | null> {
  return db.transaction().execute(async (trx) => {
    await lockAllKeys(trx);
    const usable = await trx
      .selectFrom('api_key')
      .select('id')
      .where('revoked_at', 'is', null)
      .limit(1)
      .executeTakeFirst();
    if (usable) return null;
    const key = newKey();
    await insertKey(trx, { key, name: 'first', source: 'created', accountId: undefined });
    return key;
  });
}

/** Two processes that start at once take turns. */
async function lockAllKeys(trx: Trx): Promise<void> {
  await sql`LOCK TABLE api_key IN SHARE ROW EXCLUSIVE MODE`.execute(trx);
}

/** Keys of the setting that neither these are nor any living server has: refused from now on. Returns their prefixes. */
export async function revokeUnconfigured(db: Db | Trx, hashes: readonly Buffer[] = []): Promise<string[]> {
  const rows = await db
    .updateTable('api_key')
    .set({ revoked_at: sql`now()` })
    .where('source', '=', 'setting')
    .where('revoked_at', 'is', null)
    .where('hash', '<>', sql<Buffer>`ALL(${hashes}::bytea[])`)
    .where((e) =>
      e.not(
        e.exists(
          e
            .selectFrom('process')
            .select('process.id')
            .where(LIVES)
            .whereRef('api_key.hash', '=', sql`ANY(process.key_hashes)`),
        ),
      ),
    )
    .returning('prefix')
    .execute();
  return rows.map(({ prefix }) => prefix);
}
