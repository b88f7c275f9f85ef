// Deliveries as their owner sees them: made with the job's end, looked up, sent again, cancelled. Claiming and
// recording are in leases.ts.
import { randomUUID } from 'node:crypto';
import { type RawBuilder, type Selectable, sql } from 'kysely';
import type { CallbackHeaders } from '../callback-headers.ts';
import type { DeliveryEvent, DeliveryForm, DeliveryState, Method } from '../delivery.ts';
import type { TraceContext } from '../trace.ts';
import { cancelDeliveriesWhere } from './cancel-deliveries.ts';
import { deliveryChange } from './changes.ts';
import type { Db, TellingDb, TellingTrx } from './database.ts';
import { notBefore, whyNot } from './endpoint-health.ts';
import { markAllDue, markDue } from './endpoints.ts';
import { findRecord, type RecordRow } from './job-list.ts';
import { olderThan, type Place, placeAt } from './place.ts';
import type { Json, Schema } from './schema.ts';

/** In a body: the result of the job as its row has it by then. It may have 20 MB, and is sent to the database once. */
export const JOB_RESULT = Symbol('the result of the job');

export type Bodies = {
  /** Or its parts, which the database puts together. */
  fullBody: Buffer | readonly (Buffer | typeof JOB_RESULT)[];
  referenceBody: Buffer;
};

export type NewDelivery = (Bodies | { bodiesOf: (ended: EndedRow) => Bodies }) & {
  accountId: string;
  /** Null: it tells of no job. */
  jobId: string | null;
  /** Absent: it is the job's own callback. */
  webhookId?: string;
  url: string;
  method: Method;
  event: DeliveryEvent;
  form: DeliveryForm;
  /** The body travels gzipped; false by default. */
  gzip?: boolean;
  /** Secret; absent: none of its own. */
  headers?: CallbackHeaders | null;
  /** Milliseconds until its first attempt. */
  waitMs: number;
  /** Asked for as a test; false by default. */
  test?: boolean;
  /** Of what it comes from; absent: none. */
  trace?: TraceContext | null;
};

/** Part of the transaction that ends the job: the delivery and its endpoint's due time exist with the result or not at all. */
export async function openDelivery(trx: TellingTrx, delivery: NewDelivery): Promise<string> {
  const [id = ''] = await openDeliveries(trx, [delivery]);
  return id;
}

/** Several at once: of the job itself, and of the webhooks that hear of it. */
export async function openDeliveries(trx: TellingTrx, deliveries: readonly NewDelivery[]): Promise<string[]> {
  const endpoints = await markAllDue(trx, deliveries);
  const ids: string[] = [];
  for (const delivery of deliveries) ids.push(await insertDelivery(trx, delivery, endpoints(delivery)));
  return ids;
}

async function insertDelivery(trx: TellingTrx, delivery: NewDelivery, endpointId: string): Promise<string> {
  const id = randomUUID();
  const { fullBody, referenceBody } = await bodiesOf(trx, delivery);
  const { change } = await trx
    .insertInto('delivery')
    .values({
      id,
      account_id: delivery.accountId,
      job_id: delivery.jobId,
      webhook_id: delivery.webhookId ?? null,
      endpoint_id: endpointId,
      url: delivery.url,
      method: delivery.method,
      event: delivery.event,
      form: delivery.form,
      asked_form: delivery.form,
      gzip: delivery.gzip ?? false,
      test: delivery.test ?? false,
      full_body: sql<Buffer>`${sql.join(
        [fullBody]
          .flat()
          .map((part) =>
            part === JOB_RESULT
              ? sql`convert_to((SELECT result FROM job WHERE job.id = ${delivery.jobId}), 'UTF8')`
              : sql`${part}::bytea`,
          ),
        sql` || `,
      )}`,
      reference_body: referenceBody,
      headers: delivery.headers ? JSON.stringify(delivery.headers) : null,
      trace: delivery.trace ? JSON.stringify(delivery.trace) : null,
      due_at: sql`now() + ${delivery.waitMs} * interval '1 millisecond'`,
    })
    .returning(deliveryChange)
    .executeTakeFirstOrThrow();
  trx.changed.push(change);
  return id;
}

/** A job's record as its end left it, without the result. */
export type EndedRow = Omit<RecordRow, 'result'>;

/** Some tell the record, which is not known before the job has ended: by now it has. */
async function bodiesOf(trx: TellingTrx, delivery: NewDelivery): Promise<Bodies> {
  if (!('bodiesOf' in delivery)) return delivery;
  return delivery.bodiesOf(await recordOf(trx, delivery));
}

/** The record of the job that something is told of, as this transaction leaves it. */
export async function recordOf(
  trx: TellingTrx,
  { accountId, jobId }: Pick<NewDelivery, 'accountId' | 'jobId'>,
): Promise<EndedRow> {
  const row = jobId === null ? undefined : await findRecord(trx, accountId, jobId, -1);
  if (!row) throw new Error(`job ${jobId} is told of and has no row`);
  return row;
}

export type DeliveryRow = Omit<Selectable<Schema['delivery']>, 'full_body' | 'reference_body' | 'trace'> & {
  bytes: number | null;
  /** With the id: its {@link Place} in the list. */
  place_at: number;
  /** Why it is not being sent, of one that waits; null when nothing but its own time keeps it. */
  waits_for: string | null;
  /** When one that waits may be sent at the earliest; null: not before its endpoint is enabled. */
  next_at: Date | null;
  /** Null once its endpoint is gone. */
  present_endpoint_id: string | null;
  /** Of its last attempt: the answer's status, or why there was none. */
  last_status: number | null;
  last_error: string | null;
  /** Of its transcription, while that is there. */
  custom_metadata: Record<string, Json> | null;
};
export type AttemptRow = Selectable<Schema['attempt']>;

const SHOWN = [
  'id',
  'account_id',
  'job_id',
  'webhook_id',
  'endpoint_id',
  'url',
  'method',
  'event',
  'form',
  'asked_form',
  'gzip',
  'state',
  'attempts',
  'step',
  'trigger',
  'due_at',
  'token',
  'claimed_at',
  'cancel_reason',
  'reason',
  'created_at',
  'final_at',
  'test',
  'headers',
] as const;

const bytes = sql<number | null>`length(CASE form WHEN 'full' THEN full_body ELSE reference_body END)`.as(
  'bytes',
);

/** What the endpoint of a delivery that waits says of it. */
const ofItsEndpoint = <T>(says: RawBuilder<T>) => sql<T | null>`CASE state WHEN 'pending' THEN (
  SELECT ${says} FROM endpoint JOIN host ON host.id = endpoint.host_id WHERE endpoint.id = delivery.endpoint_id) END`;

function ofLastAttempt<T>(column: 'status' | 'error_class') {
  return sql<T | null>`(SELECT ${sql.ref(column)} FROM attempt WHERE delivery_id = delivery.id
    ORDER BY number DESC LIMIT 1)`;
}

const MEASURED = [
  bytes,
  placeAt.as('place_at'),
  ofItsEndpoint(whyNot(sql`delivery.due_at`)).as('waits_for'),
  ofItsEndpoint(notBefore(sql`delivery.due_at`)).as('next_at'),
  sql<
    string | null
  >`(SELECT id FROM endpoint WHERE endpoint.id = delivery.endpoint_id AND removed_at IS NULL)`.as(
    'present_endpoint_id',
  ),
  ofLastAttempt<number>('status').as('last_status'),
  ofLastAttempt<string>('error_class').as('last_error'),
  sql<Record<
    string,
    Json
  > | null>`(SELECT request -> 'custom_metadata' FROM job WHERE job.id = delivery.job_id)`.as(
    'custom_metadata',
  ),
] as const;

export type DeliveryFilter = {
  states?: readonly DeliveryState[];
  jobId?: string;
  endpointId?: string;
  webhookId?: string;
  event?: DeliveryEvent;
  /** ISO 8601: this instant included; this instant excluded. */
  createdAfter?: string;
  createdBefore?: string;
  /** Only those further down. */
  after?: Place;
  limit: number;
};

/** Newest first. */
export function listDeliveries(db: Db, accountId: string, filter: DeliveryFilter): Promise<DeliveryRow[]> {
  let query = db.selectFrom('delivery').select(SHOWN).select(MEASURED).where('account_id', '=', accountId);
  if (filter.states) query = query.where('state', 'in', filter.states);
  if (filter.jobId) query = query.where('job_id', '=', filter.jobId);
  if (filter.endpointId) query = query.where('endpoint_id', '=', filter.endpointId);
  if (filter.webhookId) query = query.where('webhook_id', '=', filter.webhookId);
  if (filter.event) query = query.where('event', '=', filter.event);
  if (filter.createdAfter)
    query = query.where('created_at', '>=', sql<Date>`${filter.createdAfter}::timestamptz`);
  if (filter.createdBefore)
    query = query.where('created_at', '<', sql<Date>`${filter.createdBefore}::timestamptz`);
  if (filter.after) query = query.where(olderThan(filter.after));
  return query.orderBy('created_at', 'desc').orderBy('id', 'desc').limit(filter.limit).execute();
}

export async function findDelivery(db: Db, accountId: string, id: string): Promise<DeliveryRow | undefined> {
  return db
    .selectFrom('delivery')
    .select(SHOWN)
    .select(MEASURED)
    .where('account_id', '=', accountId)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** Attempts of these deliveries, oldest first. */
export function listAttempts(db: Db, deliveryIds: readonly string[]): Promise<AttemptRow[]> {
  if (deliveryIds.length === 0) return Promise.resolve([]);
  return db
    .selectFrom('attempt')
    .selectAll()
    .where('delivery_id', 'in', deliveryIds)
    .orderBy('delivery_id')
    .orderBy('number')
    .execute();
}

export type Resent = 'resent' | 'unknown' | 'in_flight' | 'body_gone';

/**
 * Due now, with a full schedule, in the form first asked for, and to `url` if one is given. One being sent at this moment is
 * left alone. An endpoint that is gone is made anew.
 */
export function resend(db: TellingDb, accountId: string, id: string, url?: string): Promise<Resent> {
  return db.commit(async (trx) => {
    const found = await findDelivery(trx, accountId, id);
    if (!found) return 'unknown';
    // Before its endpoint is made due, and perhaps made, for nothing.
    if (found.state === 'delivering') return 'in_flight';
    if (found.bytes === null) return 'body_gone';
    const to = url ?? found.url;
    // The endpoint is locked before the delivery, as everywhere, so that two transactions cannot wait for one another.
    const endpointId = await markDue(trx, accountId, to, 0);
    if (to !== found.url) await keepPlaces(trx, id);
    const resent = await trx
      .updateTable('delivery')
      .set({
        state: 'pending',
        trigger: 'resend',
        step: 0,
        due_at: sql`now()`,
        final_at: null,
        reason: null,
        form: sql`asked_form`,
        endpoint_id: endpointId,
        ...(url !== undefined && { url }),
      })
      .where('id', '=', id)
      .where('state', '!=', 'delivering')
      .where('full_body', 'is not', null)
      .returning(deliveryChange)
      .executeTakeFirst();
    if (!resent) return 'in_flight';
    trx.changed.push(resent.change);
    return 'resent';
  });
}

/** It goes elsewhere from now on: each attempt so far keeps where it went. */
async function keepPlaces(trx: TellingTrx, id: string): Promise<void> {
  await trx.selectFrom('delivery').select('id').where('id', '=', id).forNoKeyUpdate().execute();
  await sql`
    UPDATE attempt SET url = delivery.url FROM delivery
    WHERE delivery.id = ${id} AND attempt.delivery_id = delivery.id AND attempt.url IS NULL`.execute(trx);
}

/**
 * The job is being deleted: what was not delivered is not sent any more, and no copy of the words stays behind. One that is
 * being sent at this moment ends as it ends: delivered, if its receiver takes it, else cancelled.
 */
export async function cancelDeliveries(trx: TellingTrx, jobId: string, reason: string): Promise<void> {
  await cancelDeliveriesWhere(trx, { jobId }, reason);
  await trx
    .updateTable('delivery')
    .set({ full_body: null, reference_body: null })
    .where('job_id', '=', jobId)
    .execute();
}
