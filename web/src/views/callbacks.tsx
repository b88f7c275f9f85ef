import { DELIVERY_STATES, type DeliveryState } from '../../../src/delivery.ts';
import { useApi } from '../context.ts';
import { CallbackTable } from '../elements/callback-table.tsx';
import { Choices } from '../elements/choices.tsx';
import { Page } from '../elements/page.tsx';
import { Pager } from '../elements/pager.tsx';
import { Problem } from '../elements/problem.tsx';
import { useLoaded } from '../live.ts';
import { link, type Route } from '../route.ts';

const PAGE = 25;

export function Callbacks({ route: { query } }: { route: Route }) {
  const api = useApi();
  const state = query.get('state') as DeliveryState | null;
  const endpoint = query.get('endpoint');
  const after = query.get('after');
  const { value, problem } = useLoaded({
    of: `${state} ${endpoint} ${after}`,
    load: (signal) =>
      api.callbacks.page(
        {
          limit: PAGE,
          ...(state !== null && { state: [state] }),
          ...(endpoint !== null && { endpoint }),
          ...(after !== null && { after }),
        },
        signal,
      ),
    concerns: ({ event }) => event === 'delivery',
  });
  const kept = { endpoint: endpoint ?? undefined };
  const at = (after?: string) => link(['callbacks'], { ...kept, state: state ?? undefined, after });
  return (
    <Page
      title="Callbacks"
      beside={
        <a
          class="button"
          href={link(['replays'], { ...kept, state: state ?? 'failed' })}
          title="By filter, at a rate"
        >
          Send many again…
        </a>
      }
    >
      <Choices
        label="State"
        values={DELIVERY_STATES}
        chosen={state}
        to={(state) => link(['callbacks'], { ...kept, state })}
      />
      {endpoint !== null && (
        <p>
          Of <a href={link(['endpoints', endpoint])}>one endpoint</a>.{' '}
          <a href={link(['callbacks'], { state: state ?? undefined })}>Show those of all</a>
        </p>
      )}
      <Problem problem={problem} />
      {value && <CallbackTable of={value.items} />}
      {value && (
        <Pager newest={after === null ? null : at()} older={value.next === null ? null : at(value.next)} />
      )}
    </Page>
  );
}
