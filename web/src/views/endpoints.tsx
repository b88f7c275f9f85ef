import { ENDPOINT_HEALTHS, type EndpointHealthWord } from '../../../src/delivery.ts';
import { useApi } from '../context.ts';
import { Choices } from '../elements/choices.tsx';
import { Page } from '../elements/page.tsx';
import { Pager } from '../elements/pager.tsx';
import { State } from '../elements/state.tsx';
import { Table } from '../elements/table.tsx';
import { Time } from '../elements/time.tsx';
import { percent, span } from '../format.ts';
import { ENDPOINTS_EVERY_MS, useLoaded } from '../live.ts';
import { link, type Route } from '../route.ts';

const PAGE = 50;

export function Endpoints({ route: { query } }: { route: Route }) {
  const api = useApi();
  const health = query.get('health') as EndpointHealthWord | null;
  const after = query.get('after');
  const { value: page, problem } = useLoaded({
    of: `endpoints ${health} ${after}`,
    load: (signal) =>
      api.endpoints.page(
        {
          limit: PAGE,
          ...(health !== null && { health: [health] }),
          ...(after !== null && { after }),
        },
        signal,
      ),
    concerns: ({ event }) => event === 'delivery',
    everyMs: ENDPOINTS_EVERY_MS,
  });
  const value = page?.items;
  const at = (after?: string) => link(['endpoints'], { health: health ?? undefined, after });
  return (
    <Page title="Endpoints" problem={problem}>
      <Choices
        label="Health"
        values={ENDPOINT_HEALTHS}
        chosen={health}
        to={(health) => link(['endpoints'], { health })}
      />
      {value?.length === 0 && (
        <p class="hint">None here: an endpoint is the URL of a callback, without its query.</p>
      )}
      {value && value.length > 0 && (
        <Table
          label="Endpoints"
          columns={[
            'Health',
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
                <State of={endpoint.health} />
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
      {page && (
        <Pager
          newest={after === null ? null : at()}
          older={page.next === null ? null : at(page.next)}
          words={['First page', 'Next']}
        />
      )}
    </Page>
  );
}
