// A request that comes to an inbox: whose inbox that is, what becomes of it, and what goes to make room for it. Numbers are given
// under the lock of the inbox's row, so they are committed in their order: who has read up to one number misses nothing by
// going on from there.
import { type Selectable, sql } from 'kysely';
import { INBOX_LIMITS, type ToldAnswer, toldAnswer } from '../inbox.ts';
import type { Db, TellingDb, Trx } from './database.ts';
import { forwarderThere } from './inbox-forwarders.ts';
import { answeredBy } from './inbox-requests.ts';
import type { Schema } from './schema.ts';

export type InboxByToken = { id: string; account_id: string; max_bytes: number };

/** Whose these addresses are; undefined: nobody's. In the order of the tokens. */
export async function inboxesByToken(
  db: Db,
  tokens: readonly string[],
): Promise<(InboxByToken | undefined)[]> {
  const rows = await db
    .selectFrom('inbox')
    .select(['id', 'account_id', 'max_bytes', 'token'])
    .where('token', '=', sql<string>`ANY(${tokens}::text[])`)
    .execute();
  const byToken = new Map(rows.map(({ token, ...row }) => [token, row]));
  return tokens.map((token) => byToken.get(token));
}

export type Arrived = {
  method: string;
  target: string;
  headers: [string, string][];
  /** Null: it is larger than the inbox takes. */
  body: Buffer | null;
  bytes: number;
  signature: 'valid' | 'invalid' | null;
};

/** What is done with it: answered as told, or left to a forwarder. */
export type Received = { number: number } & (
  | { todo: 'tell'; answer: ToldAnswer }
  | { todo: 'wait' }
  | { todo: 'too_large' }
  /** Nobody is there to answer it. */
  | { todo: 'come_again' }
);

export const TOO_LARGE_ANSWER: ToldAnswer = {
  status: 413,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: 'This inbox takes no body of this size (max_bytes).\n',
};

export const COME_AGAIN_ANSWER: ToldAnswer = {
  status: 503,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '5' },
  body: 'Nobody is connected to answer for this inbox (ringback listen --forward): try again later.\n',
};

/** Keeps it and decides what becomes of it, in one transaction; undefined: the inbox is gone. */
export function receive(
  db: TellingDb,
  inboxId: string,
  arrived: Arrived,
  waitMs: number,
): Promise<Received | undefined> {
  return db.commit(async (trx) => {
    const tooLarge = arrived.body === null;
    const inbox = await trx
      .updateTable('inbox')
      .set({
        last_number: sql`last_number + 1`,
        last_request_at: sql`now()`,
        given: sql`given + CASE WHEN ${tooLarge}::boolean OR forward OR ${forwarderThere} THEN 0 ELSE 1 END`,
      })
      .where('id', '=', inboxId)
      .returning(['account_id', 'last_number', 'answers', 'given', 'forward'])
      .returning(forwarderThere.as('forwarded'))
      .executeTakeFirst();
    if (!inbox) return undefined;
    const number = inbox.last_number;
    const received = decide(number, tooLarge, inbox);
    await trx
      .insertInto('inbox_request')
      .values({
        inbox_id: inboxId,
        number,
        account_id: inbox.account_id,
        ...arrived,
        headers: JSON.stringify(arrived.headers),
        ...outcomeOf(received, waitMs),
      })
      .execute();
    await trim(trx, inboxId, inbox.account_id, number);
    trx.changed.push({ kind: 'inbox_request', inboxId, number });
    return received;
  });
}

function decide(
  number: number,
  tooLarge: boolean,
  inbox: Pick<Selectable<Schema['inbox']>, 'answers' | 'given' | 'forward'> & { forwarded: boolean },
): Received {
  if (tooLarge) return { number, todo: 'too_large' };
  if (inbox.forwarded) return { number, todo: 'wait' };
  if (inbox.forward) return { number, todo: 'come_again' };
  return { number, todo: 'tell', answer: toldAnswer(inbox.answers, inbox.given - 1) };
}

function outcomeOf(received: Received, waitMs: number) {
  switch (received.todo) {
    case 'wait':
      return {
        state: 'waiting',
        waits_until: sql<Date>`now() + ${waitMs} * interval '1 millisecond'`,
      } as const;
    case 'too_large':
      return answeredBy('inbox', TOO_LARGE_ANSWER);
    case 'come_again':
      return answeredBy('inbox', COME_AGAIN_ANSWER);
    case 'tell': {
      const { action = 'answer' } = received.answer;
      if (action === 'answer') return answeredBy('inbox', received.answer);
      return { state: action === 'cut' ? 'cut' : 'held', answered_by: 'inbox' } as const;
    }
    default:
      return received satisfies never;
  }
}

/** The oldest go: more than 100 of an inbox, more bytes than it or its account may have. Not those that are being answered. */
async function trim(trx: Trx, inboxId: string, accountId: string, last: number): Promise<void> {
  const { kept, keptBytes, accountBytes } = INBOX_LIMITS;
  await sql`
    DELETE FROM inbox_request WHERE inbox_id = ${inboxId} AND state <> 'waiting' AND number <= coalesce((
      SELECT max(number) FROM (
        SELECT number, sum(CASE WHEN body IS NULL THEN 0 ELSE bytes END) OVER (ORDER BY number DESC) AS bytes FROM inbox_request
        WHERE inbox_id = ${inboxId}) AS newest
      WHERE bytes > ${keptBytes} AND number < ${last} OR number <= ${last - kept}), 0)`.execute(trx);
  const { rows } = await sql<{ bytes: number }>`
    SELECT coalesce(sum(bytes), 0)::bigint AS bytes FROM inbox_request WHERE account_id = ${accountId} AND body IS NOT NULL`.execute(
    trx,
  );
  if ((rows[0]?.bytes ?? 0) <= accountBytes) return;
  await sql`
    DELETE FROM inbox_request WHERE (inbox_id, number) IN (
      SELECT one.inbox_id, one.number FROM (
        SELECT inbox_id, number, sum(bytes) OVER (ORDER BY received_at DESC, inbox_id, number DESC) AS bytes
        FROM inbox_request WHERE account_id = ${accountId} AND body IS NOT NULL) AS newest
      JOIN inbox_request AS one USING (inbox_id, number)
      WHERE newest.bytes > ${accountBytes} AND one.state <> 'waiting'
        AND NOT (one.inbox_id = ${inboxId} AND one.number = ${last})
      FOR UPDATE OF one SKIP LOCKED)`.execute(trx);
}
