// A delivery's body as it is sent.
import { sql } from 'kysely';
import type { CallbackHeaders } from '../callback-headers.ts';
import type { Method } from '../delivery.ts';
import type { Db } from './database.ts';

export type SentRequest = {
  id: string;
  url: string;
  method: Method;
  gzip: boolean;
  headers: CallbackHeaders | null;
  attempts: number;
  /** When its last attempt began; null before the first. */
  started_at: Date | null;
  /** Null once it was removed. */
  body: Buffer | null;
};

export async function findSentRequest(
  db: Db,
  accountId: string,
  id: string,
): Promise<SentRequest | undefined> {
  const { rows } = await sql<SentRequest>`
    SELECT id, url, method, gzip, headers, attempts, CASE form WHEN 'full' THEN full_body ELSE reference_body END AS body,
      (SELECT max(started_at) FROM attempt WHERE delivery_id = delivery.id) AS started_at
    FROM delivery WHERE account_id = ${accountId} AND id = ${id}`.execute(db);
  return rows[0];
}
