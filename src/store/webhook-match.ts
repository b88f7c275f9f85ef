// Which webhooks hear of a job: asked by the very statement that changes the job, so that it costs no further round trip.
import { sql } from 'kysely';
import type { JobEvent } from '../delivery.ts';
import { type Subscriber, webhookEvent } from '../webhook.ts';

/** Every one of the conditions fits, by one of its spellings. A job without metadata fits none. */
const fits = sql`(webhook.conditions IS NULL OR NOT EXISTS (
  SELECT FROM jsonb_array_elements(webhook.conditions) AS condition WHERE NOT EXISTS (
    SELECT FROM jsonb_array_elements(condition) AS spelling WHERE job.custom_metadata @> spelling)))`;

/** Over rows of `webhook`, as {@link Subscriber}. */
export const subscribers = sql`json_agg(json_build_object('id', webhook.id, 'url', webhook.url, 'payload', webhook.payload,
  'format', webhook.format, 'headers', webhook.headers) ORDER BY webhook.id)`;

export const listens = sql`webhook.enabled AND webhook.deleted_at IS NULL`;

/** For RETURNING and SELECT, in a statement on `job`; null: nobody hears of it. */
export const heardBy = (event: JobEvent) =>
  sql<Subscriber[] | null>`(
    SELECT ${subscribers} FROM webhook
    WHERE webhook.account_id = job.account_id AND ${listens} AND webhook.events @> ARRAY[${webhookEvent(event)}]::text[]
      AND ${fits})`.as('subscribers');
