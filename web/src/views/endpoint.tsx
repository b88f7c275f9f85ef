import type { EndpointHealthWord } from '../../../src/delivery.ts';
import { useApi } from '../context.ts';
import { CallbackTable } from '../elements/callback-table.tsx';
import { Confirm } from '../elements/confirm.tsx';
import { Copy } from '../elements/copy.tsx';
import { Facts } from '../elements/facts.tsx';
import { Health } from '../elements/health.tsx';
import { Page } from '../elements/page.tsx';
import { Problem } from '../elements/problem.tsx';
import { CallbackCharts, ChartsToCome } from '../elements/stats-charts.tsx';
import { Time } from '../elements/time.tsx';
import { span } from '../format.ts';
import { healthSentence, successOf } from '../health.ts';
import { UNTOLD_EVERY_MS, useAction, useLoaded } from '../live.ts';
import { go, link } from '../route.ts';
import { statsOf, statsQuery } from '../stats.ts';

const LAST_CALLBACKS = 10;

/** How much the sentence of a health should worry. */
const NOTES: Readonly<Record<EndpointHealthWord, string>> = {
  healthy: 'good',
  failing: 'bad',
  resting: 'waiting',
  paused: 'waiting',
  disabled: 'bad',
};

const originOf = (url: string): string => (URL.canParse(url) ? new URL(url).origin : url);

export function Endpoint({ id }: { id: string }) {
  const api = useApi();
  const endpoint = useLoaded({
    of: id,
    load: (signal) => api.endpoints.get(id, { signal }),
    concerns: ({ event }) => event === 'delivery',
    everyMs: UNTOLD_EVERY_MS,
  });
  const callbacks = useLoaded({
    of: id,
    load: (signal) => api.callbacks.page({ endpoint: id, limit: LAST_CALLBACKS }, signal),
    concerns: ({ event }) => event === 'delivery',
  });
  const enable = useAction(async () => {
    await api.endpoints.enable(id);
    endpoint.reload();
  });
  const disable = useAction(async () => {
    await api.endpoints.disable(id);
    endpoint.reload();
  });
  const remove = useAction(async () => {
    await api.endpoints.remove(id);
    go(['endpoints']);
  });
  const { value } = endpoint;
  return (
    <Page
      title="Endpoint"
      name={value?.url}
      under={{ label: 'Endpoints', href: link(['endpoints']) }}
      beside={
        <>
          {value && <Health of={value} />}
          {value && value.state !== 'closed' && (
            <button type="button" class="main" disabled={enable.busy} onClick={() => enable.run()}>
              {value.state === 'disabled' ? 'Enable' : 'Try again now'}
            </button>
          )}
          {value && value.state !== 'disabled' && (
            <Confirm label="Disable" disabled={disable.busy} onConfirm={disable.run}>
              Nothing is sent to {value.url} until it is enabled. What is due waits and is not lost.
            </Confirm>
          )}
          {value && (
            <Confirm label="Remove" disabled={remove.busy} onConfirm={remove.run}>
              What waits for {value.url} ({value.undelivered}) is cancelled and never sent; what was sent
              stays on record. A later callback to this URL makes a new endpoint.
            </Confirm>
          )}
        </>
      }
      problem={enable.problem ?? disable.problem ?? remove.problem ?? endpoint.problem}
    >
      {value && (
        <>
          <p class={`note ${NOTES[value.health]}`}>{healthSentence(value, new Date())}</p>
          <Facts
            of={[
              ['URL', <Copy key="url" text={value.url} />],
              [
                'Host',
                <a
                  key="host"
                  href={link(['endpoints'], { search: originOf(value.url) })}
                  title="All its endpoints"
                >
                  {originOf(value.url)}
                </a>,
              ],
              value.disabled_at !== null && ['Disabled', <Time key="disabled" at={value.disabled_at} />],
              value.open_until !== null && ['Rests until', <Time key="open" at={value.open_until} due />],
              value.paused_until !== null && [
                'Asked for patience until',
                <Time key="paused" at={value.paused_until} due />,
              ],
              ['Failures in a row', value.failures_in_a_row],
              value.failing_since !== null && [
                'Failing since',
                <Time key="failing" at={value.failing_since} />,
              ],
              ['Attempts, 24 h', value.attempts_24h],
              ['Success, 24 h', successOf(value)],
              ['Undelivered', value.undelivered],
              value.oldest_undelivered_age_s !== null && ['Oldest', span(value.oldest_undelivered_age_s)],
              value.next_attempt_at !== null && [
                'Next attempt',
                <Time key="next" at={value.next_attempt_at} due />,
              ],
            ]}
          />
          <Day id={id} />
          <header class="title">
            <h2>Latest callbacks</h2>
            <a href={link(['callbacks'], { endpoint: id })}>All of them</a>
            <a href={link(['replays'], { endpoint: id, state: 'failed' })}>Send failed ones again…</a>
          </header>
          <Problem problem={callbacks.problem} />
          <CallbackTable of={callbacks.value?.items} expected={LAST_CALLBACKS} />
        </>
      )}
    </Page>
  );
}

/** Its last 24 hours. */
function Day({ id }: { id: string }) {
  const api = useApi();
  const { value, problem } = useLoaded({
    of: `day ${id}`,
    load: async (signal) =>
      statsOf(await api.stats({ ...statsQuery('24h', new Date()), endpoint: id }, { signal })),
    everyMs: 2 * UNTOLD_EVERY_MS,
  });
  return (
    <div class="charts">
      <Problem problem={problem} />
      {value ? <CallbackCharts of={value} /> : <ChartsToCome titles={['Callbacks', 'Attempt latency']} />}
    </div>
  );
}
