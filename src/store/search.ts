// What an account looks for, by the beginning of an id, a part of a URL, custom_metadata, a file name, an error code or a
// status. Each kind is a statement of its own over at most the newest rows, so that a word nobody wrote costs no more
// than one that is everywhere.
import { type RawBuilder, sql } from 'kysely';
import type { DeliveryState } from '../delivery.ts';
import type { JobState } from '../job.ts';
import type { Db } from './database.ts';
import { metadataConditions } from './metadata.ts';

export type Found = {
  kind: 'transcription' | 'callback' | 'endpoint';
  id: string;
  /** What it is called: a file name, or a URL with its query. */
  name: string;
  state: JobState | DeliveryState | null;
  /** What of it is what was asked for. */
  matched: 'id' | 'metadata' | 'file_name' | 'url' | 'error' | 'status';
  /** Of a transcription: how its newest callback stands. */
  callback_state: DeliveryState | null;
  created_at: Date;
};

export type Asked = { accountId: string; text: string; limit: number };

/** So many of the newest rows are looked through where no index holds what is asked. */
const NEWEST = 20_000;

const JOB = sql`'transcription' AS kind, id, coalesce(filename, audio_url) AS name, state, created_at,
  (SELECT state FROM delivery WHERE job_id = job.id AND webhook_id IS NULL ORDER BY created_at DESC LIMIT 1) AS callback_state`;
const DELIVERY = sql`'callback' AS kind, id, url AS name, state, created_at, NULL AS callback_state`;

/** Ids from `0c5b…` up to its last: a text that is the beginning of one; null where it is of none. */
export function idRange(text: string): readonly [from: string, to: string] | null {
  const digits = text.replaceAll('-', '').toLowerCase();
  if (!/^[0-9a-f]{4,32}$/.test(digits) || !/^[0-9a-f-]+$/i.test(text)) return null;
  const whole = (fill: string) =>
    digits.padEnd(32, fill).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  return [whole('0'), whole('f')];
}

export async function search(db: Db, asked: Asked): Promise<Found[]> {
  const found = new Map<string, Found>();
  for (const statement of statementsOf(asked)) {
    const left = asked.limit - found.size;
    if (left <= 0) break;
    // One found before in another way may be among them.
    const { rows } = await sql<Found>`${statement} LIMIT ${asked.limit}`.execute(db);
    for (const row of rows.filter(({ id }) => !found.has(id)).slice(0, left)) found.set(row.id, row);
  }
  return [...found.values()];
}

/** The surest first. */
function statementsOf({ accountId, text }: Asked): RawBuilder<unknown>[] {
  const range = idRange(text);
  const at = text.indexOf('=');
  const of = sql`account_id = ${accountId}`;
  const newest = (table: string, columns: string) =>
    sql`(SELECT ${sql.raw(columns)} FROM ${sql.raw(table)} WHERE ${of} ORDER BY created_at DESC, id DESC LIMIT ${NEWEST})`;
  const like = `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`;
  const byId = range
    ? (['job', 'delivery', 'endpoint'] as const).map(
        (table) => sql`
          SELECT ${columnsOf[table]}, 'id' AS matched FROM ${sql.raw(table)}
          WHERE ${of} AND id >= ${range[0]}::uuid AND id <= ${range[1]}::uuid ORDER BY id`,
      )
    : [];
  const documents =
    at > 0 ? metadataConditions({ [text.slice(0, at).trim()]: text.slice(at + 1).trim() }) : [];
  const byMetadata = (documents ?? []).map(
    (spellings) => sql`
      SELECT ${JOB}, 'metadata' AS matched FROM job WHERE ${of} AND (${sql.join(
        spellings.map((document) => sql`custom_metadata @> ${JSON.stringify(document)}::jsonb`),
        sql` OR `,
      )}) ORDER BY created_at DESC, id DESC`,
  );
  const status = /^[1-5]\d\d$/.test(text)
    ? [
        sql`SELECT ${DELIVERY}, 'status' AS matched
          FROM ${newest('delivery', 'id, url, state, created_at')} AS delivery
          WHERE (SELECT status FROM attempt WHERE delivery_id = delivery.id ORDER BY number DESC LIMIT 1) = ${Number(text)}
          ORDER BY created_at DESC`,
      ]
    : [];
  const code = text.replaceAll(' ', '_');
  return [
    ...byId,
    ...byMetadata,
    ...status,
    sql`SELECT ${columnsOf.endpoint}, 'url' AS matched FROM endpoint
      WHERE ${of} AND removed_at IS NULL AND url ILIKE ${like} ORDER BY created_at DESC`,
    sql`SELECT ${JOB}, 'file_name' AS matched
      FROM ${newest('job', 'id, filename, audio_url, state, created_at')} AS job
      WHERE filename ILIKE ${like} OR filename IS NULL AND audio_url ILIKE ${like} ORDER BY created_at DESC`,
    sql`SELECT ${JOB}, 'metadata' AS matched
      FROM ${newest('job', 'id, filename, audio_url, state, custom_metadata, created_at')} AS job
      WHERE custom_metadata::text ILIKE ${like} ORDER BY created_at DESC`,
    sql`SELECT ${JOB}, 'error' AS matched
      FROM ${newest('job', 'id, filename, audio_url, state, error_code, created_at')} AS job
      WHERE error_code = ${code} ORDER BY created_at DESC`,
    sql`SELECT ${DELIVERY}, 'url' AS matched
      FROM ${newest('delivery', 'id, url, state, created_at')} AS delivery
      WHERE split_part(url, '?', 1) ILIKE ${like} ORDER BY created_at DESC`,
    sql`SELECT ${DELIVERY}, 'error' AS matched
      FROM ${newest('delivery', 'id, url, state, created_at')} AS delivery
      WHERE EXISTS (SELECT FROM attempt WHERE delivery_id = delivery.id AND error_class = ${code})
      ORDER BY created_at DESC`,
  ];
}

const columnsOf = {
  job: JOB,
  delivery: DELIVERY,
  endpoint: sql`'endpoint' AS kind, id, url AS name, NULL AS state, created_at,
    NULL AS callback_state`,
};
