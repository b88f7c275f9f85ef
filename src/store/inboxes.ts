// Inboxes as their owner has them: made, listed, told what to answer, deleted.
import { randomBytes } from 'node:crypto';
import { type Selectable, sql } from 'kysely';
import { INBOX_LIMITS, type ToldAnswer } from '../inbox.ts';
import { lockAccount } from './account-lock.ts';
import type { Db, TellingDb } from './database.ts';
import { forwarderThere } from './inbox-forwarders.ts';
import { olderThan, type Place, placeAt } from './place.ts';
import type { Schema } from './schema.ts';

export type InboxRow = Selectable<Schema['inbox']> & {
  place_at: number;
  requests: number;
  forwarded: boolean;
};

export type InboxFields = { name: string; answers: ToldAnswer[]; forward: boolean; maxBytes: number };

const MEASURED = [
  placeAt.as('place_at'),
  sql<number>`(SELECT count(*) FROM inbox_request WHERE inbox_id = inbox.id)`.as('requests'),
  forwarderThere.as('forwarded'),
] as const;

/** Of 192 random bits: nobody finds it by trying. */
const newToken = () => randomBytes(24).toString('base64url');

/** `name_taken`: the account has one of this name. */
export function createInbox(
  db: Db,
  accountId: string,
  fields: InboxFields,
): Promise<InboxRow | 'name_taken' | 'too_many'> {
  return db.transaction().execute(async (trx) => {
    await lockAccount(trx, accountId);
    const others = await trx.selectFrom('inbox').select('name').where('account_id', '=', accountId).execute();
    if (others.some(({ name }) => name === fields.name)) return 'name_taken';
    if (others.length >= INBOX_LIMITS.inboxes) return 'too_many';
    return trx
      .insertInto('inbox')
      .values({ account_id: accountId, token: newToken(), ...columnsOf(fields), name: fields.name })
      .returningAll()
      .returning(MEASURED)
      .executeTakeFirstOrThrow();
  });
}

function columnsOf({ answers, forward, maxBytes }: Omit<InboxFields, 'name'>) {
  return { answers: JSON.stringify(answers), forward, max_bytes: maxBytes };
}

/** Newest first. */
export function listInboxes(
  db: Db,
  accountId: string,
  { limit, after }: { limit: number; after?: Place },
): Promise<InboxRow[]> {
  let query = db.selectFrom('inbox').selectAll().select(MEASURED).where('account_id', '=', accountId);
  if (after) query = query.where(olderThan(after));
  return query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(limit).execute();
}

export function findInbox(db: Db, accountId: string, id: string): Promise<InboxRow | undefined> {
  return db
    .selectFrom('inbox')
    .selectAll()
    .select(MEASURED)
    .where('account_id', '=', accountId)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** By its id, if one is given, or else by its name. */
export async function inboxNamed(
  db: Db,
  accountId: string,
  { id, name }: { id?: string; name: string },
): Promise<{ token: string } | undefined> {
  return db
    .selectFrom('inbox')
    .select('token')
    .where('account_id', '=', accountId)
    .where((e) => e.or([e('name', '=', name), ...(id === undefined ? [] : [e('id', '=', id)])]))
    .executeTakeFirst();
}

/** New answers begin with the first. */
export function updateInbox(
  db: Db,
  accountId: string,
  id: string,
  { name, answers, forward, maxBytes }: Partial<InboxFields>,
): Promise<InboxRow | 'name_taken' | undefined> {
  return db.transaction().execute(async (trx) => {
    await lockAccount(trx, accountId);
    const taken =
      name !== undefined &&
      (await trx
        .selectFrom('inbox')
        .select('id')
        .where('account_id', '=', accountId)
        .where('name', '=', name)
        .where('id', '!=', id)
        .executeTakeFirst());
    if (taken) return 'name_taken';
    return trx
      .updateTable('inbox')
      .set({
        // One column at least: what is asked for may be nothing.
        id: sql`id`,
        ...(name !== undefined && { name }),
        ...(answers && { answers: JSON.stringify(answers), given: 0 }),
        ...(forward !== undefined && { forward }),
        ...(maxBytes !== undefined && { max_bytes: maxBytes }),
      })
      .where('account_id', '=', accountId)
      .where('id', '=', id)
      .returningAll()
      .returning(MEASURED)
      .executeTakeFirst();
  });
}

/** With all that came to it; false: there is no such inbox. */
export function deleteInbox(db: TellingDb, accountId: string, id: string): Promise<boolean> {
  return db.commit(async (trx) => {
    const gone = await trx
      .deleteFrom('inbox')
      .where('account_id', '=', accountId)
      .where('id', '=', id)
      .returning('id')
      .executeTakeFirst();
    if (gone) trx.changed.push({ kind: 'inbox_gone', inboxId: id });
    return gone !== undefined;
  });
}
