import { ENDPOINT_HEALTHS, type EndpointHealthWord, type EndpointSort } from '../../../src/delivery.ts';
import type { Endpoint } from '../../../src/http/schemas/endpoint.ts';
import { useApi } from '../context.ts';
import { Choices } from '../elements/choices.tsx';
import { Empty } from '../elements/empty.tsx';
import { FilterText } from '../elements/filter.tsx';
import { Health } from '../elements/health.tsx';
import { type Column, Cut, List } from '../elements/list.tsx';
import { Page } from '../elements/page.tsx';
import { Pager } from '../elements/pager.tsx';
import { Time } from '../elements/time.tsx';
import { span, whole } from '../format.ts';
import { HEALTH_WORDS, successOf } from '../health.ts';
import { type ListQuery, listQuery } from '../list-query.ts';
import { UNTOLD_EVERY_MS, useLoaded } from '../live.ts';
import { link, type Route } from '../route.ts';

export function Endpoints({ route }: { route: Route }) {
  const api = useApi();
  const query = listQuery(route);
  const health = query.get('health') as EndpointHealthWord | null;
  const search = query.get('search');
  const sort = query.get('sort') as EndpointSort | null;
  const after = query.get('after');
  const { value, problem } = useLoaded({
    of: `endpoints ${query.asked}`,
    load: (signal) =>
      api.endpoints.page(
        {
          limit: query.rows,
          sort: sort ?? 'failing',
          ...(health !== null && { health: [health] }),
          ...(search !== null && { search }),
          ...(after !== null && { after }),
        },
        signal,
      ),
    concerns: ({ event }) => event === 'delivery',
    everyMs: UNTOLD_EVERY_MS,
  });
  return (
    <Page title="Endpoints" problem={problem}>
      <div class="filters">
        <Choices
          label="Health"
          values={ENDPOINT_HEALTHS}
          chosen={health}
          named={(health) => HEALTH_WORDS[health as EndpointHealthWord]}
          to={(health) => query.to({ health })}
        />
        <FilterText
          label="URL"
          placeholder="part of the URL"
          value={search}
          onChange={(search) => query.change({ search })}
        />
      </div>
      <List
        label="Endpoints"
        columns={columnsOf(query, sort ?? 'failing')}
        rows={value?.items}
        rowKey={({ id }) => id}
        expected={query.rows}
        empty={<None narrowed={query.asked !== ''} />}
      />
      <Pager
        newest={after === null ? null : query.to({})}
        older={value?.next == null ? null : query.page({ after: value.next })}
        words={['First page', 'Next']}
        size={{ is: query.rows, onChange: (rows) => query.change({ rows: String(rows) }) }}
      />
    </Page>
  );
}

function columnsOf(query: ListQuery, sort: EndpointSort): Column<Endpoint>[] {
  const by = (name: string, by: EndpointSort) => ({
    name,
    head: (
      <a href={query.to({ sort: by })} aria-current={sort === by ? 'true' : undefined}>
        {name}
        {sort === by && ' ↓'}
      </a>
    ),
  });
  return [
    { name: 'Health', cell: (endpoint) => <Health of={endpoint} /> },
    {
      ...by('Endpoint', 'url'),
      rest: true,
      cell: ({ id, url }) => <Cut text={url} href={link(['endpoints', id])} />,
    },
    { ...by('Success, 24 h', 'success'), figures: true, from: 'medium', cell: successOf },
    {
      ...by('Failed in a row', 'failing'),
      figures: true,
      from: 'wide',
      cell: ({ failures_in_a_row }) => whole(failures_in_a_row),
    },
    { ...by('Waiting', 'undelivered'), figures: true, cell: ({ undelivered }) => whole(undelivered) },
    {
      ...by('Oldest', 'oldest'),
      figures: true,
      from: 'medium',
      cell: ({ oldest_undelivered_age_s: age }) => (age === null ? '–' : span(age)),
    },
    { name: 'Next attempt', from: 'wide', cell: (endpoint) => <Time at={endpoint.next_attempt_at} due /> },
  ];
}

function None({ narrowed }: { narrowed: boolean }) {
  if (narrowed)
    return (
      <Empty title="Nothing fits">
        No endpoint is like this. <a href={link(['endpoints'])}>Show all</a>
      </Empty>
    );
  return (
    <Empty title="No endpoints yet" command="ringback listen">
      An endpoint is the URL of a callback, without its query: it stands here from its first callback on. To
      receive one on this machine:
    </Empty>
  );
}
