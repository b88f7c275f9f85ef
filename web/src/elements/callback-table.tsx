// Callbacks as rows.
import type { Callback } from '../../../src/http/schemas/callback.ts';
import { shortId } from '../format.ts';
import { link } from '../route.ts';
import { State } from './state.tsx';
import { Time } from './time.tsx';
import { Wide } from './wide.tsx';

export function CallbackTable({ of }: { of: readonly Callback[] }) {
  if (of.length === 0) return <p class="hint">No callbacks here.</p>;
  return (
    <Wide label="Callbacks">
      <table>
        <thead>
          <tr>
            <th scope="col">State</th>
            <th scope="col">Callback</th>
            <th scope="col">Event</th>
            <th scope="col">To</th>
            <th scope="col" class="number">
              Attempts
            </th>
            <th scope="col">Made</th>
            <th scope="col">Then</th>
          </tr>
        </thead>
        <tbody>
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
        </tbody>
      </table>
    </Wide>
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
