// Which request made which row, under the key its client gave. The key is written in the transaction that makes the
// row: of two equal requests at the same instant the second waits for the first's commit, and then makes nothing.
import type { Db, Trx } from './database.ts';

/** A request that carries a key. */
export type KeyedRequest = {
  accountId: string;
  route: string;
  key: string;
  /** SHA-256 of what was asked. */
  bodyHash: Buffer;
};

export type Answer = { status: number; body: string };

/** Somebody else has written this key in the meantime: undo, and answer with what they made. */
export class KeyTaken extends Error {
  readonly code = 'idempotency_key_taken';
  constructor() {
    super('The idempotency key has been written by another request');
    this.name = 'KeyTaken';
  }
}

/** The answer given before under this key; `other_body` when the key belongs to another request. */
export async function findAnswer(db: Db, request: KeyedRequest): Promise<Answer | 'other_body' | undefined> {
  const row = await db
    .selectFrom('idempotency_key')
    .select(['body_hash', 'status', 'answer'])
    .where('account_id', '=', request.accountId)
    .where('route', '=', request.route)
    .where('key', '=', request.key)
    .executeTakeFirst();
  if (!row) return undefined;
  return row.body_hash.equals(request.bodyHash) ? { status: row.status, body: row.answer } : 'other_body';
}

/** An answer to keep, and the row that the request made. */
export type Kept = {
  keyed: KeyedRequest;
  answer: Answer;
  owner: { job_id: string } | { audio_id: string };
};

/** Throws {@link KeyTaken}, which undoes the transaction. */
export async function keepAnswers(trx: Trx, kept: readonly Kept[]): Promise<void> {
  // In one order, so that two transactions with the same keys cannot wait for one another.
  const sorted = kept.toSorted((a, b) => (nameOf(a.keyed) < nameOf(b.keyed) ? -1 : 1));
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto('idempotency_key')
    .values(
      sorted.map(({ keyed, answer, owner }) => ({
        account_id: keyed.accountId,
        route: keyed.route,
        key: keyed.key,
        body_hash: keyed.bodyHash,
        status: answer.status,
        answer: answer.body,
        ...owner,
      })),
    )
    .onConflict((conflict) => conflict.columns(['account_id', 'route', 'key']).doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows !== BigInt(kept.length)) throw new KeyTaken();
}

const nameOf = ({ accountId, route, key }: KeyedRequest) => `${accountId} ${route} ${key}`;
