import type { CallbackWithAttempts } from '../../../src/http/schemas/callback.ts';
import { useApi } from '../context.ts';
import { Attempts } from '../elements/attempts.tsx';
import { Confirm } from '../elements/confirm.tsx';
import { Copy } from '../elements/copy.tsx';
import { Facts } from '../elements/facts.tsx';
import { Page } from '../elements/page.tsx';
import { SendElsewhere } from '../elements/send-elsewhere.tsx';
import { SentRequest } from '../elements/sent-request.tsx';
import { State } from '../elements/state.tsx';
import { Time } from '../elements/time.tsx';
import { bytes, shortId } from '../format.ts';
import { useAction, useLoaded } from '../live.ts';
import { lastSentence, nextStep } from '../next-step.ts';
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
  const unsendable = value?.state === 'delivering' || value?.bytes === null;
  return (
    <Page
      title="Callback"
      name={shortId(id)}
      under={{ label: 'Callbacks', href: link(['callbacks']) }}
      beside={
        value && (
          <>
            <State of={value.state} />
            {(value.state === 'pending' || value.state === 'delivering') && (
              <Confirm label="Cancel" disabled={cancel.busy} onConfirm={cancel.run}>
                Nothing further is sent of it to {value.url}. An attempt that is under way ends as it ends.
              </Confirm>
            )}
            <SendElsewhere id={id} disabled={unsendable} onSent={reload} />
            <button
              type="button"
              class="main"
              disabled={resend.busy || unsendable}
              title={value.bytes === null ? 'Its body was removed' : 'Now, with a full schedule'}
              onClick={() => resend.run()}
            >
              Send again
            </button>
          </>
        )
      }
      problem={resend.problem ?? cancel.problem ?? problem}
    >
      {value && (
        <>
          <Next of={value} />
          <About of={value} />
          <div class="two even">
            <section aria-labelledby="attempts">
              <h2 id="attempts">Attempts</h2>
              <Attempts of={value.attempts} to={value.url} />
            </section>
            <SentRequest id={id} attempts={value.attempt_count} />
          </div>
        </>
      )}
    </Page>
  );
}

/** What its last attempt meant, and what comes. */
function Next({ of }: { of: CallbackWithAttempts }) {
  const { mood, sentence, at } = nextStep(of);
  const last = of.state === 'delivered' ? null : lastSentence(of.attempts);
  return (
    <p class={`note ${mood}`} role="note">
      {last !== null && <>{last} </>}
      {sentence}
      {at !== null && (
        <>
          {/[.:]$/.test(sentence) ? ' Next attempt ' : ' '}
          <Time at={at} due />
          {of.state === 'pending' && of.reason === null && '.'}
        </>
      )}
    </p>
  );
}

function About({ of }: { of: CallbackWithAttempts }) {
  return (
    <Facts
      of={[
        ['To', `${of.method} ${of.url}`],
        ['webhook-id', <Copy key="id" text={of.id} />],
        ['Event', of.event],
        [
          'Carries',
          `${of.form === 'full' ? 'the whole body' : 'a reference to the result'}${of.bytes === null ? '; removed' : `, ${bytes(of.bytes)}`}`,
        ],
        [
          'Transcription',
          of.test ? (
            'none: it is a test'
          ) : of.transcription_id === null ? (
            'none: it tells of an endpoint'
          ) : (
            <a key="job" href={link(['transcriptions', of.transcription_id])}>
              {shortId(of.transcription_id)}
            </a>
          ),
        ],
        ...(of.webhook_id === null
          ? []
          : [
              [
                'Webhook',
                <a key="webhook" href={link(['webhooks', of.webhook_id])}>
                  {shortId(of.webhook_id)}
                </a>,
              ] as const,
            ]),
        [
          'Endpoint',
          of.endpoint_id === null ? (
            'removed'
          ) : (
            <a key="endpoint" href={link(['endpoints', of.endpoint_id])}>
              its health
            </a>
          ),
        ],
        ['Made', <Time key="made" at={of.created_at} />],
        of.completed_at !== null && ['Ended', <Time key="ended" at={of.completed_at} />],
      ]}
    />
  );
}
