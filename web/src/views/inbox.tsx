import { useState } from 'preact/hooks';
import type { Inbox as Row } from '../../../src/http/schemas/inbox.ts';
import { useApi } from '../context.ts';
import { quoted } from '../curl.ts';
import { Command } from '../elements/command.tsx';
import { Confirm } from '../elements/confirm.tsx';
import { Copy } from '../elements/copy.tsx';
import { Facts } from '../elements/facts.tsx';
import { InboxAnswers } from '../elements/inbox-answers.tsx';
import { InboxRequests } from '../elements/inbox-requests.tsx';
import { Page } from '../elements/page.tsx';
import { Time } from '../elements/time.tsx';
import { bytes, shortId, whole } from '../format.ts';
import { useInboxRequests } from '../inbox-requests.ts';
import { UNTOLD_EVERY_MS, useAction, useLoaded } from '../live.ts';
import { go, link } from '../route.ts';

export function Inbox({ id }: { id: string }) {
  const api = useApi();
  const arrived = useInboxRequests(id);
  const { value, problem, reload } = useLoaded({
    of: `inbox ${id}`,
    load: (signal) => api.inboxes.get(id, { signal }),
    everyMs: UNTOLD_EVERY_MS,
  });
  const [sent, setSent] = useState<string | null>(null);
  const sample = useAction(async () => {
    const callback = await api.callbacks.test({ event: 'success', inbox: id });
    setSent(callback.id);
  });
  const remove = useAction(async () => {
    await api.inboxes.delete(id);
    go(['inboxes']);
  });
  return (
    <Page
      title={value?.name ?? 'Inbox'}
      under={{ label: 'Inboxes', href: link(['inboxes']) }}
      beside={
        value && (
          <>
            <button type="button" class="main" disabled={sample.busy} onClick={() => sample.run()}>
              Send a sample
            </button>
            <Confirm label="Delete" disabled={remove.busy} onConfirm={remove.run}>
              {value.name} is deleted with the {whole(value.requests)} requests that it keeps. Callbacks to
              its address fail from then on: the same address never comes back.
            </Confirm>
          </>
        )
      }
      problem={sample.problem ?? remove.problem ?? problem ?? arrived.problem}
    >
      {arrived.gone && <p class="note bad">This inbox was deleted.</p>}
      {value && (
        <>
          {sent !== null && (
            <p class="note" role="status">
              A sample is on its way: <a href={link(['callbacks', sent])}>callback {shortId(sent)}</a>
            </p>
          )}
          <Facts
            of={[
              ['Address', <Copy key="address" text={value.address} />],
              ['Requests', countOf(value)],
              ['Last one', <Time key="last" at={value.last_request_at} />],
              ['Takes', `bodies of up to ${bytes(value.max_bytes)}; a larger one is answered 413`],
            ]}
          />
          <OnYourMachine of={value} />
          <InboxAnswers key={JSON.stringify(value.answer)} of={value} onChanged={reload} />
          <InboxRequests inbox={value} arrived={arrived} />
        </>
      )}
    </Page>
  );
}

function countOf({ last_number: all, requests: kept }: Row): string {
  return all === kept ? whole(all) : `${whole(all)}, of which ${whole(kept)} are kept`;
}

function OnYourMachine({ of: { name, forward, forwarder_connected: connected } }: { of: Row }) {
  const command = `ringback listen --forward http://localhost:3000/hook --inbox ${quoted(name)}`;
  return (
    <details open={forward}>
      <summary>
        {connected
          ? 'Your machine answers: listen is connected'
          : forward
            ? 'Your machine answers: listen is not connected, so it is 503 and comes again'
            : 'Receive on your own machine'}
      </summary>
      <p class="hint">
        No tunnel, no open port: every request is made again on your machine, and its answer becomes that of
        the inbox.
      </p>
      <Command text={command} />
    </details>
  );
}
