// What is told to the operator's tools: traces that survive processes, how long a job waited, places, and durations of runs.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // `trace`: the headers traceparent and tracestate of what the row came from.
  `ALTER TABLE job ADD trace json, ADD waits_since timestamptz NOT NULL DEFAULT now()`,
  `UPDATE job SET waits_since = created_at WHERE state IN ('queued', 'processing')`,
  `ALTER TABLE delivery ADD trace json`,

  // Transcriptions that the process does at a time.
  `ALTER TABLE process ADD places integer NOT NULL DEFAULT 0`,

  // A histogram: `runs` took at most `le` seconds, and longer than the next smaller one; `seconds` is their sum.
  `CREATE TABLE run_total (
     outcome text NOT NULL,
     le double precision NOT NULL,
     runs bigint NOT NULL,
     seconds double precision NOT NULL,
     PRIMARY KEY (outcome, le)
   )`,
] as const;
