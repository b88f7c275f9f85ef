// How many callbacks a replay would find, before anybody asks for it. Counted up to a bound, so that it stays a look.
import { sql } from 'kysely';
import { type CallbackFilter, DELIVERY_STATES } from '../delivery.ts';
import type { Db } from './database.ts';

/** Callbacks looked at, the newest first: a quarter of a second of one core where none of them is in memory's way. */
const SCAN = 200_000;

export type ReplayPreview = {
  matched: number;
  /** More were there than are looked at: `matched` is the least. */
  at_least: boolean;
  /** Of those, being sent at this moment, and without a body: a replay leaves them out. */
  in_flight: number;
  body_gone: number;
  endpoints: number;
};

export async function previewReplay(
  db: Db,
  accountId: string,
  filter: CallbackFilter,
): Promise<ReplayPreview> {
  const { rows } = await sql<ReplayPreview>`
    WITH scanned AS MATERIALIZED (
      SELECT state, endpoint_id, event,
        CASE asked_form WHEN 'full' THEN full_body ELSE reference_body END IS NULL AS body_gone
      FROM delivery
      WHERE account_id = ${accountId}
        AND created_at >= coalesce(${filter.created_after ?? null}::timestamptz, '-infinity')
        AND created_at < coalesce(${filter.created_before ?? null}::timestamptz, 'infinity')
        AND job_id = coalesce(${filter.transcription_id ?? null}::uuid, job_id)
      ORDER BY created_at DESC LIMIT ${SCAN + 1})
    SELECT count(*)::int AS matched,
      (SELECT count(*) FROM scanned) > ${SCAN} AS at_least,
      (count(*) FILTER (WHERE state = 'delivering'))::int AS in_flight,
      (count(*) FILTER (WHERE state <> 'delivering' AND body_gone))::int AS body_gone,
      count(DISTINCT endpoint_id)::int AS endpoints
    FROM scanned
    WHERE state = ANY(${filter.state ?? DELIVERY_STATES}::text[])
      AND endpoint_id = coalesce(${filter.endpoint ?? null}::uuid, endpoint_id)
      AND event = coalesce(${filter.event ?? null}, event)`.execute(db);
  return rows[0] as ReplayPreview;
}
