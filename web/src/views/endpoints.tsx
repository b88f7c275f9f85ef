import { useApi } from '../context.ts';
import { Page } from '../elements/page.tsx';
import { State } from '../elements/state.tsx';
import { Table } from '../elements/table.tsx';
import { Time } from '../elements/time.tsx';
import { percent, span } from '../format.ts';
import { ENDPOINTS_EVERY_MS, useLoaded } from '../live.ts';
import { link } from '../route.ts';

export function Endpoints() {
  const api = useApi();
  const { value, problem } = useLoaded({
    of: 'endpoints',
    load: (signal) => api.endpoints.list({ signal }),
    concerns: ({ event }) => event === 'delivery',
    everyMs: ENDPOINTS_EVERY_MS,
  });
  return (
    <Page title="Endpoints" problem={problem}>
      {value?.length === 0 && (
        <p class="hint">None yet: an endpoint is the URL of a callback, without its query.</p>
      )}
      {value && value.length > 0 && (
        <Table
          label="Endpoints"
          columns={[
            'State',
            'Endpoint',
            { figures: 'Success, 24 h' },
            { figures: 'Failures in a row' },
            { figures: 'Undelivered' },
            { figures: 'Oldest' },
            'Next attempt',
          ]}
        >
          {value.map((endpoint) => (
            <tr key={endpoint.id}>
              <td>
                <State of={endpoint.state} />
              </td>
              <td class="url">
                <a href={link(['endpoints', endpoint.id])}>{endpoint.url}</a>
              </td>
              <td class="number">
                {endpoint.success_rate_24h === null ? '–' : percent(endpoint.success_rate_24h)}
              </td>
              <td class="number">{endpoint.failures_in_a_row}</td>
              <td class="number">{endpoint.undelivered}</td>
              <td class="number">
                {endpoint.oldest_undelivered_age_s === null ? '–' : span(endpoint.oldest_undelivered_age_s)}
              </td>
              <td>
                <Time at={endpoint.next_attempt_at} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Page>
  );
}
