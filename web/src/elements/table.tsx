// Rows under named columns. What may be wider than a phone scrolls in its own place, by keyboard too.
import type { ComponentChildren } from 'preact';

/** A column of figures is aligned by its last digit. */
type Column = string | { figures: string };

type TableProps = {
  label: string;
  columns: readonly Column[];
  /** Its rows, with a cell for each column. */
  children: ComponentChildren;
};

export function Table({ label, columns, children }: TableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by keyboard (WCAG 2.1.1)
    <section class="scroll framed" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) =>
              typeof column === 'string' ? (
                <th key={column} scope="col">
                  {column}
                </th>
              ) : (
                <th key={column.figures} scope="col" class="number">
                  {column.figures}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}
