// Lists of jobs: which are on a page, from the indexes alone, and then their records, a few megabytes at a time. A page of
// a thousand long results would otherwise be gigabytes in memory.
import { type SelectQueryBuilder, sql } from 'kysely';
import type { JobState } from '../job.ts';
import type { Db } from './database.ts';
import type { JobRow } from './jobs.ts';
import { indexed, type MetadataConditions } from './metadata.ts';
import type { Schema } from './schema.ts';

export type JobFilter = {
  states?: readonly JobState[];
  /** Created at this instant or later. */
  from?: Date;
  /** Created before this instant. */
  before?: Date;
  metadata?: MetadataConditions;
  offset: number;
  limit: number;
};

export type ListedJob = { id: string; bytes: number };

/** Newest first. */
export function listJobs(db: Db, accountId: string, filter: JobFilter): Promise<ListedJob[]> {
  return pageOfJobs(db, accountId, filter).execute();
}

/** The statement of {@link listJobs}, for a look at its plan. */
export function pageOfJobs(db: Db, accountId: string, filter: JobFilter) {
  // A branch for each state, each in order and no longer than needed: PostgreSQL then merges them.
  const branches = filter.states
    ? [...new Set(filter.states)].map((state) => matching(db, accountId, filter).where('state', '=', state))
    : [matching(db, accountId, filter)];
  const [first, ...more] = branches.map((branch) => {
    const ordered = branch.orderBy('created_at', 'desc').orderBy('id', 'desc');
    return db.selectFrom(ordered.limit(filter.offset + filter.limit).as('one')).select(['id', 'created_at']);
  });
  if (!first) throw new RangeError('states must name at least one');
  const page = db
    .selectFrom(more.reduce((union, branch) => union.unionAll(branch), first).as('found'))
    .select(['id', 'created_at'])
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .offset(filter.offset)
    .limit(filter.limit);
  return db
    .selectFrom(page.as('page'))
    .innerJoinLateral(
      (e) =>
        e
          .selectFrom('job')
          .select(sql<number>`coalesce(octet_length(result), 0) + octet_length(request::text)`.as('bytes'))
          .whereRef('job.id', '=', 'page.id')
          // Keeps it a look-up per row of the page, never a join of whole tables.
          .offset(0)
          .as('size'),
      (join) => join.onTrue(),
    )
    .select(['page.id', 'size.bytes'])
    .orderBy('page.created_at', 'desc')
    .orderBy('page.id', 'desc');
}

/** No column beyond the list's indexes: what an offset skips is then never read. */
function matching(db: Db, accountId: string, { from, before, metadata }: JobFilter) {
  let query: SelectQueryBuilder<Schema, 'job', { id: string; created_at: Date }> = db
    .selectFrom('job')
    .select(['id', 'created_at'])
    .where('account_id', '=', accountId);
  if (from) query = query.where('created_at', '>=', from);
  if (before) query = query.where('created_at', '<', before);
  for (const documents of metadata ?? [])
    query = query.where((e) =>
      e.or(documents.map((one) => sql<boolean>`custom_metadata @> ${JSON.stringify(indexed(one))}::jsonb`)),
    );
  return query;
}

const SHOWN = [
  'id',
  'state',
  'created_at',
  'completed_at',
  'error_code',
  'error_message',
  'audio_url',
  'audio_id',
  'request',
  'request_notes',
] as const;

/** Once it has ended, as it was heard; before, as its upload was measured. */
const FILE = [
  sql<string | null>`coalesce(filename, (SELECT filename FROM audio WHERE audio.id = job.audio_id))`.as(
    'filename',
  ),
  sql<number | null>`coalesce(duration, (SELECT duration FROM audio WHERE audio.id = job.audio_id))`.as(
    'duration',
  ),
  sql<number | null>`coalesce(channels, (SELECT channels FROM audio WHERE audio.id = job.audio_id))`.as(
    'channels',
  ),
] as const;

/** What a job's record shows. */
export type RecordRow = Pick<
  JobRow,
  (typeof SHOWN)[number] | 'filename' | 'duration' | 'channels' | 'result'
>;

/** A job's record without its result where that has more than `most` bytes, and how many it has. */
export function findRecord(
  db: Db,
  accountId: string,
  id: string,
  most: number,
): Promise<(RecordRow & { result_bytes: number }) | undefined> {
  return db
    .selectFrom('job')
    .select(SHOWN)
    .select(FILE)
    .select([
      sql<RecordRow['result']>`CASE WHEN octet_length(result) <= ${most} THEN result END`.as('result'),
      sql<number>`coalesce(octet_length(result), 0)`.as('result_bytes'),
    ])
    .where('account_id', '=', accountId)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** Undefined when the job is gone. */
export async function readResult(
  db: Db,
  accountId: string,
  id: string,
): Promise<RecordRow['result'] | undefined> {
  const row = await db
    .selectFrom('job')
    .select('result')
    .where('account_id', '=', accountId)
    .where('id', '=', id)
    .executeTakeFirst();
  return row?.result;
}

/** Also as much as a list has in memory at a time, about. */
export const BATCH_BYTES = 4_000_000;
const BATCH_ROWS = 100;

/**
 * The rows of a list, in its order, in batches of bounded size; those deleted in the meantime are left out.
 * Without results, `result` is null.
 */
export async function* readListed(
  db: Db,
  { accountId, withResults }: { accountId: string; withResults: boolean },
  listed: readonly ListedJob[],
): AsyncGenerator<RecordRow[]> {
  for (const batch of batches(listed)) {
    const ids = batch.map(({ id }) => id);
    const rows = await db
      .selectFrom('job')
      .select(SHOWN)
      .select(FILE)
      .select(withResults ? 'result' : sql<null>`null`.as('result'))
      .where('account_id', '=', accountId)
      .where('id', '=', sql<string>`ANY(${ids}::uuid[])`)
      .execute();
    const byId = new Map(rows.map((row) => [row.id, row]));
    yield ids.flatMap((id) => byId.get(id) ?? []);
  }
}

function batches(listed: readonly ListedJob[]): ListedJob[][] {
  const all: ListedJob[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const job of listed) {
    if (bytes + job.bytes > BATCH_BYTES || (all.at(-1)?.length ?? 0) >= BATCH_ROWS) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)?.push(job);
    bytes += job.bytes;
  }
  return all;
}
