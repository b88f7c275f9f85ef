// What add-ons made of a transcript: words as words, lists as tables, and what is neither as JSON.
import type { ComponentChildren } from 'preact';
import type { Result } from '../../../src/http/schemas/job.ts';
import { isAddon } from '../findings.ts';
import { clock, words } from '../format.ts';
import { Json } from './json.tsx';
import { Table } from './table.tsx';

/** Of a list; the rest is in the JSON. */
const MOST_ROWS = 100;

export function Addons({ result }: { result: Result }) {
  const addons = Object.entries(result as Record<string, unknown>).flatMap(([name, value]) =>
    isAddon(value) ? [{ name, addon: value }] : [],
  );
  return (
    <>
      {addons.map(({ name, addon }) => (
        <article key={name} class="addon" aria-label={words(name)}>
          <h3>{words(name)}</h3>
          {addon.error && (
            <p class="problem">
              {addon.error.status_code}: {addon.error.message}
            </p>
          )}
          {addon.success && addon.is_empty && <p class="hint">Nothing was found.</p>}
          {!addon.is_empty && <Results name={name} of={addon.results} />}
        </article>
      ))}
    </>
  );
}

type Row = Readonly<Record<string, unknown>>;
const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isPlain = (value: unknown): boolean => value === null || typeof value !== 'object';

function Results({ name, of }: { name: string; of: unknown }) {
  if (of === null) return null;
  if (typeof of === 'string') return <p class="prose">{of}</p>;
  if (!Array.isArray(of) || !of.every(isRow)) return <Json label="Results" value={of} />;
  // What no row has, such as emotions, is no column.
  const columns = [...new Set(of.flatMap((row) => Object.keys(row)))].filter(
    (key) => of.every((row) => isPlain(row[key])) && of.some((row) => row[key] != null),
  );
  if (columns.length === 0) return <Json label="Results" value={of} />;
  return (
    <details open={of.length <= 12}>
      <summary>
        {of.length} {of.length === 1 ? 'result' : 'results'}
      </summary>
      <Table label={words(name)} columns={columns.map(words)}>
        {of.slice(0, MOST_ROWS).map((row, index) => (
          <tr key={index}>
            {columns.map((key) => (
              <td key={key}>{cellOf(key, row[key])}</td>
            ))}
          </tr>
        ))}
      </Table>
      {of.length > MOST_ROWS && <Json label={`All ${of.length}`} value={of} />}
    </details>
  );
}

function cellOf(key: string, value: unknown): ComponentChildren {
  if (value === null || value === undefined) return null;
  if ((key === 'start' || key === 'end') && typeof value === 'number') return clock(value, 1);
  return key === 'entity_type' ? words(String(value).toLowerCase()) : String(value);
}
