// The query of `GET /api/endpoints`: order, filters, and the place where the page before ended. Pure.
import {
  ENDPOINT_HEALTHS,
  ENDPOINT_SORTS,
  ENDPOINT_STATES,
  type EndpointHealthWord,
  type EndpointSort,
  type EndpointState,
} from '../delivery.ts';
import type { EndpointFilter, EndpointPlace } from '../store/endpoint-list.ts';
import { type Query, readLimit } from './page.ts';
import { isUuid, listOf } from './params.ts';
import { unstorable } from './validation.ts';

const LONGEST_SEARCH = 200;

export function readEndpointQuery(query: Query): {
  filter: EndpointFilter & { sort: EndpointSort; limit: number };
  problems: string[];
} {
  const problems: string[] = [];
  const among = <T extends string>(name: string, allowed: readonly T[], given: readonly string[]): T[] => {
    if (given.some((one) => !allowed.includes(one as T)))
      problems.push(`${name} must be one of the following values: ${allowed.join(', ')}`);
    return given as T[];
  };
  const limit = readLimit(query, problems);
  const [sort = 'url', ...more] = among('sort', ENDPOINT_SORTS, listOf(query, 'sort'));
  if (more.length > 0) problems.push('sort must be given once');
  const states = among<EndpointState>('state', ENDPOINT_STATES, listOf(query, 'state'));
  const healths = among<EndpointHealthWord>('health', ENDPOINT_HEALTHS, listOf(query, 'health'));
  const search = [query.search ?? ''].flat().map(String).at(-1) ?? '';
  if (search.length > LONGEST_SEARCH)
    problems.push(`search must be shorter than or equal to ${LONGEST_SEARCH} characters`);
  const trouble = unstorable(search, 'search');
  if (trouble !== null) problems.push(trouble);
  const given = String(query.after ?? '');
  const after = given === '' ? undefined : placeIn(given, sort);
  if (after === null) problems.push('after must be the next of an earlier page in the same order');
  return {
    filter: {
      sort,
      limit,
      ...(states.length > 0 && { states }),
      ...(healths.length > 0 && { healths }),
      ...(search !== '' && { search }),
      ...(after && { after }),
    },
    problems,
  };
}

/** `next` of a page in this order that ends with this row. */
export function cursorOf(sort: EndpointSort, { key, id }: EndpointPlace): string {
  return Buffer.from(JSON.stringify([sort, key, id])).toString('base64url');
}

/** Null for what no page of this order has given. */
function placeIn(cursor: string, sort: EndpointSort): EndpointPlace | null {
  try {
    const [of, key, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    const isKey =
      sort === 'url' ? typeof key === 'string' && unstorable(key, 'after') === null : Number.isFinite(key);
    if (of !== sort || !isKey || typeof id !== 'string' || !isUuid(id)) return null;
    return { key: key as string | number, id };
  } catch {
    return null;
  }
}
