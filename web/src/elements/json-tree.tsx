// JSON to look through: objects and lists fold, long lists open in parts, and what is folded is not drawn.
import { useState } from 'preact/hooks';
import type {} from '../../../src/exact-json.ts';

/** Of one list or object, before more is asked for. */
const PART = 100;
/** Levels that stand open. */
const OPEN_LEVELS = 2;
const LONG_TEXT = 600;

type NodeProps = { name?: string; value: unknown; level?: number };

export function JsonTree({ name, value, level = 0 }: NodeProps) {
  const entries = entriesOf(value);
  if (entries === null)
    return (
      <div class="leaf">
        {name !== undefined && <span class="key">{name}: </span>}
        <Leaf value={value} />
      </div>
    );
  return <Folded name={name} entries={entries} isList={Array.isArray(value)} level={level} />;
}

type FoldedProps = { name: string | undefined; entries: [string, unknown][]; isList: boolean; level: number };

function Folded({ name, entries, isList, level }: FoldedProps) {
  const [open, setOpen] = useState(level < OPEN_LEVELS && entries.length <= PART);
  const [shown, setShown] = useState(PART);
  const [left, right] = isList ? '[]' : '{}';
  return (
    <details class="fold" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {name !== undefined && <span class="key">{name}: </span>}
        {left}
        {!open && <span class="hint">{entries.length}</span>}
        {!open && right}
      </summary>
      {open && (
        <div class="inner">
          {entries.slice(0, shown).map(([key, value]) => (
            <JsonTree key={key} name={key} value={value} level={level + 1} />
          ))}
          {entries.length > shown && (
            <button type="button" class="small" onClick={() => setShown(shown + PART)}>
              {entries.length - shown} more
            </button>
          )}
        </div>
      )}
      {open && <span>{right}</span>}
    </details>
  );
}

/** Null: it does not fold. A number whose letters are kept is an object to JavaScript, and a number to the reader. */
function entriesOf(value: unknown): [string, unknown][] | null {
  if (typeof value !== 'object' || value === null || rawOf(value) !== null) return null;
  const entries = Object.entries(value);
  return entries.length === 0 ? null : entries;
}

const rawOf = (value: object): string | null => (JSON.isRawJSON(value) ? value.rawJSON : null);

function Leaf({ value }: { value: unknown }) {
  const [whole, setWhole] = useState(false);
  if (typeof value === 'object' && value !== null)
    return <span class="number">{rawOf(value) ?? (Array.isArray(value) ? '[]' : '{}')}</span>;
  const text = JSON.stringify(value) ?? 'undefined';
  if (whole || text.length <= LONG_TEXT) return <span class={typeof value}>{text}</span>;
  return (
    <>
      <span class={typeof value}>{text.slice(0, LONG_TEXT)}…</span>{' '}
      <button type="button" class="small" onClick={() => setWhole(true)}>
        all {text.length} characters
      </button>
    </>
  );
}
