// Endpoints that do not take their callbacks, the worst first: why, since when, and the button that helps.
import type { Endpoint } from '../../../src/http/schemas/endpoint.ts';
import { useApi } from '../context.ts';
import { whole } from '../format.ts';
import { healthBrief, healthSentence } from '../health.ts';
import { UNTOLD_EVERY_MS, useAction, useLoaded } from '../live.ts';
import { link } from '../route.ts';
import { Empty } from './empty.tsx';
import { Health } from './health.tsx';
import { type Column, Cut, List } from './list.tsx';
import { Problem } from './problem.tsx';

const SHOWN = 8;
const ILL = ['failing', 'resting', 'paused', 'disabled'] as const;

export function FailingEndpoints() {
  const api = useApi();
  const { value, problem, reload } = useLoaded({
    of: 'ill endpoints',
    load: (signal) => api.endpoints.page({ health: [...ILL], sort: 'failing', limit: SHOWN }, signal),
    concerns: ({ event }) => event === 'delivery',
    everyMs: UNTOLD_EVERY_MS,
  });
  const enable = useAction(async (id: string) => {
    await api.endpoints.enable(id);
    reload();
  });
  return (
    <section aria-labelledby="ill">
      <header class="title">
        <h2 id="ill">Endpoints that need a look</h2>
        <a href={link(['endpoints'], { sort: 'failing' })}>All endpoints</a>
      </header>
      <Problem problem={enable.problem ?? problem} />
      <List
        label="Failing endpoints"
        columns={columnsOf((id) => enable.run(id), enable.busy)}
        rows={value?.items}
        rowKey={({ id }) => id}
        expected={SHOWN}
        empty={<Empty title="Every endpoint takes its callbacks" />}
      />
    </section>
  );
}

function columnsOf(enable: (id: string) => void, busy: boolean): Column<Endpoint>[] {
  return [
    { name: 'Health', cell: (endpoint) => <Health of={endpoint} /> },
    {
      name: 'Endpoint',
      rest: true,
      cell: ({ id, url }) => <Cut text={url} href={link(['endpoints', id])} />,
    },
    {
      name: 'Why',
      from: 'medium',
      cell: (endpoint) => (
        <span class="cut" title={healthSentence(endpoint, new Date())}>
          {healthBrief(endpoint, new Date())}
        </span>
      ),
    },
    { name: 'Waiting', figures: true, cell: ({ undelivered }) => whole(undelivered) },
    {
      name: 'Do',
      from: 'medium',
      cell: ({ id, state }) =>
        state !== 'closed' && (
          <button type="button" class="small" disabled={busy} onClick={() => enable(id)}>
            {state === 'disabled' ? 'Enable' : 'Try now'}
          </button>
        ),
    },
  ];
}
