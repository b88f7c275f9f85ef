// Under a list: how many there are, how many a page has, and the pages before and after.
import { whole } from '../format.ts';

export const PAGE_SIZES: readonly number[] = [25, 50, 100, 250];

type PagerProps = {
  newest: string | null;
  older: string | null;
  words?: readonly [first: string, next: string];
  /** Of all pages; `atLeast`, where it was not counted further. */
  total?: { count: number; atLeast: boolean };
  /** Rows a page, and what happens when others are wanted. */
  size?: { is: number; onChange: (size: number) => void };
};

export function Pager({
  newest,
  older,
  words: [first, next] = ['Newest', 'Older'],
  total,
  size,
}: PagerProps) {
  if (newest === null && older === null && total === undefined && size === undefined) return null;
  return (
    <nav class="pager" aria-label="Pages of the list">
      {total && (
        <span>
          {total.atLeast && 'more than '}
          {whole(total.count)} in all
        </span>
      )}
      {size && (
        <label>
          Rows
          <select
            value={String(size.is)}
            onChange={(event) => size.onChange(Number(event.currentTarget.value))}
          >
            {PAGE_SIZES.map((rows) => (
              <option key={rows} value={String(rows)}>
                {rows}
              </option>
            ))}
          </select>
        </label>
      )}
      <span class="pages">
        {newest !== null && (
          <a class="button small" href={newest}>
            {first}
          </a>
        )}
        {older !== null && (
          <a class="button small" href={older}>
            {next}
          </a>
        )}
      </span>
    </nav>
  );
}
