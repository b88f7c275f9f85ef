// A row's exact place in a list that is sorted by (created_at, id). A Date would not do: it cuts the microseconds off,
// and a page that begins at the cut time leaves rows out.
import { type RawBuilder, sql } from 'kysely';

export type Place = {
  /** Microseconds since 1970. */
  at: number;
  id: string;
};

/** Selects `place_at`; with the row's id, its place. */
export const placeAt: RawBuilder<number> = sql<number>`(extract(epoch FROM created_at) * 1000000)::bigint`;

/** Condition: further down in a list that begins with the newest. */
export function olderThan({ at, id }: Place): RawBuilder<boolean> {
  return sql<boolean>`(created_at, id) < ('epoch'::timestamptz + ${at}::float8 * interval '1 microsecond', ${id}::uuid)`;
}
