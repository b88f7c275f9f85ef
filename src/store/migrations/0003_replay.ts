// Replays: sending many deliveries again, a batch at a time, from a place on record.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `ALTER TABLE delivery DROP CONSTRAINT delivery_trigger_check,
     ADD CONSTRAINT delivery_trigger_check CHECK (trigger IN ('schedule', 'resend', 'replay'))`,

  // `created_at` is also the border: deliveries that are newer are not touched.
  `CREATE TABLE replay (
     id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
     account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
     filter jsonb NOT NULL,
     rate integer NOT NULL CHECK (rate BETWEEN 1 AND 1000),
     state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'cancelled')),
     cursor_at timestamptz NOT NULL DEFAULT '-infinity',
     cursor_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
     next_at timestamptz NOT NULL DEFAULT now(),
     matched integer NOT NULL DEFAULT 0,
     resent integer NOT NULL DEFAULT 0,
     in_flight integer NOT NULL DEFAULT 0,
     body_gone integer NOT NULL DEFAULT 0,
     created_at timestamptz NOT NULL DEFAULT now(),
     finished_at timestamptz,
     CONSTRAINT replay_finished_has_time CHECK ((state <> 'running') = (finished_at IS NOT NULL)),
     CONSTRAINT replay_counts_add_up CHECK (matched = resent + in_flight + body_gone)
   )`,
  `CREATE INDEX replay_running ON replay (next_at) WHERE state = 'running'`,
  `CREATE INDEX replay_of_account ON replay (account_id, created_at DESC, id DESC)`,

  // What an operator looks for most, and the rarest.
  `CREATE INDEX delivery_failed ON delivery (account_id, created_at DESC, id DESC) WHERE state = 'failed'`,
] as const;
