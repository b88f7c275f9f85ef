// What came to an inbox as its owner reads it, and what it is answered.
import { type Selectable, sql } from 'kysely';
import type { ToldAnswer } from '../inbox.ts';
import type { Db, TellingDb } from './database.ts';
import type { Schema } from './schema.ts';

/** Bodies up to this size come along with the rest of a request. */
export const SMALL_BODY = 16_384;

const SHOWN = [
  'number',
  'received_at',
  'method',
  'target',
  'headers',
  'bytes',
  'signature',
  'state',
  'waits_until',
  'answered_by',
  'answer_status',
  'answer_headers',
  'answered_at',
] as const;
const small = sql<Buffer | null>`CASE WHEN bytes <= ${SMALL_BODY} THEN body END`.as('body');
const answerBody = sql<Buffer | null>`CASE WHEN length(answer_body) <= ${SMALL_BODY} THEN answer_body END`.as(
  'answer_body',
);
/** Milliseconds that are left to answer it, by the database's clock. */
const leftMs = sql<number | null>`(extract(epoch FROM waits_until - now()) * 1000)::float8`.as('left_ms');

export type InboxRequestRow = Pick<Selectable<Schema['inbox_request']>, (typeof SHOWN)[number]> & {
  /** Null: large, or not read. */
  body: Buffer | null;
  answer_body: Buffer | null;
  left_ms: number | null;
};

/** Newest first; `before`: only those with a lower number. */
export function listInboxRequests(
  db: Db,
  inboxId: string,
  { limit, before }: { limit: number; before?: number },
): Promise<InboxRequestRow[]> {
  let query = db
    .selectFrom('inbox_request')
    .select(SHOWN)
    .select([small, answerBody, leftMs])
    .where('inbox_id', '=', inboxId);
  if (before !== undefined) query = query.where('number', '<', before);
  return query.orderBy('number', 'desc').limit(limit).execute();
}

/** In their order: those with a higher number, or with `waiting` those that wait for an answer whatever their number. */
export function nextInboxRequests(
  db: Db,
  inboxId: string,
  { after, limit, waiting = false }: { after: number; limit: number; waiting?: boolean },
): Promise<InboxRequestRow[]> {
  return db
    .selectFrom('inbox_request')
    .select(SHOWN)
    .select([small, answerBody, leftMs])
    .where('inbox_id', '=', inboxId)
    .where('number', '>', after)
    .where((e) =>
      waiting
        ? e.and([e('state', '=', 'waiting'), e('waits_until', '>', sql<Date>`now()`)])
        : e.val<boolean>(true),
    )
    .orderBy('number')
    .limit(limit)
    .execute();
}

/** Bytes as they came; null: too large to be kept; undefined: there is no such request. */
export async function readInboxBody(
  db: Db,
  inboxId: string,
  number: number,
): Promise<Buffer | null | undefined> {
  const row = await db
    .selectFrom('inbox_request')
    .select('body')
    .where('inbox_id', '=', inboxId)
    .where('number', '=', number)
    .executeTakeFirst();
  return row?.body;
}

export type GivenAnswer = { status: number; headers: Record<string, string>; body: Buffer };

/** `over`: nobody waits for it any more. The first answer is the one that counts. */
export function answerInboxRequest(
  db: TellingDb,
  inboxId: string,
  number: number,
  { status, headers, body }: GivenAnswer,
): Promise<'given' | 'over' | 'unknown'> {
  return db.commit(async (trx) => {
    const given = await trx
      .updateTable('inbox_request')
      .set({ ...answeredBy('forwarder', { status, headers }), answer_body: body })
      .where('inbox_id', '=', inboxId)
      .where('number', '=', number)
      .where('state', '=', 'waiting')
      .where('waits_until', '>', sql<Date>`now()`)
      .returning('number')
      .executeTakeFirst();
    if (given) {
      trx.changed.push({ kind: 'inbox_answer', inboxId, number });
      return 'given';
    }
    const there = await trx
      .selectFrom('inbox_request')
      .select('number')
      .where('inbox_id', '=', inboxId)
      .where('number', '=', number)
      .executeTakeFirst();
    return there ? 'over' : 'unknown';
  });
}

/** What a request that waited is to be answered; null: it still waits. Undefined: its inbox was deleted. */
export async function givenAnswer(
  db: Db,
  inboxId: string,
  number: number,
): Promise<GivenAnswer | null | undefined> {
  const row = await db
    .selectFrom('inbox_request')
    .select(['answer_status', 'answer_headers', 'answer_body'])
    .where('inbox_id', '=', inboxId)
    .where('number', '=', number)
    .executeTakeFirst();
  if (!row) return undefined;
  if (row.answer_status === null) return null;
  return {
    status: row.answer_status,
    headers: row.answer_headers ?? {},
    body: row.answer_body ?? Buffer.of(),
  };
}

/** Nobody answered in time, or its sender left: false where an answer came first after all. */
export async function giveUpWaiting(
  db: TellingDb,
  inboxId: string,
  number: number,
  end: { answer: ToldAnswer } | 'left',
): Promise<boolean> {
  return db.commit(async (trx) => {
    const row = await trx
      .updateTable('inbox_request')
      .set(end === 'left' ? { state: 'left', waits_until: null } : answeredBy('inbox', end.answer))
      .where('inbox_id', '=', inboxId)
      .where('number', '=', number)
      .where('state', '=', 'waiting')
      .returning('number')
      .executeTakeFirst();
    if (row) trx.changed.push({ kind: 'inbox_answer', inboxId, number });
    return row !== undefined;
  });
}

/** The columns of an answer. */
export function answeredBy(by: 'inbox' | 'forwarder', { status = 200, headers = {}, body = '' }: ToldAnswer) {
  return {
    state: 'answered',
    waits_until: null,
    answered_by: by,
    answer_status: status,
    answer_headers: JSON.stringify(headers),
    answer_body: Buffer.from(body),
    answered_at: sql<Date>`now()`,
  } as const;
}
