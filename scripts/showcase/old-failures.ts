// Callbacks that were given up over the last day. Their schedule takes a day in earnest: so the rows say what the
// dispatcher would have written by then.
import { sql } from 'kysely';
import type { Database } from '../../src/store/database.ts';

/** Of what waits at endpoints that fail, four fifths. */
export async function giveUp({ db }: Pick<Database, 'db'>): Promise<void> {
  await sql`
    WITH old AS (
      SELECT delivery.id, attempts FROM delivery JOIN endpoint ON endpoint.id = delivery.endpoint_id
      WHERE state = 'pending' AND attempts > 0 AND breaker <> 'closed' AND hashtext(delivery.id::text) % 5 <> 0
    ), tried AS (
      INSERT INTO attempt (delivery_id, number, trigger, form, started_at, duration_ms, address, phases, status, location,
        answer_head, answer_bytes, answer_truncated, outcome, error_class, error_message, next_at)
      SELECT a.delivery_id, a.number + n, a.trigger, a.form, a.started_at + n * interval '2 minutes', a.duration_ms,
        a.address, a.phases, a.status, a.location, a.answer_head, a.answer_bytes, a.answer_truncated, a.outcome,
        a.error_class, a.error_message, a.next_at + n * interval '2 minutes'
      FROM old JOIN attempt a ON a.delivery_id = old.id AND a.number = old.attempts, generate_series(1, 4) n
    )
    UPDATE delivery SET state = 'failed', attempts = delivery.attempts + 4, step = 5, due_at = NULL, final_at = now(),
      reason = 'all 5 attempts of the schedule failed; the last: ' || (
        SELECT coalesce(error_message, 'status ' || status) FROM attempt
        WHERE delivery_id = delivery.id ORDER BY number DESC LIMIT 1)
    FROM old WHERE delivery.id = old.id`.execute(db);
}
