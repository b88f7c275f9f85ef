// Callbacks as rows.
import type { Callback } from '../../../src/http/schemas/callback.ts';
import { shortId } from '../format.ts';
import { link } from '../route.ts';
import { State } from './state.tsx';
import { Table } from './table.tsx';
import { Time } from './time.tsx';

export function CallbackTable({ of }: { of: readonly Callback[] }) {
  if (of.length === 0) return <p class="hint">No callbacks here.</p>;
  return (
    <Table
      label="Callbacks"
      columns={['State', 'Callback', 'Event', 'To', { figures: 'Attempts' }, 'Made', 'Then']}
    >
      {of.map((callback) => (
        <tr key={callback.id}>
          <td>
            <State of={callback.state} />
          </td>
          <td>
            <a href={link(['callbacks', callback.id])}>
              <code>{shortId(callback.id)}</code>
            </a>
          </td>
          <td>{callback.event}</td>
          <td class="url">
            {callback.method} {callback.url}
          </td>
          <td class="number">{callback.attempt_count}</td>
          <td>
            <Time at={callback.created_at} />
          </td>
          <td>
            <Then callback={callback} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Then({ callback }: { callback: Callback }) {
  if (callback.reason !== null) return <span>{callback.reason}</span>;
  if (callback.completed_at !== null)
    return (
      <span>
        ended <Time at={callback.completed_at} />
      </span>
    );
  if (callback.next_attempt_at === null) return <span class="none">–</span>;
  return (
    <span>
      next <Time at={callback.next_attempt_at} />
    </span>
  );
}
