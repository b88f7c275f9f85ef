// Callbacks as rows.
import type { ComponentChildren } from 'preact';
import type { Callback } from '../../../src/http/schemas/callback.ts';
import { exact, shortId, span, words } from '../format.ts';
import { statusSentence } from '../next-step.ts';
import { link } from '../route.ts';
import { type Column, Cut, List } from './list.tsx';
import { Metadata } from './metadata.tsx';
import { State } from './state.tsx';
import { Time } from './time.tsx';

const COLUMNS: readonly Column<Callback>[] = [
  { name: 'State', cell: ({ state }) => <State of={state} /> },
  {
    name: 'Callback',
    from: 'medium',
    cell: ({ id }) => (
      <a class="mono" href={link(['callbacks', id])}>
        {shortId(id)}
      </a>
    ),
  },
  {
    name: 'To',
    rest: true,
    cell: (callback) => <Cut text={placeOf(callback)} href={link(['callbacks', callback.id])} />,
  },
  { name: 'Metadata', from: 'wide', cell: (callback) => <Metadata of={callback.custom_metadata} /> },
  { name: 'Last answer', from: 'medium', cell: lastOf },
  { name: 'Attempts', figures: true, from: 'wide', cell: (callback) => callback.attempt_count },
  { name: 'Made', from: 'medium', cell: (callback) => <Time at={callback.created_at} /> },
  { name: 'What then', cell: (callback) => <Then callback={callback} /> },
];

/** Its scheme takes the room of what tells two apart. */
function placeOf({ method, url }: Callback): string {
  const place = url.replace(/^https?:\/\//, '');
  return method === 'POST' ? place : `${method} ${place}`;
}

/** `503`, or why there was no answer. */
function lastOf({ last_status: status, last_error: error }: Callback) {
  if (status === null) return error === null ? <span class="none">–</span> : words(error);
  return <span title={statusSentence(status)}>{status}</span>;
}

type CallbackTableProps = {
  /** Undefined until they are loaded. */
  of: readonly Callback[] | undefined;
  expected?: number;
  empty?: ComponentChildren;
};

export function CallbackTable({ of, expected, empty }: CallbackTableProps) {
  return (
    <List
      label="Callbacks"
      columns={COLUMNS}
      rows={of}
      rowKey={({ id }) => id}
      empty={empty ?? <p class="hint">No callbacks here.</p>}
      {...(expected !== undefined && { expected })}
    />
  );
}

function Then({ callback }: { callback: Callback }) {
  const { reason, next_attempt_at: next, created_at: made, completed_at: ended } = callback;
  if (next !== null && ended === null)
    return (
      <span title={reason ?? undefined}>
        next <Time at={next} due />
      </span>
    );
  if (reason !== null)
    return (
      <span class="cut narrow" title={reason}>
        {reason}
      </span>
    );
  if (ended === null) return <span class="none">–</span>;
  return (
    <span class="hint" title={exact(new Date(ended))}>
      {tookOf(Date.parse(ended) - Date.parse(made))}
    </span>
  );
}

const tookOf = (ms: number): string => (ms < 1_000 ? 'at once' : `after ${span(ms / 1_000)}`);
