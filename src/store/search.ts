// One question over all that an account has: by the beginning of an id, along primary keys; by a pair of custom metadata, along
// its index; by a part of an endpoint's URL. Each kind gives a few, the newest first.
import { type RawBuilder, sql } from 'kysely';
import type { FoundKind } from '../found.ts';
import type { Db } from './database.ts';
import { listEndpoints } from './endpoint-list.ts';
import { listJobs } from './job-list.ts';
import type { MetadataConditions } from './metadata.ts';

export type Found = {
  kind: FoundKind;
  id: string;
  /** Of people: a file's name, a URL, a name. */
  title: string | null;
  state: string | null;
  created_at: Date;
};

/** Of each kind. */
const MOST = 10;

type Source = {
  kind: FoundKind;
  table: RawBuilder<unknown>;
  title: RawBuilder<unknown>;
  state: RawBuilder<unknown>;
  which?: RawBuilder<unknown>;
};

const SOURCES: readonly Source[] = [
  { kind: 'transcription', table: sql`job`, title: sql`coalesce(filename, audio_url)`, state: sql`state` },
  { kind: 'callback', table: sql`delivery`, title: sql`url`, state: sql`state` },
  {
    kind: 'endpoint',
    table: sql`endpoint`,
    title: sql`url`,
    state: sql`CASE WHEN disabled_at IS NULL THEN breaker ELSE 'disabled' END`,
    which: sql`removed_at IS NULL`,
  },
  { kind: 'inbox', table: sql`inbox`, title: sql`name`, state: sql`NULL` },
  { kind: 'replay', table: sql`replay`, title: sql`NULL`, state: sql`state` },
  {
    kind: 'key',
    table: sql`api_key`,
    title: sql`name`,
    state: sql`CASE WHEN revoked_at IS NULL THEN 'active' ELSE 'revoked' END`,
  },
];

/** `beginning`: hexadecimal digits of an id with its dashes, lower case. */
export async function findByIdBeginning(db: Db, accountId: string, beginning: string): Promise<Found[]> {
  const [low, high] = bounds(beginning);
  const parts = SOURCES.map(
    ({ kind, table, title, state, which = sql`true` }) => sql`(
      SELECT ${kind}::text AS kind, id, (${title})::text AS title, (${state})::text AS state, created_at FROM ${table}
      WHERE id BETWEEN ${low}::uuid AND ${high}::uuid AND account_id = ${accountId} AND ${which} ORDER BY id LIMIT ${MOST})`,
  );
  const { rows } = await sql<Found>`${sql.join(parts, sql` UNION ALL `)}`.execute(db);
  return rows;
}

/** The first and the last id that begin so. */
export function bounds(beginning: string): [string, string] {
  const digits = beginning.replaceAll('-', '');
  const whole = (fill: string) =>
    digits.padEnd(32, fill).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return [whole('0'), whole('f')];
}

export async function findByMetadata(
  db: Db,
  accountId: string,
  metadata: MetadataConditions,
): Promise<Found[]> {
  const listed = await listJobs(db, accountId, { metadata, offset: 0, limit: MOST });
  if (listed.length === 0) return [];
  const rows = await db
    .selectFrom('job')
    .select(['id', 'state', 'created_at', sql<string | null>`coalesce(filename, audio_url)`.as('title')])
    .where('id', '=', sql<string>`ANY(${listed.map(({ id }) => id)}::uuid[])`)
    .orderBy('created_at', 'desc')
    .execute();
  return rows.map((row) => ({ kind: 'transcription', ...row }));
}

export async function findByUrl(db: Db, accountId: string, part: string): Promise<Found[]> {
  const rows = await listEndpoints(db, accountId, { search: part, sort: 'created', limit: MOST });
  return rows.map(({ id, url, disabled_at, breaker, created_at }) => ({
    kind: 'endpoint',
    id,
    title: url,
    state: disabled_at === null ? breaker : 'disabled',
    created_at,
  }));
}
