import { useApi } from '../context.ts';
import { CallbackTable } from '../elements/callback-table.tsx';
import { Empty } from '../elements/empty.tsx';
import { FailingEndpoints } from '../elements/failing-endpoints.tsx';
import { Page } from '../elements/page.tsx';
import { Problem } from '../elements/problem.tsx';
import { StatsCharts } from '../elements/stats-charts.tsx';
import { ago, whole } from '../format.ts';
import { useLoaded } from '../live.ts';
import { link, type Route } from '../route.ts';
import { SPANS, type SpanName, type Stats, statsOf, statsQuery } from '../stats.ts';

/** A day of an account with much to do changes a thousand times a second; the charts need not. */
const STATS_EVERY_MS = 10_000;
const LATEST = 8;

export function Overview({ route }: { route: Route }) {
  const asked = route.query.get('span');
  const span: SpanName = asked !== null && Object.hasOwn(SPANS, asked) ? (asked as SpanName) : '24h';
  const api = useApi();
  const stats = useLoaded({
    of: `stats ${span}`,
    load: async (signal) => statsOf(await api.stats(statsQuery(span, new Date()), { signal })),
    everyMs: STATS_EVERY_MS,
  });
  return (
    <Page
      title="Overview"
      beside={
        <nav class="choices" aria-label="Time">
          {Object.keys(SPANS).map((name) => (
            <a
              key={name}
              href={link(['overview'], { span: name })}
              aria-current={name === span ? 'true' : undefined}
            >
              {name}
            </a>
          ))}
        </nav>
      }
      problem={stats.problem}
    >
      <Sentences of={stats.value} span={span} />
      <StatsCharts of={stats.value} />
      <FailingEndpoints />
      <LatestFailures />
    </Page>
  );
}

/** What an operator wants to know first. */
function Sentences({ of, span }: { of: Stats | undefined; span: SpanName }) {
  if (of === undefined)
    return (
      <div class="sentences" aria-busy="true">
        {[0, 1, 2].map((place) => (
          <a key={place} href={link([])}>
            <strong>…</strong>
            <span class="skeleton short" />
          </a>
        ))}
      </div>
    );
  const { delivered, failed } = of.total;
  const made = SPANS[span].made;
  return (
    <div class="sentences">
      <a href={link(['callbacks'], { state: 'delivered', made })}>
        <strong>{whole(delivered)}</strong>
        <span>
          delivered of {whole(delivered + failed)} that ended, {SPANS[span].words}
        </span>
      </a>
      <a class={of.waiting > 0 ? 'waiting' : ''} href={link(['callbacks'], { state: 'pending' })}>
        <strong>{whole(of.waiting)}</strong>
        <span>
          {of.oldestWaiting === null
            ? 'waiting: nothing is owed'
            : `waiting; the oldest was made ${ago(new Date(of.oldestWaiting), new Date())}`}
        </span>
      </a>
      <a class={failed > 0 ? 'bad' : ''} href={link(['callbacks'], { state: 'failed', made })}>
        <strong>{whole(failed)}</strong>
        <span>failed for good, {SPANS[span].words}</span>
      </a>
    </div>
  );
}

function LatestFailures() {
  const api = useApi();
  const { value, problem } = useLoaded({
    of: 'latest failures',
    load: (signal) => api.callbacks.page({ state: ['failed'], limit: LATEST }, signal),
    concerns: ({ event, data }) => event === 'delivery' && (data as { state?: string }).state === 'failed',
  });
  return (
    <section aria-labelledby="latest">
      <header class="title">
        <h2 id="latest">Latest failures</h2>
        <a href={link(['callbacks'], { state: 'failed' })}>All of them</a>
      </header>
      <Problem problem={problem} />
      {!problem && (
        <CallbackTable
          of={value?.items}
          expected={LATEST}
          empty={<Empty title="Nothing has failed for good" />}
        />
      )}
    </section>
  );
}
