// The deliveries that webhooks are owed for what is no end of a job that ran: it was made, it began, it was deleted before it
// began. Part of the transaction in which that happens; any number of them in one statement.
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { type CallbackOutcome, renderCallbackBody } from '../callback-body.ts';
import type { DeliveryEvent } from '../delivery.ts';
import { formOf, renderNotice, type Subscriber, webhookEvent } from '../webhook.ts';
import { type DeliveryChange, deliveryChange } from './changes.ts';
import type { TellingTrx } from './database.ts';
import { recordOf } from './deliveries.ts';
import { markAllDue } from './endpoints.ts';
import { renderRecordBody } from './record-body.ts';
import type { Json } from './schema.ts';

/** A job that webhooks hear of. */
export type Heard = {
  id: string;
  accountId: string;
  customMetadata: Record<string, Json> | null;
  subscribers: readonly Subscriber[] | null;
};

type Untimely = Exclude<CallbackOutcome, { event: 'success' | 'error' }>;

export async function openJobNotices(
  trx: TellingTrx,
  outcome: Untimely,
  jobs: readonly Heard[],
): Promise<void> {
  const notices: Notice[] = [];
  for (const job of jobs)
    for (const subscriber of job.subscribers ?? [])
      notices.push({
        accountId: job.accountId,
        jobId: job.id,
        subscriber,
        event: outcome.event,
        body: await bodyFor(trx, subscriber, { outcome, job }),
      });
  await openNotices(trx, notices);
}

async function bodyFor(
  trx: TellingTrx,
  { payload, format }: Subscriber,
  { outcome, job }: { outcome: Untimely; job: Heard },
): Promise<Buffer> {
  if (payload === 'notice') return renderNotice(webhookEvent(outcome.event), { id: job.id });
  // None of these has a result to fetch, or to leave out.
  const told = { id: job.id, outcome, form: 'full' as const, resultUrl: '' };
  return Buffer.concat(
    format === 'record'
      ? renderRecordBody({ ...told, row: await recordOf(trx, { accountId: job.accountId, jobId: job.id }) })
      : renderCallbackBody({ ...told, format, customMetadata: job.customMetadata }),
  );
}

export type Notice = {
  accountId: string;
  /** Null: it is about no job. */
  jobId: string | null;
  subscriber: Subscriber;
  event: DeliveryEvent;
  /** Its only form. */
  body: Buffer;
};

/** Due at once. */
export async function openNotices(trx: TellingTrx, notices: readonly Notice[]): Promise<void> {
  if (notices.length === 0) return;
  const owed = notices.map(({ accountId, subscriber: { url } }) => ({ accountId, url, waitMs: 0 }));
  const endpointOf = await markAllDue(trx, owed);
  const rows = notices.map(({ accountId, jobId, subscriber, event, body }) => ({
    id: randomUUID(),
    account_id: accountId,
    job_id: jobId,
    webhook_id: subscriber.id,
    endpoint_id: endpointOf({ accountId, url: subscriber.url }),
    url: subscriber.url,
    event,
    form: formOf(subscriber.payload),
    headers: subscriber.headers,
    body: body.toString(),
  }));
  const { rows: opened } = await sql<{ change: DeliveryChange }>`
    INSERT INTO delivery (id, account_id, job_id, webhook_id, endpoint_id, url, method, event, form, asked_form, headers,
      full_body, reference_body, due_at)
    SELECT id, account_id, job_id, webhook_id, endpoint_id, url, 'POST', event, form, form, headers,
      convert_to(body, 'UTF8'), convert_to(body, 'UTF8'), now()
    FROM json_to_recordset(${JSON.stringify(rows)}::json) AS new (
      id uuid, account_id uuid, job_id uuid, webhook_id uuid, endpoint_id uuid, url text, event text, form text,
      headers json, body text)
    RETURNING ${deliveryChange}`.execute(trx);
  trx.changed.push(...opened.map(({ change }) => change));
}
