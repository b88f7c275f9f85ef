import { useApi } from '../context.ts';
import { Problem } from '../elements/problem.tsx';
import { State } from '../elements/state.tsx';
import { Time } from '../elements/time.tsx';
import { Wide } from '../elements/wide.tsx';
import { percent, span } from '../format.ts';
import { useLoaded } from '../live.ts';
import { link } from '../route.ts';

/** No event tells of an endpoint that rests or is tried again. */
const LOOK_MS = 5_000;

export function Endpoints() {
  const api = useApi();
  const { value, problem } = useLoaded({
    of: 'endpoints',
    load: (signal) => api.endpoints.list({ signal }),
    concerns: ({ event }) => event === 'delivery',
    everyMs: LOOK_MS,
  });
  return (
    <main>
      <header class="title">
        <h1>Endpoints</h1>
      </header>
      <Problem problem={problem} />
      {value?.length === 0 && (
        <p class="hint">None yet: an endpoint is the URL of a callback, without its query.</p>
      )}
      {value && value.length > 0 && (
        <Wide label="Endpoints">
          <table>
            <thead>
              <tr>
                <th scope="col">State</th>
                <th scope="col">Endpoint</th>
                <th scope="col" class="number">
                  Success, 24 h
                </th>
                <th scope="col" class="number">
                  Failures in a row
                </th>
                <th scope="col" class="number">
                  Undelivered
                </th>
                <th scope="col" class="number">
                  Oldest
                </th>
                <th scope="col">Next attempt</th>
              </tr>
            </thead>
            <tbody>
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
                    {endpoint.oldest_undelivered_age_s === null
                      ? '–'
                      : span(endpoint.oldest_undelivered_age_s)}
                  </td>
                  <td>
                    <Time at={endpoint.next_attempt_at} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Wide>
      )}
    </main>
  );
}
