// Who made or revoked a key, and who rotated the signing secret: written in the transaction of the change itself.
import { type Selectable, sql } from 'kysely';
import type { AuditAction } from '../audit.ts';
import type { Db, Trx } from './database.ts';
import type { Schema } from './schema.ts';

/** Kept of an account. */
export const MOST_ENTRIES = 200;

export type NewEntry = {
  accountId: string;
  action: AuditAction;
  /** SHA-256 of the key that asked for it; null: it was done on the server's machine, without one. */
  by: Buffer | null;
  subject?: { id: string; name: string };
};

export async function recordChange(trx: Trx, { accountId, action, by, subject }: NewEntry): Promise<void> {
  await trx
    .insertInto('audit_entry')
    .values({
      account_id: accountId,
      action,
      key_id: by && sql<string>`(SELECT id FROM api_key WHERE hash = ${by})`,
      subject_id: subject?.id ?? null,
      subject_name: subject?.name ?? null,
    })
    .execute();
  await sql`
    DELETE FROM audit_entry WHERE account_id = ${accountId} AND id <= (
      SELECT id FROM audit_entry WHERE account_id = ${accountId}
      ORDER BY id DESC OFFSET ${MOST_ENTRIES} LIMIT 1)`.execute(trx);
}

export type AuditRow = Pick<
  Selectable<Schema['audit_entry']>,
  'id' | 'at' | 'action' | 'key_id' | 'subject_id' | 'subject_name'
> & { key_name: string | null; key_prefix: string | null };

/** All that are kept, newest first. */
export function listAudit(db: Db, accountId: string): Promise<AuditRow[]> {
  return db
    .selectFrom('audit_entry')
    .leftJoin('api_key', 'api_key.id', 'audit_entry.key_id')
    .select(['audit_entry.id', 'at', 'action', 'key_id', 'subject_id', 'subject_name'])
    .select(['api_key.name as key_name', 'api_key.prefix as key_prefix'])
    .where('audit_entry.account_id', '=', accountId)
    .orderBy('audit_entry.id', 'desc')
    .execute();
}
