// A callback that is called off while a sender has it, and what an endpoint's owner and its long silences do to its health.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  // In the hands of a sender: it is not begun any more, and not tried again; its answer, should one come, is the truth.
  // Its body may be gone by then with its transcription.
  `ALTER TABLE delivery
     ADD cancel_reason text,
     ADD CONSTRAINT delivery_cancelled_in_flight CHECK (cancel_reason IS NULL OR state = 'delivering'),
     DROP CONSTRAINT delivery_open_has_body,
     ADD CONSTRAINT delivery_open_has_body CHECK (state IN ('delivered', 'failed', 'cancelled') OR cancel_reason IS NOT NULL
       OR CASE form WHEN 'full' THEN full_body IS NOT NULL ELSE reference_body IS NOT NULL END)`,

  `ALTER TABLE endpoint
     ADD failed_at timestamptz,
     ADD refusals integer NOT NULL DEFAULT 0,
     ADD counts_from timestamptz`,
  `UPDATE endpoint SET failed_at = now() WHERE failing_since IS NOT NULL`,
] as const;
