// Who made and revoked keys, and rotated the signing secret.
import type { AuditEntry } from '../../../src/http/schemas/audit.ts';
import { useApi } from '../context.ts';
import { UNTOLD_EVERY_MS, useLoaded } from '../live.ts';
import { Problem } from './problem.tsx';
import { Table } from './table.tsx';
import { Time } from './time.tsx';

const ACTIONS: Readonly<Record<AuditEntry['action'], string>> = {
  'key.created': 'key made',
  'key.revoked': 'key revoked',
  'secret.rotated': 'signing secret rotated',
};

export function Changes() {
  const api = useApi();
  const { value, problem } = useLoaded({
    of: 'audit',
    load: (signal) => api.audit({ signal }),
    everyMs: UNTOLD_EVERY_MS,
  });
  return (
    <section aria-labelledby="changes">
      <h2 id="changes">Changes of keys and secrets</h2>
      <Problem problem={problem} />
      {value?.length === 0 && <p class="hint">None so far.</p>}
      {value && value.length > 0 && (
        <Table label="Changes" columns={['When', 'What', 'By']}>
          {value.map((entry) => (
            <tr key={`${entry.at} ${entry.action} ${entry.key?.id}`}>
              <td>
                <Time at={entry.at} />
              </td>
              <td>
                {ACTIONS[entry.action]}
                {entry.key && `: ${entry.key.name}`}
              </td>
              <td>
                {entry.by ? (
                  <>
                    {entry.by.name} <code>{entry.by.prefix}…</code>
                  </>
                ) : (
                  'on the server’s machine'
                )}
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}
