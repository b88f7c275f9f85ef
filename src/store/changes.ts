// What changed, told to whoever listens: a NOTIFY in the transaction of the change, so that it is heard at the commit or
// never was. A job's change stands in the statement that makes it; many deliveries share one NOTIFY. Nothing depends on
// being heard: rows are the truth.
import { type RawBuilder, sql } from 'kysely';
import type { DeliveryState } from '../delivery.ts';
import type { JobState } from '../job.ts';
import type { Db } from './database.ts';

export const CHANGE_CHANNEL = 'ringback_change';

export type Change =
  | { kind: 'job'; accountId: string; id: string; status: JobState }
  | {
      kind: 'delivery';
      accountId: string;
      id: string;
      jobId: string;
      state: DeliveryState;
      attempts: number;
    };

export type DeliveryChange = Extract<Change, { kind: 'delivery' }>;

/** Deliveries in one NOTIFY: some 100 bytes each, of the 8,000 that PostgreSQL allows. */
const DELIVERIES = 60;

/** For RETURNING, in a statement on `job`: the row's new state is told. */
export const jobTold = sql<string>`
  pg_notify(${CHANGE_CHANNEL}, json_build_array('job', account_id, id, state)::text)`.as('told');

const delivery: RawBuilder<unknown> = sql`json_build_array(id, job_id, state, attempts)`;

/** For RETURNING, in a statement on a few rows of `delivery`. */
export const deliveryTold = sql<string>`
  pg_notify(${CHANGE_CHANNEL}, json_build_array('deliveries', account_id, json_build_array(${delivery}))::text)`.as(
  'told',
);

/** As the last part of a statement on many of them; `rows` is what stands after FROM. */
export const deliveriesTold = (rows: RawBuilder<unknown>): RawBuilder<unknown> => sql`
  SELECT pg_notify(${CHANGE_CHANNEL}, json_build_array('deliveries', account_id, json_agg(${delivery}))::text)
  FROM (SELECT id, account_id, job_id, state, attempts, row_number() OVER (PARTITION BY account_id) / ${DELIVERIES}::int AS part
    FROM ${rows}) AS changed
  GROUP BY account_id, part`;

/** Tells what the rows of these deliveries say now. */
export async function tellDeliveries(db: Db, ids: readonly string[]): Promise<void> {
  await deliveriesTold(sql`delivery WHERE id = ANY(${ids}::uuid[])`).execute(db);
}

/** The same for changes that are in hand: no row is read for them. */
export async function tellChanges(db: Db, changes: readonly DeliveryChange[]): Promise<void> {
  const payloads: string[] = [];
  for (const [accountId, own] of Map.groupBy(changes, (change) => change.accountId))
    for (let at = 0; at < own.length; at += DELIVERIES) {
      const told = own.slice(at, at + DELIVERIES).map((one) => [one.id, one.jobId, one.state, one.attempts]);
      payloads.push(JSON.stringify(['deliveries', accountId, told]));
    }
  await sql`SELECT pg_notify(${CHANGE_CHANNEL}, payload) FROM unnest(${payloads}::text[]) AS payload`.execute(
    db,
  );
}

type Told =
  | ['job', accountId: string, id: string, status: JobState]
  | ['deliveries', accountId: string, [id: string, jobId: string, state: DeliveryState, attempts: number][]];

/** Throws on what another program may have sent on our channel. */
export function readChanges(payload: string): Change[] {
  const [kind, accountId, ...rest] = JSON.parse(payload) as Told;
  switch (kind) {
    case 'job': {
      const [id, status] = rest as [string, JobState];
      return [{ kind, accountId, id, status }];
    }
    case 'deliveries':
      return (rest[0] as Extract<Told, ['deliveries', ...unknown[]]>[2]).map(
        ([id, jobId, state, attempts]) => ({ kind: 'delivery', accountId, id, jobId, state, attempts }),
      );
    default:
      throw new Error(`unknown change ${String(kind satisfies never)}`);
  }
}
