import type { EndpointState } from '../../../src/delivery.ts';
import { useApi } from '../context.ts';
import { CallbackTable } from '../elements/callback-table.tsx';
import { Confirm } from '../elements/confirm.tsx';
import { Facts } from '../elements/facts.tsx';
import { Page } from '../elements/page.tsx';
import { Problem } from '../elements/problem.tsx';
import { State } from '../elements/state.tsx';
import { Time } from '../elements/time.tsx';
import { percent, span } from '../format.ts';
import { ENDPOINTS_EVERY_MS, useAction, useLoaded } from '../live.ts';
import { go, link } from '../route.ts';

const LAST_CALLBACKS = 10;

const MEANINGS: Readonly<Record<EndpointState, string>> = {
  closed: 'Callbacks are sent here.',
  open: 'It failed too often: what is due waits, and no attempt is used up, until it is tried again.',
  half_open: 'One callback is being tried; the others follow when it arrives.',
  disabled: 'Nothing is sent here until it is enabled; what is due waits.',
};

export function Endpoint({ id }: { id: string }) {
  const api = useApi();
  const endpoint = useLoaded({
    of: id,
    load: (signal) => api.endpoints.get(id, { signal }),
    concerns: ({ event }) => event === 'delivery',
    everyMs: ENDPOINTS_EVERY_MS,
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
      beside={
        <>
          {value && <State of={value.health} />}
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
          <p>{MEANINGS[value.state]}</p>
          <Facts
            of={[
              [
                'URL',
                <span key="url" class="url">
                  {value.url}
                </span>,
              ],
              value.disabled_reason !== null && ['Disabled because', value.disabled_reason],
              value.disabled_at !== null && ['Disabled', <Time key="disabled" at={value.disabled_at} />],
              value.open_until !== null && ['Rests until', <Time key="open" at={value.open_until} />],
              value.paused_until !== null && [
                'Asked for patience until',
                <Time key="paused" at={value.paused_until} />,
              ],
              ['Failures in a row', value.failures_in_a_row],
              value.failing_since !== null && [
                'Failing since',
                <Time key="failing" at={value.failing_since} />,
              ],
              ['Attempts, 24 h', value.attempts_24h],
              value.success_rate_24h !== null && ['Success, 24 h', percent(value.success_rate_24h)],
              ['Undelivered', value.undelivered],
              value.oldest_undelivered_age_s !== null && ['Oldest', span(value.oldest_undelivered_age_s)],
              value.next_attempt_at !== null && [
                'Next attempt',
                <Time key="next" at={value.next_attempt_at} />,
              ],
            ]}
          />
          <header class="title">
            <h2>Latest callbacks</h2>
            <a href={link(['callbacks'], { endpoint: id })}>All of them</a>
            <a href={link(['replays'], { endpoint: id, state: 'failed' })}>Send failed ones again…</a>
          </header>
          <Problem problem={callbacks.problem} />
          {callbacks.value && <CallbackTable of={callbacks.value.items} />}
        </>
      )}
    </Page>
  );
}
