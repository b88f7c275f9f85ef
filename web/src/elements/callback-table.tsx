// Callbacks as rows.
import type { ComponentChildren } from 'preact';
import type { Callback } from '../../../src/http/schemas/callback.ts';
import { shortId } from '../format.ts';
import { link } from '../route.ts';
import { type Column, Cut, List } from './list.tsx';
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
  { name: 'Event', from: 'wide', cell: ({ event }) => event },
  { name: 'Attempts', figures: true, from: 'medium', cell: (callback) => callback.attempt_count },
  { name: 'Made', from: 'medium', cell: (callback) => <Time at={callback.created_at} /> },
  { name: 'What then', cell: (callback) => <Then callback={callback} /> },
];

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
