import type { Job } from '../../../src/http/schemas/job.ts';
import { JOB_STATES, type JobState } from '../../../src/job.ts';
import { useApi } from '../context.ts';
import { Choices } from '../elements/choices.tsx';
import { Empty } from '../elements/empty.tsx';
import { FilterText, FilterTime, sinceOf } from '../elements/filter.tsx';
import { type Column, Cut, List } from '../elements/list.tsx';
import { Metadata } from '../elements/metadata.tsx';
import { Page } from '../elements/page.tsx';
import { Pager } from '../elements/pager.tsx';
import { Problem } from '../elements/problem.tsx';
import { State } from '../elements/state.tsx';
import { Time } from '../elements/time.tsx';
import { clock, shortId } from '../format.ts';
import { listQuery } from '../list-query.ts';
import { useLoaded } from '../live.ts';
import { metadataFilter } from '../metadata-filter.ts';
import { link, type Route } from '../route.ts';

const COLUMNS: readonly Column<Job>[] = [
  { name: 'Status', cell: ({ status }) => <State of={status} /> },
  {
    name: 'Audio',
    rest: true,
    cell: (job) => <Cut text={audioOf(job)} href={link(['transcriptions', job.id])} />,
  },
  {
    name: 'Why',
    from: 'wide',
    cell: (job) =>
      job.error_message === null ? null : (
        <span class="cut narrow" title={job.error_message}>
          {job.error_message}
        </span>
      ),
  },
  { name: 'Metadata', from: 'wide', cell: (job) => <Metadata of={job.custom_metadata} /> },
  {
    name: 'Length',
    figures: true,
    from: 'medium',
    cell: ({ file }) => (file?.audio_duration == null ? '–' : clock(file.audio_duration)),
  },
  {
    name: 'Id',
    from: 'wide',
    cell: (job) => <code title={job.id}>{shortId(job.id)}</code>,
  },
  { name: 'Created', cell: (job) => <Time at={job.created_at} /> },
];

export function Transcriptions({ route }: { route: Route }) {
  const api = useApi();
  const query = listQuery(route);
  const status = query.get('status') as JobState | null;
  const offset = Number(query.get('offset') ?? 0);
  const made = query.get('made');
  const metadata = query.get('metadata');
  const { value, problem } = useLoaded({
    of: `transcriptions ${query.asked}`,
    load: (signal) => {
      const since = sinceOf(made);
      return api.transcriptions.page(
        {
          limit: query.rows,
          offset,
          result: false,
          ...(status !== null && { status: [status] }),
          ...(since !== undefined && { after_date: since }),
          ...(metadata !== null && { custom_metadata: metadataFilter(metadata) }),
        },
        signal,
      );
    },
    concerns: ({ event }) => event === 'job',
  });
  return (
    <Page
      title="Transcriptions"
      beside={
        <a class="button main" href={link(['transcriptions', 'new'])}>
          New transcription
        </a>
      }
    >
      <div class="filters">
        <Choices label="Status" values={JOB_STATES} chosen={status} to={(status) => query.to({ status })} />
        <FilterTime value={made} onChange={(made) => query.change({ made })} />
        <FilterText
          label="Metadata"
          placeholder="metadata: order=A-17"
          value={metadata}
          onChange={(metadata) => query.change({ metadata })}
        />
      </div>
      <Problem problem={problem} />
      <List
        label="Transcriptions"
        columns={COLUMNS}
        rows={value?.items}
        rowKey={({ id }) => id}
        expected={query.rows}
        empty={<None narrowed={query.asked !== ''} />}
      />
      <Pager
        newest={offset > 0 ? query.to({}) : null}
        older={value?.next == null ? null : query.page({ offset: String(offset + query.rows) })}
        size={{ is: query.rows, onChange: (rows) => query.change({ rows: String(rows) }) }}
      />
    </Page>
  );
}

export const audioOf = ({ file, request_params }: Job): string =>
  file?.filename ?? file?.source ?? String(request_params.audio_url);

function None({ narrowed }: { narrowed: boolean }) {
  if (narrowed)
    return (
      <Empty title="Nothing fits">
        No transcription is like this. <a href={link(['transcriptions'])}>Show all</a>
      </Empty>
    );
  return (
    <Empty title="No transcriptions yet" command={firstRequest()}>
      Drop a file into <a href={link(['transcriptions', 'new'])}>New transcription</a>, or name one from a
      terminal:
    </Empty>
  );
}

const firstRequest = () =>
  `curl -H "x-gladia-key: $KEY" -H "content-type: application/json" -d '{"audio_url":"https://cdn.example.org/call.mp3"}' ${new URL('v2/pre-recorded', location.href.split('#', 1)[0])}`;
