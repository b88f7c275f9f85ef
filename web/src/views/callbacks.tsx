import {
  DELIVERY_EVENTS,
  DELIVERY_STATES,
  type DeliveryEvent,
  type DeliveryState,
} from '../../../src/delivery.ts';
import { useApi } from '../context.ts';
import { CallbackTable } from '../elements/callback-table.tsx';
import { Choices } from '../elements/choices.tsx';
import { Empty } from '../elements/empty.tsx';
import { FilterChoice, FilterTime, sinceOf } from '../elements/filter.tsx';
import { Page } from '../elements/page.tsx';
import { Pager } from '../elements/pager.tsx';
import { Problem } from '../elements/problem.tsx';
import { listQuery } from '../list-query.ts';
import { useLoaded } from '../live.ts';
import { link, type Route } from '../route.ts';

const EVENT_WORDS: Readonly<Record<DeliveryEvent, string>> = {
  success: 'of a transcript',
  error: 'of an error',
  created: 'of a new transcription',
  started: 'of a start',
  cancelled: 'of a cancellation',
  'endpoint.disabled': 'of a disabled endpoint',
};

export function Callbacks({ route }: { route: Route }) {
  const api = useApi();
  const query = listQuery(route);
  const state = query.get('state') as DeliveryState | null;
  const endpoint = query.get('endpoint');
  const event = query.get('event') as DeliveryEvent | null;
  const webhook = query.get('webhook');
  const made = query.get('made');
  const after = query.get('after');
  const { value, problem } = useLoaded({
    of: `callbacks ${query.asked}`,
    load: (signal) => {
      const since = sinceOf(made);
      return api.callbacks.page(
        {
          limit: query.rows,
          ...(state !== null && { state: [state] }),
          ...(endpoint !== null && { endpoint }),
          ...(webhook !== null && { webhook_id: webhook }),
          ...(event !== null && { event }),
          ...(since !== undefined && { created_after: since }),
          ...(after !== null && { after }),
        },
        signal,
      );
    },
    concerns: ({ event }) => event === 'delivery',
  });
  return (
    <Page
      title="Callbacks"
      beside={
        <a
          class="button"
          href={link(['replays'], { endpoint: endpoint ?? undefined, state: state ?? 'failed' })}
          title="By filter, at a rate"
        >
          Send many again…
        </a>
      }
    >
      <div class="filters">
        <Choices label="State" values={DELIVERY_STATES} chosen={state} to={(state) => query.to({ state })} />
        <FilterChoice
          label="Event"
          value={event}
          any="any event"
          values={DELIVERY_EVENTS.map((event) => [event, EVENT_WORDS[event]] as const)}
          onChange={(event) => query.change({ event })}
        />
        <FilterTime value={made} onChange={(made) => query.change({ made })} />
      </div>
      {endpoint !== null && (
        <p>
          Of <a href={link(['endpoints', endpoint])}>one endpoint</a>.{' '}
          <a href={query.to({ endpoint: undefined })}>Show those of all</a>
        </p>
      )}
      {webhook !== null && (
        <p>
          Of <a href={link(['webhooks', webhook])}>one webhook</a>.{' '}
          <a href={query.to({ webhook: undefined })}>Show those of all</a>
        </p>
      )}
      <Problem problem={problem} />
      <CallbackTable of={value?.items} expected={query.rows} empty={<None narrowed={query.asked !== ''} />} />
      <Pager
        newest={after === null ? null : query.to({})}
        older={value?.next == null ? null : query.page({ after: value.next })}
        size={{ is: query.rows, onChange: (rows) => query.change({ rows: String(rows) }) }}
      />
    </Page>
  );
}

function None({ narrowed }: { narrowed: boolean }) {
  if (narrowed)
    return (
      <Empty title="Nothing fits">
        No callback is like this. <a href={link(['callbacks'])}>Show all</a>
      </Empty>
    );
  return (
    <Empty title="No callbacks yet" command="ringback listen">
      A callback is made when a transcription ends that named a URL to call. To receive one on this machine:
    </Empty>
  );
}
