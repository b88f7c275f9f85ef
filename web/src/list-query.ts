// What a list is asked for stands in the address after `#`: a link shows another the same, and "back" goes back.
import { PAGE_SIZES } from './elements/pager.tsx';
import { go, link, type Query, type Route } from './route.ts';

const USUAL_ROWS = 50;

export type ListQuery = {
  rows: number;
  /** Of a filter; null where it does not narrow. */
  get: (name: string) => string | null;
  /** All that was asked for, as one text. */
  asked: string;
  /** The same list with something else asked for, from its first page on. */
  to: (changes: Query) => string;
  change: (changes: Query) => void;
  /** Another page of the same. */
  page: (changes: Query) => string;
};

export function listQuery({ path, query }: Route): ListQuery {
  const rows = Number(query.get('rows'));
  const all = Object.fromEntries(query);
  const first: Query = { ...all, after: undefined, offset: undefined };
  return {
    rows: PAGE_SIZES.includes(rows) ? rows : USUAL_ROWS,
    get: (name) => query.get(name),
    asked: query.toString(),
    to: (changes) => link(path, { ...first, ...changes }),
    change: (changes) => go(path, { ...first, ...changes }),
    page: (changes) => link(path, { ...all, ...changes }),
  };
}
