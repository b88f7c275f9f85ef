import { JOB_STATES, type JobState } from '../../../src/job.ts';
import { useApi } from '../context.ts';
import { Choices } from '../elements/choices.tsx';
import { Page } from '../elements/page.tsx';
import { Pager } from '../elements/pager.tsx';
import { Problem } from '../elements/problem.tsx';
import { State } from '../elements/state.tsx';
import { Table } from '../elements/table.tsx';
import { Time } from '../elements/time.tsx';
import { clock, shortId } from '../format.ts';
import { useLoaded } from '../live.ts';
import { link, type Route } from '../route.ts';

const PAGE = 25;

export function Transcriptions({ route: { query } }: { route: Route }) {
  const api = useApi();
  const status = query.get('status') as JobState | null;
  const offset = Number(query.get('offset') ?? 0);
  const { value, problem } = useLoaded({
    of: `${status} ${offset}`,
    load: (signal) =>
      api.transcriptions.page(
        { limit: PAGE, offset, result: false, ...(status !== null && { status: [status] }) },
        signal,
      ),
    concerns: ({ event }) => event === 'job',
  });
  const at = (status: string | undefined, offset = 0) =>
    link(['transcriptions'], { status, offset: offset === 0 ? undefined : String(offset) });
  return (
    <Page
      title="Transcriptions"
      beside={
        <a class="button main" href={link(['transcriptions', 'new'])}>
          New transcription
        </a>
      }
    >
      <Choices label="Status" values={JOB_STATES} chosen={status} to={at} />
      <Problem problem={problem} />
      {value?.items.length === 0 && <p class="hint">No transcriptions here.</p>}
      {value && value.items.length > 0 && (
        <Table
          label="Transcriptions"
          columns={['Status', 'Transcription', 'Audio', { figures: 'Length' }, 'Created', 'Completed']}
        >
          {value.items.map((job) => (
            <tr key={job.id}>
              <td>
                <State of={job.status} />
              </td>
              <td>
                <a href={link(['transcriptions', job.id])}>
                  <code>{shortId(job.id)}</code>
                </a>
              </td>
              <td class="url">
                {job.file?.filename ?? job.file?.source ?? String(job.request_params.audio_url)}
                {job.error_message !== null && <p class="hint">{job.error_message}</p>}
              </td>
              <td class="number">
                {job.file?.audio_duration == null ? '–' : clock(job.file.audio_duration)}
              </td>
              <td>
                <Time at={job.created_at} />
              </td>
              <td>
                <Time at={job.completed_at} />
              </td>
            </tr>
          ))}
        </Table>
      )}
      {value && (
        <Pager
          newest={offset > 0 ? at(status ?? undefined) : null}
          older={value.next === null ? null : at(status ?? undefined, offset + PAGE)}
        />
      )}
    </Page>
  );
}
