import { useState } from 'preact/hooks';
import type { Webhook, WebhookWithSecret } from '../../../src/http/schemas/webhook.ts';
import type { WebhookPayload } from '../../../src/webhook.ts';
import { useApi } from '../context.ts';
import { Confirm } from '../elements/confirm.tsx';
import { Copy } from '../elements/copy.tsx';
import { Empty } from '../elements/empty.tsx';
import { Facts } from '../elements/facts.tsx';
import { Page } from '../elements/page.tsx';
import { Problem } from '../elements/problem.tsx';
import { State } from '../elements/state.tsx';
import { Time } from '../elements/time.tsx';
import { useAction, useLoaded } from '../live.ts';
import { link } from '../route.ts';
import { WebhookForm } from './webhook-form.tsx';

/** More than an account may have. */
const ALL = 100;

/** All of the account, or the one of this id. */
export function Webhooks({ only }: { only?: string }) {
  const api = useApi();
  const [made, setMade] = useState<WebhookWithSecret | null>(null);
  const { value, problem, reload } = useLoaded({
    of: `webhooks ${only}`,
    load: async (signal) =>
      only === undefined
        ? (await api.webhooks.page({ limit: ALL }, signal)).items
        : [await api.webhooks.get(only, { signal })],
  });
  return (
    <Page
      title={only === undefined ? 'Webhooks' : 'Webhook'}
      problem={problem}
      {...(only !== undefined && { under: { label: 'Webhooks', href: link(['webhooks']) } })}
    >
      {only === undefined && (
        <>
          <p class="hint">
            A webhook hears of every transcription of this account, beside the callback that each may ask for.
          </p>
          <WebhookForm
            onMade={(webhook) => {
              setMade(webhook);
              reload();
            }}
          />
        </>
      )}
      {made && <Secret of={made} />}
      {value?.length === 0 && (
        <Empty title="No webhooks yet" command="ringback webhooks create https://app.example.org/hooks">
          One is made above, or on the command line:
        </Empty>
      )}
      {value?.map((webhook) => (
        <One
          key={webhook.id}
          webhook={webhook}
          onSecret={setMade}
          onChange={() => {
            if (only === undefined) reload();
            else location.hash = link(['webhooks']);
          }}
          onEdit={reload}
        />
      ))}
    </Page>
  );
}

function Secret({ of }: { of: WebhookWithSecret }) {
  return (
    <p class="once" role="status">
      The secret of the webhook to {of.url}, shown this once: <Copy text={of.secret} />
    </p>
  );
}

type OneProps = {
  webhook: Webhook;
  onSecret: (webhook: WebhookWithSecret) => void;
  /** It is gone. */
  onChange: () => void;
  /** It is otherwise than it was. */
  onEdit: () => void;
};

function One({ webhook, onSecret, onChange, onEdit }: OneProps) {
  const api = useApi();
  const [sent, setSent] = useState<string | null>(null);
  const change = useAction(async () => {
    await (webhook.enabled ? api.webhooks.pause(webhook.id) : api.webhooks.resume(webhook.id));
    onEdit();
  });
  const test = useAction(async () => setSent((await api.webhooks.test(webhook.id)).id));
  const rotate = useAction(async () => {
    onSecret(await api.webhooks.rotate(webhook.id));
    onEdit();
  });
  const remove = useAction(async () => {
    await api.webhooks.delete(webhook.id);
    onChange();
  });
  const busy = change.busy || test.busy || rotate.busy || remove.busy;
  return (
    <article class="replay" aria-label={`Webhook to ${webhook.url}`}>
      <header>
        <State of={webhook.enabled ? 'healthy' : 'paused'} label={webhook.enabled ? 'on' : 'paused'} />
        <strong class="address">{webhook.url}</strong>
      </header>
      {webhook.description !== '' && <p>{webhook.description}</p>}
      <About of={webhook} />
      <div class="actions">
        <button type="button" disabled={busy} onClick={() => test.run()}>
          Send a test
        </button>
        {webhook.enabled ? (
          <Confirm label="Pause" disabled={busy} onConfirm={() => change.run()}>
            What happens while it is paused is not told, then or later. To hold callbacks back without losing
            any, disable the endpoint.
          </Confirm>
        ) : (
          <button type="button" disabled={busy} onClick={() => change.run()}>
            Resume
          </button>
        )}
        <Confirm label="Rotate the secret" disabled={busy} onConfirm={() => rotate.run()}>
          A new secret signs from now on, and is shown once. The old one signs along for a day.
        </Confirm>
        <Confirm label="Delete" disabled={busy} onConfirm={() => remove.run()}>
          It hears of nothing more, and what waits for it is cancelled.
        </Confirm>
      </div>
      {sent !== null && (
        <p role="status">
          The test is <a href={link(['callbacks', sent])}>on its way</a>.
        </p>
      )}
      <Problem problem={change.problem ?? test.problem ?? rotate.problem ?? remove.problem} />
    </article>
  );
}

const PAYLOAD_WORDS: Readonly<Record<WebhookPayload, string>> = {
  notice: 'a notice: the event and the id',
  full: 'the whole body of a callback',
  reference: 'a reference to the result',
};

function About({ of }: { of: Webhook }) {
  const headers = Object.keys(of.headers);
  return (
    <Facts
      of={[
        ['Hears of', of.events.join(', ')],
        of.metadata !== null && [
          'Only where metadata has',
          <code key="metadata">{JSON.stringify(of.metadata)}</code>,
        ],
        ['Carries', PAYLOAD_WORDS[of.payload] + (of.payload === 'notice' ? '' : `, ${of.format}`)],
        headers.length > 0 && ['Headers', `${headers.join(', ')} (values are not shown)`],
        [
          'Signed by',
          of.secrets.map(({ secret, expires_at }) => (
            <span key={secret} class="signer">
              <code>{secret}</code>
              {expires_at !== null && (
                <>
                  {' '}
                  until <Time at={expires_at} />
                </>
              )}{' '}
            </span>
          )),
        ],
        ['Made', <Time key="made" at={of.created_at} />],
        [
          'Deliveries',
          <a key="deliveries" href={link(['callbacks'], { webhook: of.id })}>
            show them
          </a>,
        ],
      ]}
    />
  );
}
