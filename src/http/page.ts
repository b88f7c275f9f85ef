// Pages of lists that grow at the top: `limit`, and `after`, the cursor an earlier page gave as `next`. Query values
// arrive as text, or as lists of it where a name is repeated.
import { HttpError } from '../errors.ts';
import type { Place } from '../store/place.ts';
import { isUuid } from './params.ts';

export type Query = Record<string, unknown>;
export type PageQuery = { limit: number; after?: Place };

const CURSOR = /^(\d{1,16})-(.{36})$/;
const USUAL = 50;
const MOST = 1_000;

/** How many of a list; what is wrong goes into `problems`. */
export function readLimit(query: Query, problems: string[]): number {
  const limit = query.limit === undefined || query.limit === '' ? USUAL : Number(query.limit);
  if (!Number.isInteger(limit)) problems.push('limit must be an integer number');
  else if (limit < 1) problems.push('limit must not be less than 1');
  else if (limit > MOST) problems.push(`limit must not be greater than ${MOST}`);
  return limit;
}

/** What is asked for; what is wrong goes into `problems`. */
export function readPage(query: Query, problems: string[]): PageQuery {
  const limit = readLimit(query, problems);
  if (query.after === undefined || query.after === '') return { limit };
  const [, at, id] = CURSOR.exec(String(query.after)) ?? [];
  if (at === undefined || id === undefined || !isUuid(id)) {
    problems.push('after must be the next of an earlier page');
    return { limit };
  }
  return { limit, after: { at: Number(at), id } };
}

/** One row more than `limit` was read: it tells whether a next page exists. */
export function page<Row extends { place_at: number; id: string }>(
  rows: readonly Row[],
  limit: number,
): { rows: readonly Row[]; next: string | null } {
  const last = rows[limit - 1];
  return {
    rows: rows.slice(0, limit),
    next: rows.length > limit && last ? `${last.place_at}-${last.id}` : null,
  };
}

/** What a list with no other filter answers; a query that is wrong is refused with all that is wrong with it. */
export async function listed<Row extends { place_at: number; id: string }, Item>(
  query: unknown,
  list: (asked: PageQuery) => Promise<readonly Row[]>,
  show: (row: Row) => Item,
): Promise<{ items: Item[]; next: string | null }> {
  const problems: string[] = [];
  const { limit, ...rest } = readPage(query as Query, problems);
  if (problems.length > 0) throw new HttpError('request_invalid', { sentences: problems });
  const { rows, next } = page(await list({ ...rest, limit: limit + 1 }), limit);
  return { items: rows.map(show), next };
}
