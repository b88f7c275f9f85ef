// Callbacks as rows.
import type { ComponentChildren } from 'preact';
import type { Callback } from '../../../src/http/schemas/callback.ts';
import { shortId, words } from '../format.ts';
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
    cell: ({ id }) => (
      <a class="lead mono" href={link(['callbacks', id])}>
        {shortId(id)}
      </a>
    ),
  },
  {
    name: 'To',
    rest: true,
    cell: ({ method, url }) => <Cut text={method === 'POST' ? url : `${method} ${url}`} />,
  },
  { name: 'Metadata', from: 'wide', cell: (callback) => <Metadata of={callback.custom_metadata} /> },
  { name: 'Last answer', from: 'medium', cell: lastOf },
  { name: 'Attempts', figures: true, from: 'medium', cell: (callback) => callback.attempt_count },
  { name: 'Made', from: 'medium', cell: (callback) => <Time at={callback.created_at} /> },
  { name: 'What then', cell: (callback) => <Then callback={callback} /> },
];

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
  const { reason } = callback;
  if (callback.completed_at !== null)
    return (
      <span class="cut narrow" title={reason ?? undefined}>
        {reason ?? <Time at={callback.completed_at} />}
      </span>
    );
  if (callback.next_attempt_at === null)
    return (
      <span class="cut narrow" title={reason ?? undefined}>
        {reason ?? '–'}
      </span>
    );
  return (
    <span title={reason ?? undefined}>
      next <Time at={callback.next_attempt_at} due />
    </span>
  );
}
