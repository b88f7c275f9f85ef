// Rows of text under headings, for a terminal. Pure.
import { printable } from './terminal.ts';

/** A field a line; one that holds others as JSON. */
export function fieldsOf(row: object): string {
  const entries = Object.entries(row);
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries
    .map(([name, value]) => {
      const shown =
        typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '-');
      return `${printable(name).padEnd(width)}  ${printable(shown)}`;
    })
    .join('\n');
}

/** Enough to tell ids apart, and taken wherever one is asked for. */
export const shortOf = (id: string, length = 8): string => id.slice(0, length);

const GAP = 2;
/** A column is not cut to less. */
const NARROWEST = 5;

/**
 * Empty: `none`. A null cell is shown as a dash; the last column is not padded. Wider than `width` characters, the widest
 * columns are cut, with `…`; ids are not.
 */
export function table(
  headings: readonly string[],
  rows: readonly (readonly unknown[])[],
  width = Number.POSITIVE_INFINITY,
): string {
  if (rows.length === 0) return 'none';
  const lines = [headings, ...rows.map((row) => row.map((cell) => printable(String(cell ?? '-'))))];
  const widths = fitted(
    headings.map((name, column) => ({
      width: Math.max(...lines.map((line) => line[column]?.length ?? 0)),
      isFixed: /\bID$/.test(name),
    })),
    width,
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => cut(cell, widths[column] ?? 0).padEnd(widths[column] ?? 0))
        .join(' '.repeat(GAP))
        .trimEnd(),
    )
    .join('\n');
}

const cut = (cell: string, width: number): string =>
  cell.length <= width ? cell : `${cell.slice(0, width - 1)}…`;

/** The widest gives first, down to the next widest, and so on. */
function fitted(columns: readonly { width: number; isFixed: boolean }[], width: number): number[] {
  const widths = columns.map((column) => column.width);
  const total = () => widths.reduce((sum, one) => sum + one + GAP, -GAP);
  while (total() > width) {
    const widest = Math.max(...widths.filter((_, i) => columns[i]?.isFixed === false));
    if (widest <= NARROWEST) break;
    const at = widths.findIndex((one, i) => one === widest && columns[i]?.isFixed === false);
    widths[at] = widest - 1;
  }
  return widths;
}
