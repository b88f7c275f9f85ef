// A list of things as rows of one line each: skeletons while it loads for the first time, so that nothing jumps; the
// columns that a narrow window has no room for are left out, never the page widened.
import type { ComponentChildren } from 'preact';

export type Column<Row> = {
  name: string;
  cell: (row: Row) => ComponentChildren;
  /** Aligned by the last digit. */
  figures?: boolean;
  /** Takes the width that the others leave, and is cut to it. */
  rest?: boolean;
  /** The least window that has room for it. */
  from?: 'wide' | 'medium';
  /** In place of its name, such as a link that sorts. */
  head?: ComponentChildren;
};

type ListProps<Row> = {
  label: string;
  columns: readonly Column<Row>[];
  /** Undefined until they are loaded. */
  rows: readonly Row[] | undefined;
  rowKey: (row: Row) => string;
  /** How many rows are expected. */
  expected?: number;
  /** In its place where there are none. */
  empty: ComponentChildren;
};

const EXPECTED = 10;

export function List<Row>({ label, columns, rows, rowKey, expected = EXPECTED, empty }: ListProps<Row>) {
  if (rows?.length === 0) return <>{empty}</>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reached by keyboard (WCAG 2.1.1)
    <section class="scroll framed" aria-label={label} aria-busy={rows === undefined} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.name} scope="col" class={classOf(column)}>
                {column.head ?? column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows?.map((row) => (
            <tr key={rowKey(row)} class="leads">
              {columns.map((column) => (
                <td key={column.name} class={classOf(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          )) ?? <Skeletons columns={columns} rows={expected} />}
        </tbody>
      </table>
    </section>
  );
}

function Skeletons<Row>({ columns, rows }: { columns: readonly Column<Row>[]; rows: number }) {
  return (
    <>
      {Array.from({ length: rows }, (_, index) => (
        <tr key={index}>
          {columns.map((column) => (
            <td key={column.name} class={classOf(column)}>
              <span class={column.rest ? 'skeleton short' : 'skeleton'} />
            </td>
          ))}
        </tr>
      ))}
    </>
  );
}

function classOf<Row>({ figures, rest, from }: Column<Row>): string {
  return [figures ? 'number' : 'tight', rest && 'rest', from].filter(Boolean).join(' ');
}

/** A text that is cut to its column, whole on hover. */
export function Cut({ text, href }: { text: string; href?: string }) {
  return href === undefined ? (
    <span class="cut" title={text}>
      {text}
    </span>
  ) : (
    <a class="cut lead" href={href} title={text}>
      {text}
    </a>
  );
}
