// The database's clock decides what is due; this tells how far ours is off. Signatures carry our time, and receivers
// refuse those more than five minutes away.
import { sql } from 'kysely';
import type { Db } from './database.ts';

/** Our clock minus the database's, in milliseconds, judged at the middle of the round trip. */
export async function clockOffset(db: Db, now: () => Date = () => new Date()): Promise<number> {
  const before = now().getTime();
  const { rows } = await sql<{ now: number }>`
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now`.execute(db);
  const after = now().getTime();
  return (before + after) / 2 - (rows[0] as { now: number }).now;
}
