import { useApi } from '../context.ts';
import { Attempts } from '../elements/attempts.tsx';
import { Confirm } from '../elements/confirm.tsx';
import { Copy } from '../elements/copy.tsx';
import { Facts } from '../elements/facts.tsx';
import { Page } from '../elements/page.tsx';
import { State } from '../elements/state.tsx';
import { Time } from '../elements/time.tsx';
import { bytes, shortId } from '../format.ts';
import { useAction, useLoaded } from '../live.ts';
import { link } from '../route.ts';

export function Callback({ id }: { id: string }) {
  const api = useApi();
  const { value, problem, reload } = useLoaded({
    of: id,
    load: (signal) => api.callbacks.get(id, { signal }),
    concerns: (event) => event.event === 'delivery' && event.data.id === id,
  });
  const resend = useAction(async () => {
    await api.callbacks.resend(id);
    reload();
  });
  const cancel = useAction(async () => {
    await api.callbacks.cancel(id);
    reload();
  });
  return (
    <Page
      title="Callback"
      beside={
        <>
          {value && <State of={value.state} />}
          {value && (
            <button
              type="button"
              class="main"
              disabled={resend.busy || value.state === 'delivering' || value.bytes === null}
              title={value.bytes === null ? 'Its body was removed' : 'Now, with a full schedule'}
              onClick={() => resend.run()}
            >
              Send again
            </button>
          )}
          {value && (value.state === 'pending' || value.state === 'delivering') && (
            <Confirm label="Cancel" disabled={cancel.busy} onConfirm={cancel.run}>
              Nothing further is sent of it to {value.url}. An attempt that is under way ends as it ends.
            </Confirm>
          )}
        </>
      }
      problem={resend.problem ?? cancel.problem ?? problem}
    >
      {value && (
        <>
          <Facts
            of={[
              ['webhook-id', <Copy key="id" text={value.id} />],
              ['To', `${value.method} ${value.url}`],
              ['Event', value.event],
              [
                'Carries',
                `${value.form === 'full' ? 'the whole body' : 'a reference to the result'}${value.bytes === null ? '; removed' : `, ${bytes(value.bytes)}`}`,
              ],
              [
                'Transcription',
                <a key="job" href={link(['transcriptions', value.transcription_id])}>
                  {shortId(value.transcription_id)}
                </a>,
              ],
              [
                'Endpoint',
                value.endpoint_id === null ? (
                  'removed'
                ) : (
                  <a key="endpoint" href={link(['endpoints', value.endpoint_id])}>
                    its health
                  </a>
                ),
              ],
              ['Made', <Time key="made" at={value.created_at} />],
              value.next_attempt_at !== null && [
                'Next attempt',
                <Time key="next" at={value.next_attempt_at} />,
              ],
              value.completed_at !== null && ['Ended', <Time key="ended" at={value.completed_at} />],
              value.reason !== null && ['Why', value.reason],
            ]}
          />
          <h2>Attempts</h2>
          <Attempts of={value.attempts} to={value.url} />
        </>
      )}
    </Page>
  );
}
